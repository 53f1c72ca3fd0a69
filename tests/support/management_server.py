"""The management APIs of Elasticsearch and OpenSearch that the servers for tests lack: ILM, ISM and ingest pipelines.

It stores objects and returns each in the form of its API, as the documentation of the servers shows it. Policies of
ISM are checked and completed as the source of OpenSearch's plug-in does it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_ISM = "/_plugins/_ism/policies/"
_ISM_MEMBERS = {
    "policy": {"description", "default_state", "states", "ism_template", "error_notification"},
    "state": {"name", "actions", "transitions"},
    "rollover": {"min_size", "min_doc_count", "min_index_age", "min_primary_shard_size", "copy_alias"},
    "transition": {"state_name", "conditions"},
    "conditions": {"min_index_age", "min_doc_count", "min_size", "cron", "min_rollover_age"},
    "template": {"index_patterns", "priority"},
}
_ROOTS = {
    "elasticsearch": {"version": {"number": "8.19.3"}, "tagline": "You Know, for Search"},
    "opensearch": {"version": {"distribution": "opensearch", "number": "2.19.3"}},
}


class ManagementServer:
    """`product`: the server that it resembles. `forbids`: requests whose path contains this are answered with 403."""

    def __init__(self, product: str, forbids: str = "") -> None:
        self.product, self._forbids = product, forbids
        self.objects: dict[str, Any] = {}
        """Path → definition, in the order of creation."""

        self._versions: dict[str, int] = {}
        self.url = ""

    def reply(self, method: str, target: str, body: Any) -> tuple[int, Any]:
        url = urlsplit(target)
        if url.path == "/":
            return 200, _ROOTS[self.product]
        if self._forbids and self._forbids in url.path:
            return 403, {"error": {"type": "security_exception", "reason": "action is unauthorized"}, "status": 403}
        if method == "GET" and url.path.startswith("/_alias/"):
            alias = url.path.rpartition("/")[2]
            has_alias = any(alias in body.get("aliases", {}) for body in self.objects.values())
            return (200, {}) if has_alias else (404, {"error": f"alias [{alias}] missing", "status": 404})
        if method == "GET":
            found = self.objects.get(url.path)
            return (404, {}) if found is None else (200, self._as_returned(url.path, found))
        if url.path.startswith(_ISM) and url.path in self.objects:
            version = str(self._versions[url.path])
            if parse_qs(url.query) != {"if_seq_no": [version], "if_primary_term": ["1"]}:
                return 409, {"error": {"type": "version_conflict_engine_exception", "reason": "document exists"}}
        if url.path.startswith(_ISM) and (unknown := list(_unknown_members(body["policy"]))):
            reason = f"Invalid field: {unknown}"
            return 400, {"error": {"type": "illegal_argument_exception", "reason": reason}, "status": 400}
        self.objects[url.path] = body
        self._versions[url.path] = self._versions.get(url.path, 0) + 1
        return 200, {"acknowledged": True}

    def _as_returned(self, path: str, body: Any) -> Any:
        name = path.rpartition("/")[2]
        if path.startswith("/_index_template/"):
            return {"index_templates": [{"name": name, "index_template": body}]}
        if path.startswith(_ISM):
            policy = {**_completed(body["policy"]), "policy_id": name, "schema_version": 21}
            return {"_id": name, "_seq_no": self._versions[path], "_primary_term": 1, "policy": policy}
        if path.startswith("/_ilm/"):
            return {name: {"version": self._versions[path], "modified_date": "2026-11-28", "policy": body["policy"]}}
        return {name: body}


def _unknown_members(policy: Mapping[str, Any]) -> Iterator[str]:
    """Yield the members of a policy that ISM does not know."""
    parts = [("policy", policy), *(("template", each) for each in policy.get("ism_template", ()))]
    for state in policy["states"]:
        parts.append(("state", state))
        parts += (("rollover", action["rollover"]) for action in state["actions"] if "rollover" in action)
        for transition in state["transitions"]:
            parts += (("transition", transition), ("conditions", transition["conditions"]))
    for kind, part in parts:
        yield from set(part) - _ISM_MEMBERS[kind]


def _completed(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy with what ISM adds to it."""
    retry = {"count": 3, "backoff": "exponential", "delay": "1m"}
    states = [
        {**state, "actions": [
            {"retry": retry, **{kind: {**options, **({"copy_alias": False} if kind == "rollover" else {})}
                                for kind, options in action.items()}}
            for action in state["actions"]
        ]}
        for state in policy["states"]
    ]  # fmt: skip
    now = 1_795_395_600_000
    templates = [{**template, "last_updated_time": now} for template in policy["ism_template"]]
    added = {"last_updated_time": now, "error_notification": None}
    return {**policy, **added, "states": states, "ism_template": templates}


@contextmanager
def serving(server: ManagementServer) -> Iterator[None]:
    """Serve on an address of this machine until the block ends; `server.url` is where."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_PUT(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = server.reply(self.command, self.path, json.loads(body) if body else None)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if server.product == "elasticsearch":
                self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server gives it
            """Say nothing."""

    http_server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http_server.daemon_threads = True
    server.url = f"http://127.0.0.1:{http_server.server_address[1]}"
    thread = threading.Thread(target=http_server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        http_server.shutdown()
        thread.join()
        http_server.server_close()
