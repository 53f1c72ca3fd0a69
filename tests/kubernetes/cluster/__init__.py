"""Tests on a real Kubernetes node: `make test-cluster`. README.md tells what there is."""
