"""Turns records into documents: adds the fields of the sidecar, resolves name conflicts, enforces limits.

In: records. Out: documents. What the user wants changed belongs to `transform`.
"""
