"""Answers questions about a running sidecar: health, the socket, the HTTP server, access, the status page.

In: requests. Out: answers, made by functions that are passed in. Nothing here changes what is shipped.
"""
