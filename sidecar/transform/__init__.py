"""Changes and drops records as configured: fields, filters, redaction, custom transforms.

In: `RecordBatch`. Out: `RecordBatch`. Not in here: the fields that the sidecar adds, and name conflicts (`document`).
"""
