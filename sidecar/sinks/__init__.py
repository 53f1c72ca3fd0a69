"""The destinations, and the contract that a sink keeps.

In: batches of documents. Out: what was stored, what was rejected, and the error. Sinks do not import each other; what
several need is in `sinks.common`.
"""
