"""Finds the files that match the patterns now.

In: glob patterns and change notifications. Out: paths with their status. Nothing here opens a log file.
"""
