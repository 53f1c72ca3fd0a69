"""Finds out how the Pod of the sidecar is run, without access to the Kubernetes API.

In: environment variables, `/proc`, and files on shared volumes. Out: how long the Pod may take to end, whether the
application has ended, and the message that `kubectl describe pod` shows. Not in here: anything about log lines.
"""
