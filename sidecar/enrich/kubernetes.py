"""Which Pod and container a line comes from, as the Downward API tells it: no access to the API server.

Identity comes from environment variables, labels from the file that a `downwardAPI` volume keeps up to date
(Kubernetes documentation, "Downward API": lines of the form `key="escaped value"`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from sidecar.nesting import quoted

VARIABLES = {
    "POD_NAMESPACE": "kubernetes.namespace",
    "POD_NAME": "kubernetes.pod.name",
    "POD_UID": "kubernetes.pod.uid",
    "NODE_NAME": "kubernetes.node.name",
    "CONTAINER_NAME": "kubernetes.container.name",
}


class Kubernetes:
    """Leaves under `kubernetes.`; labels are read again when their file changes."""

    def __init__(self, environ: Mapping[str, str], podinfo: Path = Path("/etc/podinfo")) -> None:
        self._identity = {path: quoted(environ[name]) for name, path in VARIABLES.items() if environ.get(name)}
        self._labels = podinfo / "labels"
        self._seen: tuple[int, int] | None = None
        self._leaves = self._identity

    def leaves(self) -> dict[str, str]:
        """Path → JSON text. The same object as before while nothing has changed."""
        try:
            status = self._labels.stat()
            seen = (status.st_mtime_ns, status.st_ino)
            if seen != self._seen:
                labels = parsed(self._labels.read_text(encoding="utf-8", errors="replace"))
                self._seen, self._leaves = seen, {**self._identity, **_as_leaf(labels)}
        except OSError:
            self._seen, self._leaves = None, self._identity
        return self._leaves


def parsed(text: str) -> dict[str, str]:
    """The content of a Downward API file as a dictionary. A line that cannot be read is passed over."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        try:
            if equals:
                found[key] = msgspec.json.decode(value, type=str)
        except msgspec.DecodeError:
            found[key] = value.strip('"')
    return found


def _as_leaf(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels as one leaf. A dot in a name becomes `_`, because `app` and `app.kubernetes.io/name` cannot both be
    fields of one Elasticsearch index otherwise."""
    if not labels:
        return {}
    flat = {key.replace(".", "_"): value for key, value in sorted(labels.items())}
    return {"kubernetes.labels": msgspec.json.encode(flat).decode()}
