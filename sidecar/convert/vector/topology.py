"""Finds the ways from sources through transforms to sinks in a configuration of Vector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from sidecar.convert.model import Conversion
from sidecar.convert.source import Section

READABLE = ("file", "kubernetes_logs")
"""Types of sources that read files."""

_MAX_ROUTES, _MAX_LENGTH = 200, 30

Step = tuple[str, str]
"""A transform, and the output that is used, such as `errors` of a route; "" for the only one."""


class Route(NamedTuple):
    """A source, the transforms in order, and the sinks at the end."""

    name: str
    """Name for a pipeline."""

    source: str
    transforms: tuple[Step, ...]
    sinks: list[str]


def find_routes(
    conversion: Conversion,
    sources: Mapping[str, Section],
    transforms: Mapping[str, Section],
    sinks: Mapping[str, Section],
) -> list[Route]:
    """Return the ways of lines. Sinks that are reached through the same transforms share one."""
    groups: dict[tuple[str, tuple[Step, ...]], list[str]] = {}
    readable = {name: s for name, s in sources.items() if s.word("type") in READABLE}
    for sink, section in sinks.items():
        for source, steps in _ways_to(section, readable, transforms, 0):
            if len(groups) >= _MAX_ROUTES:
                conversion.leave_out(section.place, f"sinks.{sink}", "there are too many ways to it")
                break
            groups.setdefault((source, steps), []).append(sink)
    counts = [source for source, _ in groups]
    return [
        Route(source if counts.count(source) == 1 else _name_of(source, steps, names), source, steps, names)
        for (source, steps), names in groups.items()
    ]


def _name_of(source: str, steps: tuple[Step, ...], sinks: list[str]) -> str:
    last = "-".join(filter(None, steps[-1])) if steps else sinks[0]
    return f"{source}-{last}"


def _ways_to(
    section: Section, sources: Mapping[str, Section], transforms: Mapping[str, Section], depth: int
) -> Iterator[tuple[str, tuple[Step, ...]]]:
    """Yield source and transforms of each way that ends in this component."""
    if depth > _MAX_LENGTH:
        return
    for text in section.texts("inputs"):
        for name in sources:
            if fnmatchcase(name, text):
                yield name, ()
        for name, transform in transforms.items():
            base, _, output = text.partition(".")
            if name == text or fnmatchcase(name, text):
                output = ""
            elif name != base:
                continue
            for source, steps in _ways_to(transform, sources, transforms, depth + 1):
                yield source, (*steps, (name, output))
