"""Builds the stages of a pipeline from its settings, and runs them: one shipper for each sink of the pipeline.

In: chunks of tracked files. Out: settled checkpoints. Not in here: finding files, and the protocol of a sink.
"""
