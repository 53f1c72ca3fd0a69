"""Keeps checkpoints, generations, dead letters and the balance in one SQLite database.

In: results of deliveries. Out: checkpoints and dead letters, which survive restarts. Data that must stay consistent
is committed in one transaction. Not in here: reading log files (`tail`) and writing to sinks (`sinks`).
"""
