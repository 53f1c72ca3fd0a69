"""Adds the sidecar to Pods when they are created: an admission webhook of Kubernetes.

In: AdmissionReviews over HTTPS, settings, certificates. Out: answers with a JSON patch, metrics, log lines.
Not in here: decisions about a Pod (`inject`), a client of Kubernetes, and anything that a running sidecar needs.
"""
