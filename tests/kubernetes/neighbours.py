"""A webhook of another program, which changes Pods after the sidecar was added."""

from __future__ import annotations

import json
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.kubernetes.cluster.cluster import Cluster, Object

_NAME = "neighbour"
"""API servers call webhooks in the order of the names of their configurations: this one after that of the sidecar."""

Change = Callable[[Object], list[Object]]
"""The `spec` of a Pod → the operations of a JSON patch for the Pod."""


def as_neighbour_sees(item: Object) -> Object:
    """The Pod with the label of those that are sent to the neighbour."""
    labels = item["metadata"].get("labels", {})
    return {**item, "metadata": {**item["metadata"], "labels": {**labels, _NAME: "true"}}}


def strip_restart_policy(spec: Object) -> list[Object]:
    """Do what old clients do, which do not know the field."""
    inits = spec.get("initContainers", [])
    return [
        {"op": "remove", "path": f"/spec/initContainers/{index}/restartPolicy"}
        for index, each in enumerate(inits)
        if "restartPolicy" in each
    ]


@contextmanager
def neighbour(cluster: Cluster, change: Change) -> Iterator[list[Object]]:
    """The webhook until the end of the block. Yields the operations that it has answered."""
    answered: list[Object] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
            operations = change(request["object"]["spec"])
            answered.extend(operations)
            patch = _encoded(json.dumps(operations).encode())
            response = {"uid": request["uid"], "allowed": True, "patchType": "JSONPatch", "patch": patch}
            review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
            body = json.dumps(review).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    keys = cluster.home / "pki"
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "server.crt", keys / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://127.0.0.1:{server.server_address[1]}/"
    configuration = json.dumps(_configuration(url, _encoded((keys / "ca.crt").read_bytes())))
    cluster.kubectl("apply", "--filename=-", given=configuration)
    try:
        yield answered
    finally:
        cluster.kubectl("delete", "--filename=-", given=configuration)
        server.shutdown()
        server.server_close()


def _encoded(data: bytes) -> str:
    return b64encode(data).decode()


def _configuration(url: str, authority: str) -> Object:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    called = {
        "name": f"{_NAME}.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Ignore",
        "clientConfig": {"url": url, "caBundle": authority},
        "rules": [rule],
        "objectSelector": {"matchLabels": {_NAME: "true"}},
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": _NAME},
        "webhooks": [called],
    }
