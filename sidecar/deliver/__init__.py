"""Collects documents in batches and sends them to one sink, with retries, back-off and the status of the sink.

Input: documents of chunks. Output: one result for each document. This package knows neither files nor the protocol of
a sink.
"""
