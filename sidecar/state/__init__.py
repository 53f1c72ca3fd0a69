"""Keeps checkpoints, generations, dead letters and the balance in one SQLite database.

In: what sinks answered. Out: positions that survive a restart. What must be true together is committed together. Not
in here: reading log files (`tail`) and talking to a database of the user (`sinks`).
"""
