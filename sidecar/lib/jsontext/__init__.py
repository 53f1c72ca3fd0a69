"""Edits JSON objects as text, without decoding values that stay as they are.

In: the body of an object, which is its JSON text without the braces. Out: the changed body. Not in here: anything
that knows what a field means.
"""
