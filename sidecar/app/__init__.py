"""One run of the process: the supervisor, the signals, the reload of the configuration, and the shutdown.

In: validated settings. Out: an exit code. Nothing here parses a line or writes to a sink.
"""
