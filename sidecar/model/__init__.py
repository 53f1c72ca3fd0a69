"""The data that travels between the stages: files, chunks, lines, records, documents, batches, checkpoints.

Structures without behavior that needs a clock, a file or a network. Lines travel in columns: a chunk of some hundred
lines is decoded, parsed and rendered as a whole, because an object or a call per line would dominate the cost.
"""
