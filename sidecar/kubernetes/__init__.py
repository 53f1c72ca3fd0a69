"""What the sidecar knows of the Pod around it, without access to the Kubernetes API.

In: environment variables, `/proc`, and files on shared volumes. Out: how long the Pod may take to end, whether the
application has ended, and the message that `kubectl describe pod` shows. No log line passes here, and nothing here
imports a stage that lines pass.
"""
