"""Requests and replies as the functions that answer see them, over the Unix socket and over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to a request."""

    status: int
    body: Mapping[str, Any] | bytes
    """An object, which is sent as JSON, or the bytes to send."""

    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers in addition to the usual ones."""


Route = Callable[[Query], Reply]
"""Returns the reply for the query of a request. Called in a separate thread."""

Routes = Mapping[str, Route]
"""Method and path, such as "GET /livez" → the function that answers the request."""
