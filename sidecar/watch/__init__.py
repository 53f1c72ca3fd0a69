"""Finds the files that match the patterns of a pipeline.

In: glob patterns. Out: `FoundFile`. Not in here: opening or reading a file (`tail`), and deciding which file it is.
"""
