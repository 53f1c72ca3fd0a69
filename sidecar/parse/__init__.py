"""Lines to fields: one format a module, each at a stroke over a whole chunk where nothing speaks against it.

Takes `LineBatch`, hands on `RecordBatch`. A line that does not parse becomes its own text under `message`, with the
reason; it is never dropped, and it never spoils its neighbours.
"""
