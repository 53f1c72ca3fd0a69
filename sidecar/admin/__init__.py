"""Answers requests about a running sidecar: health, the Unix socket, the HTTP server, access, the status page.

In: requests. Out: replies, which functions of the caller build. Not in here: anything that changes what is shipped.
"""
