"""Collects documents in batches and sends them to one sink, with retries, back-off and the status of the sink.

In: documents of chunks. Out: one result for each document. Nothing here knows files or the protocol of a sink.
"""
