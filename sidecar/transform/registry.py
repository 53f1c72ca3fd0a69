"""Transforms of the user's own, by entry point; none is imported before its use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from sidecar.transform.plugin import Function

GROUP = "log_sidecar.transforms"
"""Entry point group of plug-ins: name → function."""


@dataclass(frozen=True, slots=True)
class TransformInfo:
    """One plug-in for `sidecar plugins`."""

    name: str
    origin: str
    summary: str


def names() -> list[str]:
    """The names of all that are installed."""
    return [point.name for point in _points()]


def resolve(name: str) -> Function:
    """The function with this name. Raises `LookupError` if there is none."""
    for point in _points():
        if point.name == name:
            return cast(Function, point.load())
    raise LookupError(name)


def catalogue() -> Iterator[TransformInfo]:
    """Every plug-in, with where it comes from and what it says of itself."""
    for point in _points():
        origin = f"{point.dist.name} {point.dist.version}" if point.dist else ""
        yield TransformInfo(point.name, origin, (point.load().__doc__ or "").strip().partition("\n")[0])


def _points() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda point: point.name)


KINDS = {
    "rename": "fields under other names",
    "copy": "fields under other names as well",
    "drop_fields": "without these fields",
    "keep_fields": "nothing but these fields",
    "lowercase": "texts in lower case",
    "convert": "values of another type",
    "fingerprint": "a hash over fields",
    "drop_when": "without records for which an expression holds",
    "keep_when": "only records for which an expression holds",
    "sample": "a part of the records",
    "user_agent": "name, version, system and device of a client",
    "redact": "without secrets and personal data",
    "add": "constant fields",
    "host": "facts of the machine",
    "kubernetes": "where the Pod is, its labels and annotations",
}
"""What transforms there are, and what each does."""
