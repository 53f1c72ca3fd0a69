"""What the sidecar knows of the Pod around it, without any access to the Kubernetes API.

Not on the path of a line, and imports none of the rooms that are: how long the Pod may take to end, whether the
application is still there, and the last word that `kubectl describe pod` shows.
"""
