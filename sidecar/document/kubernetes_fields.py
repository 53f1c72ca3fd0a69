"""Fields of the Pod and container, from the Downward API: no access to the API server.

The identity comes from environment variables. Labels and annotations come from the files of a `downwardAPI` volume,
which Kubernetes updates ("Downward API": lines of the form `key="escaped value"`).
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
    """Fields below `kubernetes.`; labels and annotations matching these globs are read again when they change."""

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
        """Return path → JSON text; the same object while nothing changed."""
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
        """Read the file if it changed, and return whether its content did. A missing file has no content."""
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
    """Return the content of a Downward API file. Lines that cannot be parsed are skipped."""
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
    """Return labels or annotations as one field.

    Dots in names become `_`, because `app` and `app.kubernetes.io/name` cannot both be fields of one index.
    """
    if not texts:
        return {}
    flat = {key.replace(".", "_"): value for key, value in sorted(texts.items())}
    return {path: msgspec.json.encode(flat).decode()}
