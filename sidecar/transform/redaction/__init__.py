"""Redacts secrets and personal data before a record is sent or stored.

In: `RecordBatch`. Out: `RecordBatch` without the text that the rules match. Not in here: other changes of fields.
"""
