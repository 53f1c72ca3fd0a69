"""The commands other than `run`: explain, statistics, format detection, rule tests, benchmark, demo, replay.

In: settings and files. Out: values that `cli` prints. Not in here: anything that a running sidecar needs.
"""
