"""Builders of what tests need: chunks, lines, records, batches, tracked files, and a supervisor.

Each value has a default that a test names only if it matters there.
"""
