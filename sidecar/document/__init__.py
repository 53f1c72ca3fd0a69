"""Turns records into documents: adds the fields of the sidecar, resolves name conflicts, enforces limits.

In: `RecordBatch`. Out: `Documents`. Not in here: what the user changes in records (`transform`).
"""
