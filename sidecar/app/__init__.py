"""One run of the process: application, supervisor, watcher, endpoints, status, reload, shutdown and signals.

In: validated settings. Out: an exit code. Not in here: parsing lines and writing to sinks.
"""
