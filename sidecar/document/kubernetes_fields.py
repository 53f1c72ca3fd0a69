"""Fields of the Pod and the container, from the Downward API, without access to the API server.

Names come from environment variables. Labels and annotations come from the files of a `downwardAPI` volume, which
Kubernetes updates (its documentation, "Downward API": lines of the form `key="escaped value"`).
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
    """Fields below `kubernetes.`. Labels and annotations that match the globs are read again when they change."""

    def __init__(
        self, environ: Mapping[str, str], podinfo: Path = Path("/etc/podinfo"), labels: Sequence[str] = ("*",),
        annotations: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._identity = {path: json_string(environ[name]) for name, path in VARIABLES.items() if environ.get(name)}
        self._files = [
            _DownwardApiFile(podinfo / name, f"kubernetes.{name}", globs)
            for name, globs in (("labels", labels), ("annotations", annotations))
            if globs
        ]
        self._leaves = self._identity

    def leaves(self) -> dict[str, str]:
        """Return the fields: path → JSON text. Return the same object until they change."""
        changed = [file.has_changed() for file in self._files]
        if any(changed):
            self._leaves = self._identity | {path: text for file in self._files for path, text in file.leaf.items()}
        return self._leaves


class _DownwardApiFile:
    """The file with the labels, or with the annotations, of the Pod."""

    def __init__(self, file: Path, path: str, globs: Sequence[str]) -> None:
        self._file, self._path, self._globs = file, path, globs
        self._stamp: tuple[int, int] | None = None
        self.leaf: dict[str, str] = {}

    def has_changed(self) -> bool:
        """Read the file if it has changed. Return whether the field has changed. A missing file counts as empty."""
        try:
            status = self._file.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp == self._stamp:
                return False
            values = parse_downward_api(self._file.read_text(encoding="utf-8", errors="replace"))
            self._stamp, before = stamp, self.leaf
            self.leaf = _as_leaf(self._path, {key: text for key, text in values.items() if self._matches(key)})
        except OSError:
            self._stamp, before, self.leaf = None, self.leaf, {}
        return self.leaf != before

    def _matches(self, name: str) -> bool:
        return any(fnmatchcase(name, glob) for glob in self._globs)


def parse_downward_api(text: str) -> dict[str, str]:
    """Return the keys and values in a Downward API file. Lines without `=` are skipped."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        try:
            if equals:
                values[key] = msgspec.json.decode(value, type=str)
        except msgspec.DecodeError:
            values[key] = value.strip('"')
    return values


def _as_leaf(path: str, texts: Mapping[str, str]) -> dict[str, str]:
    """Return labels or annotations as one field.

    Dots in names become `_`, because `app` and `app.kubernetes.io/name` cannot both be fields of one index.
    """
    if not texts:
        return {}
    flat = {key.replace(".", "_"): value for key, value in sorted(texts.items())}
    return {path: msgspec.json.encode(flat).decode()}
