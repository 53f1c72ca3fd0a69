"""Keeps checkpoints, generations, dead letters and the balance in one SQLite database.

A generation is the content of a file until its next truncation. The balance counts bytes and lines by outcome.

Input: results of deliveries. Output: checkpoints and dead letters, which survive restarts. Data that must stay
consistent is committed in one transaction. This package does not read log files (`tail` does) and does not write to
sinks (`sinks` does).
"""
