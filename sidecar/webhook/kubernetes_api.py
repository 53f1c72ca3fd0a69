"""Asks the Kubernetes API about single objects, with the token of the Pod. Certificates need no larger client."""

from __future__ import annotations

import os
import ssl
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

import msgspec

from sidecar.errors import ConfigurationError
from sidecar.inject.addition import Object

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TIMEOUT_S = 3.0
_MAX_BYTES = 3 << 20
_JSON, _STRATEGIC_MERGE = "application/json", "application/strategic-merge-patch+json"


class ApiError(Exception):
    """A request to the API server failed; the text says which one and why."""


class Conflict(ApiError):
    """An object was changed by another client after it was read."""


class KubernetesApi:
    """The API server at an address. `account`: the directory with `token` and `ca.crt`, which are read each time."""

    def __init__(self, address: tuple[str, int], account: Path = SERVICE_ACCOUNT) -> None:
        self._address, self._account = address, account

    def get(self, path: str) -> Object:
        """Return an object. Raise `ApiError`, as the other methods do."""
        return self._request("GET", path)

    def replace(self, path: str, item: Object) -> Object:
        """Replace an object that `get` returned. Raise `Conflict` if it has changed since then."""
        return self._request("PUT", path, item, _JSON)

    def merge(self, path: str, change: Object) -> Object:
        """Change a part of an object. Elements of its lists are found by their names."""
        return self._request("PATCH", path, change, _STRATEGIC_MERGE)

    def _request(self, method: str, path: str, item: Object | None = None, content_type: str = "") -> Object:
        try:
            headers = {"Accept": _JSON, "Authorization": f"Bearer {self._read_token()}"}
            trust = ssl.create_default_context(cafile=str(self._account / "ca.crt"))
            connection = HTTPSConnection(*self._address, timeout=_TIMEOUT_S, context=trust)
            try:
                body = None if item is None else msgspec.json.encode(item)
                connection.request(method, path, body, headers | ({"Content-Type": content_type} if body else {}))
                response = connection.getresponse()
                status, answer = response.status, response.read(_MAX_BYTES)
            finally:
                connection.close()
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise ApiError(f"{method} {path} failed: {reason}") from None
        if status == 409:
            raise Conflict(f"{method} {path}: the object was changed by another client")
        if status >= 300:
            raise ApiError(f"{method} {path} was answered with {status}{_explain(status)}")
        return _read_object(answer, f"{method} {path}")

    def _read_token(self) -> str:
        return (self._account / "token").read_text(encoding="ascii").strip()


def _explain(status: int) -> str:
    reasons = {
        401: " (the token is not accepted)",
        403: " (the role of the webhook does not allow it)",
        404: " (there is no such object; apply the manifests of the webhook)",
    }
    return reasons.get(status, "")


def _read_object(answer: bytes, request: str) -> Object:
    try:
        item: Any = msgspec.json.decode(answer)
    except msgspec.DecodeError:
        item = None
    if not isinstance(item, dict):
        raise ApiError(f"{request} was answered with something else than an object")
    return item


def api_of_pod() -> KubernetesApi:
    """Return the API server that the variables of this Pod name. Raise `ConfigurationError` outside of a Pod."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host or not port.isdigit():
        raise ConfigurationError(
            "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT name no API server", location="webhook",
            hint="use --manage-certificates only in a Pod",
        )  # fmt: skip
    return KubernetesApi((host, int(port)))
