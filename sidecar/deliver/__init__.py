"""Sends batches to one sink until it has answered for each document: retries and back-off.

In: batches of documents. Out: one result for each document. Nothing here knows the protocol of a sink.
"""
