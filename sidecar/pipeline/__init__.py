"""Builds the stages of a pipeline from its settings, and runs them: one shipper for each sink of the pipeline.

Input: chunks of tracked files. Output: settled checkpoints. This package does not find files (`watch` does) and knows
no protocol of a sink (`sinks` does).
"""
