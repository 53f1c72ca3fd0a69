"""Redacts secrets and personal data before a record is sent or stored.

In: `RecordBatch`. Out: `RecordBatch` without what the rules match. Not in here: other changes of fields.
"""
