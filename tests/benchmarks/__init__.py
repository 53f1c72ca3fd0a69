"""What the product costs beside the bare job. `python -m tests.benchmarks`, or `make bench`."""
