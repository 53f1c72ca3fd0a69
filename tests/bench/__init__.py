"""What the product costs beside the bare job. `python -m tests.bench`, or `make bench`."""
