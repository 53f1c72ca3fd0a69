"""What the user changes in records or drops: fields, filters, redaction, custom transforms.

In: records. Out: records. The fields that the sidecar adds and the conflicts between names belong to `document`.
"""
