"""Edits JSON objects as text, without decoding the values that do not change.

In: the body of an object, which is its JSON text without the braces. Out: the changed body. Not in here: the meaning
of fields.
"""
