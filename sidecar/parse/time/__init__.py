"""Timestamps: texts and numbers to RFC 3339.

In: what the application wrote. Out: RFC 3339 text with a time zone, or "". Conversions are cached per second.
"""
