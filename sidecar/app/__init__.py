"""Runs the sidecar as a process: start, reload, status, signals and shutdown.

Input: validated settings. Output: an exit code. This package does not process lines; `pipeline` and the stages do.
"""
