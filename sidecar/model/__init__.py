"""The data that travels between the stages: files, chunks, lines, records, documents, batches, checkpoints.

Structures without behavior that needs a clock, a file or a network.
"""
