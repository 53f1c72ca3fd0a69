"""Edits JSON objects as text, without decoding the values that do not change.

Input: the body of an object, which is its JSON text without the braces. Output: the changed body. This package does
not know what fields mean.
"""
