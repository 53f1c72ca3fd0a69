"""Requests to a search server, as any client sends them."""

from __future__ import annotations

import json
import urllib.request
from typing import Any


def call(method: str, url: str, body: object = None) -> Any:
    """Send a request, and return the decoded answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)
