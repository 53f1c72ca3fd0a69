"""Turns lines into fields: one module for each log format.

In: `LineBatch`. Out: `RecordBatch`. A line that does not parse keeps its text in `message` and the reason in
`error.message`; it is never dropped and never affects other lines.

Every parser has one general path, `_parse_lines`, and at most one fast path for a whole chunk, `_parse_chunk`. Both
return the same records.

Not in here: what the user changes in records (`transform`) and the fields that the sidecar adds (`document`).
"""
