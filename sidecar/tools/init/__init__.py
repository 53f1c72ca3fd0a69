"""Writes the first configuration of a user, for `sidecar init`.

`format` chooses the parser by the files, `destination` the sink without secrets; `configuration` renders
`sidecar.yaml`, and `manifest` the objects of Kubernetes.
"""
