"""Answers requests about a running sidecar: health, the Unix socket, the HTTP server, access, the status page.

In: requests. Out: replies, which are built by functions of the caller. Not in here: anything that changes what is
shipped.
"""
