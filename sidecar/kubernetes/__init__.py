"""Finds out about the Pod in which the sidecar runs, without access to the Kubernetes API.

In: environment variables, `/proc`, and files on shared volumes. Out: how long the Pod may take to end, whether the
application has ended, and the message that `kubectl describe pod` shows. Not in here: anything about log lines.
"""
