"""What the commands do besides `run`: explain, statistics, format detection, rule tests, benchmark, demo, replay.

In: settings and files. Out: values that `cli` prints. Nothing here is part of a running sidecar.
"""
