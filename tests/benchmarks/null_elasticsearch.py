"""An Elasticsearch that stores nothing and answers every item: `python -m tests.benchmarks.null_elasticsearch`.

A bulk of n lines is n / 2 items (every action here has a source), and the answer for n items is made once. What it
kept is the bulk bodies.
"""

from __future__ import annotations

import json
import sys
from functools import lru_cache

from tests.benchmarks.null_http import HTTP, Body, Head, response
from tests.benchmarks.null_server import Received, serve

_ABOUT = {
    "name": "null",
    "cluster_name": "null",
    "cluster_uuid": "null",
    "version": {"number": "8.19.3", "build_flavor": "default", "lucene_version": "9.12.2"},
    "tagline": "You Know, for Search",
}


def answer(head: Head, body: Body, received: Received) -> bytes:
    """The response to one request."""
    if head.path == b"/_bulk" or head.path.endswith(b"/_bulk"):
        return _bulk(head, body, received)
    status, told = _elsewhere(head)
    content = b"" if head.method == b"HEAD" else json.dumps(told).encode()
    return _response(status, content, compatible=head.compatible)


def _bulk(head: Head, body: Body, received: Received) -> bytes:
    if b"transfer-encoding" in head.headers:
        return _refused(411, "the null Elasticsearch needs a Content-Length", head)
    whole = body.without(head.headers.get(b"content-encoding"))
    lines = whole.lines()
    if lines % 2 or not whole.is_terminated():
        return _refused(400, "The bulk request must be terminated by a newline [\\n]", head)
    received.add(lines // 2, whole.end - whole.begin)
    if received.keep:
        received.bodies.append(whole.copy())
    return _answered(lines // 2, "index" if whole.starts_with(b'{"index"') else "create", head.compatible)


@lru_cache(maxsize=20_000)
def _answered(items: int, action: str, compatible: bool) -> bytes:
    item = f'{{"{action}":{{"status":201}}}}'
    return _response(200, f'{{"errors":false,"items":[{",".join([item] * items)}]}}'.encode(), compatible=compatible)


def _refused(status: int, reason: str, head: Head) -> bytes:
    told = {"error": {"type": "illegal_argument_exception", "reason": reason}, "status": status}
    return _response(status, json.dumps(told).encode(), compatible=head.compatible)


def _elsewhere(head: Head) -> tuple[int, dict[str, object]]:
    if head.path == b"/":
        return 200, dict(_ABOUT)
    if head.path.startswith((b"/_cluster/health", b"/_cat/health")):
        return 200, {"cluster_name": "null", "status": "green", "timed_out": False}
    if head.method in (b"PUT", b"POST", b"HEAD"):
        return 200, {"acknowledged": True}
    reason = f"nothing is stored here, so there is no {head.path.decode('latin-1')}"
    return 404, {"error": {"type": "resource_not_found_exception", "reason": reason}, "status": 404}


def _response(status: int, content: bytes, *, compatible: bool) -> bytes:
    media = "application/vnd.elasticsearch+json;compatible-with=8" if compatible else "application/json"
    return response(status, content, media, "X-Elastic-Product: Elasticsearch\r\n")


def main(received: Received) -> None:
    """Serve until standard input ends."""
    serve(received, lambda: HTTP(lambda head, body: answer(head, body, received)))


if __name__ == "__main__":
    main(Received.from_arguments(sys.argv[1:]))
