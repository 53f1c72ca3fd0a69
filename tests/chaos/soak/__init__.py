"""Hours in the life of a sidecar: does it grow, and is every line there at the end?"""
