"""Adds the sidecar to Pods: decides what a Pod needs, and edits manifests so that every other byte stays.

In: a Pod as plain dictionaries, or the text of manifests, and the settings of the person who runs the cluster.
Out: an `Addition`, which becomes edits of the text or a JSON patch.
Not in here: a client of Kubernetes, the network, and typed Pods, which lose fields of newer versions. Nor anything
that a running sidecar needs: `run` never imports this package.
"""
