"""What the sidecar logs and counts: events, the log writer, counters, snapshots, metrics.

In: events and counts of all stages. Out: log lines and metrics. Who may ask for them is decided in `admin`.
"""
