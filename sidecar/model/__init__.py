"""Defines the data that travels between the stages: files, chunks, lines, records, documents, batches, checkpoints.

No method needs a clock, a file or a network. Lines travel in columns: a chunk of several hundred lines is decoded,
parsed and rendered as a whole, because an object or a call for each line would dominate the cost.
"""
