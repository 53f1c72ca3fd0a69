"""One run of the process: application, supervisor, watcher, endpoints, status, reload, shutdown and signals.

In: validated settings. Out: an exit code. Nothing here parses a line or writes to a sink.
"""
