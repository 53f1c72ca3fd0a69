"""Which Pod and container a line comes from, as the Downward API tells it: no access to the API server.

Identity comes from environment variables, labels and annotations from the files that a `downwardAPI` volume keeps up
to date (Kubernetes documentation, "Downward API": lines of the form `key="escaped value"`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from sidecar.lib.jsontext.nested import json_string

VARIABLES = {
    "POD_NAMESPACE": "kubernetes.namespace",
    "POD_NAME": "kubernetes.pod.name",
    "POD_UID": "kubernetes.pod.uid",
    "NODE_NAME": "kubernetes.node.name",
    "CONTAINER_NAME": "kubernetes.container.name",
}


class KubernetesFields:
    """Leaves under `kubernetes.`; labels and annotations of these names or globs are read again when they change."""

    def __init__(
        self, environ: Mapping[str, str], podinfo: Path = Path("/etc/podinfo"), labels: Sequence[str] = ("*",),
        annotations: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._identity = {path: json_string(environ[name]) for name, path in VARIABLES.items() if environ.get(name)}
        self._files = [
            _DownwardApiFile(podinfo / name, f"kubernetes.{name}", wanted)
            for name, wanted in (("labels", labels), ("annotations", annotations))
            if wanted
        ]
        self._leaves = self._identity

    def leaves(self) -> dict[str, str]:
        """Path → JSON text. The same object as before while nothing has changed."""
        changed = [file.has_changed() for file in self._files]
        if any(changed):
            self._leaves = self._identity | {path: text for file in self._files for path, text in file.leaf.items()}
        return self._leaves


class _DownwardApiFile:
    """The labels, or the annotations, of the Pod."""

    def __init__(self, file: Path, path: str, wanted: Sequence[str]) -> None:
        self._file, self._path, self._wanted = file, path, wanted
        self._seen: tuple[int, int] | None = None
        self.leaf: dict[str, str] = {}

    def has_changed(self) -> bool:
        """Whether the file is another one than before, or is gone; it is read then."""
        try:
            status = self._file.stat()
            seen = (status.st_mtime_ns, status.st_ino)
            if seen == self._seen:
                return False
            found = parse_downward_api(self._file.read_text(encoding="utf-8", errors="replace"))
            self._seen, before = seen, self.leaf
            self.leaf = _as_leaf(self._path, {key: text for key, text in found.items() if self._wants(key)})
        except OSError:
            self._seen, before, self.leaf = None, self.leaf, {}
        return self.leaf != before

    def _wants(self, name: str) -> bool:
        return any(fnmatchcase(name, wanted) for wanted in self._wanted)


def parse_downward_api(text: str) -> dict[str, str]:
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


def _as_leaf(path: str, texts: Mapping[str, str]) -> dict[str, str]:
    """Labels or annotations as one leaf. A dot in a name becomes `_`, because `app` and `app.kubernetes.io/name`
    cannot both be fields of one Elasticsearch index otherwise."""
    if not texts:
        return {}
    flat = {key.replace(".", "_"): value for key, value in sorted(texts.items())}
    return {path: msgspec.json.encode(flat).decode()}
