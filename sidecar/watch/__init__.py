"""Finds the files that match the patterns of a pipeline.

Input: glob patterns. Output: `FoundFile`. This package does not open or read files, and does not decide whether a
file is known; `tail` does.
"""
