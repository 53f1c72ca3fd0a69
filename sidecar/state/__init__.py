"""Verdicts to durable positions: checkpoints, generations, dead letters and the balance in one SQLite database.

What must be true together commits together. Nothing in here reads a log file or talks to a destination.
"""
