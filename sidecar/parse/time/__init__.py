"""Converts timestamps to RFC 3339.

In: text or a number of the application. Out: RFC 3339 text with a time zone, or "". Results are cached per second.
"""
