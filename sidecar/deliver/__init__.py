"""Collects documents in batches and sends them to one sink, with retries, back-off and the status of the sink.

In: documents of chunks. Out: one result for each document. Not in here: files, and the protocol of a sink.
"""
