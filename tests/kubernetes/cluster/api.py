"""The API server as an HTTP client sees it: tests ask it ten times a second, and each kubectl would be a process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml

GROUPS = {
    "clusterrolebindings": "apis/rbac.authorization.k8s.io/v1",
    "deployments": "apis/apps/v1",
    "jobs": "apis/batch/v1",
    "leases": "apis/coordination.k8s.io/v1",
    "mutatingwebhookconfigurations": "apis/admissionregistration.k8s.io/v1",
}
"""Kind of objects → where its group is; other kinds are in the core group."""


class ClusterError(Exception):
    """The API server or kubectl answered with an error; says which request and why."""


class Api:
    """The API server, asked as the administrator of the node."""

    def __init__(self, home: Path) -> None:
        access = yaml.safe_load((home / "conf/admin.kubeconfig").read_text())
        self._server: str = access["clusters"][0]["cluster"]["server"]
        self._headers = {"Authorization": f"Bearer {access['users'][0]['user']['token']}"}
        self._pool = urllib3.PoolManager(ca_certs=str(home / "pki/ca.crt"), retries=False, timeout=30)

    def get(self, path: str, **query: str) -> bytes:
        """Return the body of an answer. Raise `ClusterError`."""
        return self._request("GET", path, query).data

    def admit(self, namespace: str, pod: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Return what the API server would make of a Pod, and its warnings. Raise `ClusterError` if it refuses it."""
        body = json.dumps({"apiVersion": "v1", "kind": "Pod", **pod}).encode()
        answer = self._request("POST", f"api/v1/namespaces/{namespace}/pods", {"dryRun": "All"}, body)
        return answer.json(), answer.headers.getlist("Warning")

    def _request(
        self, method: str, path: str, query: dict[str, str], body: bytes | None = None
    ) -> urllib3.BaseHTTPResponse:
        url = f"{self._server}/{path}?{urlencode(query)}"
        headers = {**self._headers, "Content-Type": "application/json"}
        answer = self._pool.request(method, url, body=body, headers=headers)
        if answer.status >= 400:
            raise ClusterError(f"{method} {path}: {answer.json()['message']}")
        return answer
