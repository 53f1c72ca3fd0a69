"""Parses HTTP requests and writes HTTP replies (RFC 9112), and finds the reply of the route for a request."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

_KNOWN_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
_ONCE = ("host", "content-length")
"""Headers that a request may have only once."""


MAX_HEAD_BYTES = 8 * 1024
"""Maximum size of the request line and the headers."""

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


class HttpRequest(NamedTuple):
    """The request line, the headers and the body of a request."""

    method: str
    target: str
    headers: Mapping[str, str]
    """Header names are in lower case."""

    version: str = "HTTP/1.1"
    body: bytes = b""
    """The body; empty if the server reads no bodies."""

    has_certificate: bool = False
    """Whether the client has presented a certificate that was verified."""

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path

    @property
    def may_be_followed(self) -> bool:
        """Whether the client may send another request on the same connection."""
        return self.version == "HTTP/1.1" and self.headers.get("connection", "").lower() != "close"


class RequestRefused(Exception):
    """The request is answered with this error."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.reply = Reply(status, {"text": text}, headers=headers or {})


class HeadTooLong(RequestRefused):
    """The request line and the headers are longer than `MAX_HEAD_BYTES`."""

    def __init__(self) -> None:
        super().__init__(431, "the request line and headers are too long")


def parse_request(head: bytes) -> HttpRequest:
    """Return the parsed request line and headers (RFC 9112, 3 and 5). Raise `RequestRefused` if they are invalid."""
    request_line, *lines = head[:-4].decode("latin-1").split("\r\n")
    method, _, target_and_version = request_line.partition(" ")
    target, _, version = target_and_version.partition(" ")
    if not (method.isascii() and method.isupper() and target.startswith("/") and version.startswith("HTTP/")):
        raise RequestRefused(400, "not an HTTP request")
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise RequestRefused(505, "only HTTP/1.0 and 1.1 are supported")
    if method not in _KNOWN_METHODS:
        raise RequestRefused(501, "unknown HTTP method")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        key = name.lower()
        if not colon or not name or name != name.strip() or (key in _ONCE and key in headers):
            raise RequestRefused(400, "a header is malformed")
        headers[key] = value.strip()
    try:
        urlsplit(target)
    except ValueError:
        raise RequestRefused(400, "the target is malformed") from None
    return HttpRequest(method, target, headers, version)


def body_length(request: HttpRequest, limit: int) -> int:
    """Return the length of the body. Raise `RequestRefused` if it is unknown or larger than the limit."""
    if "transfer-encoding" in request.headers:
        raise RequestRefused(411, "send the length of the body as Content-Length")
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise RequestRefused(400, "Content-Length is not a number")
    if len(length) > 18 or int(length) > limit:
        raise RequestRefused(413, f"the body is larger than {limit} bytes")
    return int(length)


def find_reply(request: HttpRequest, routes: Routes) -> Reply:
    """Return the reply of the route for this request, or an error."""
    target = urlsplit(request.target)
    route = routes.get(f"{request.method} {target.path}")
    if route is None:
        is_known = any(name.endswith(f" {target.path}") for name in routes)
        return Reply(405 if is_known else 404, {"text": "unknown method" if is_known else "unknown path"})
    try:
        return route({name: values[-1] for name, values in parse_qs(target.query).items()})
    except Exception:  # a bug in a route: the client gets status 500, and the sidecar continues
        return Reply(500, {"text": "the reply could not be built; this is a bug in the sidecar"})


def encode_reply(reply: Reply, method: str, *, is_last: bool = True) -> bytes:
    """Return the bytes of a reply. `is_last`: the connection is closed after it."""
    body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode() + b"\n"
    fields = {
        "Content-Type": reply.content_type, "Content-Length": str(len(body)), "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff", **({"Connection": "close"} if is_last else {}), **reply.headers,
    }  # fmt: skip
    head = f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
    return head.encode("latin-1") + (b"" if method == "HEAD" else body)
