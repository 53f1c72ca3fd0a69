"""Turns lines into fields: one module for each log format.

In: `LineBatch`. Out: `RecordBatch`. A line that does not parse keeps its text in `message` and the reason in
`error.message`; it is never dropped and never affects other lines.

Every parser has a general path, `_parse_lines`, and at most one fast path, `_parse_chunk`, which parses all lines of
a chunk in one pass or returns None. Both return the same records.

Not in here: changes that the user configures (`transform`), and the fields that the sidecar adds (`document`).
"""
