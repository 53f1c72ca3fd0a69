"""Finds the ways from sources through transforms to sinks in a configuration of Vector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from sidecar.convert.model import Conversion
from sidecar.convert.source import Section

READABLE = ("file", "kubernetes_logs")
"""Types of sources that read files."""

_MAX_ROUTES, _MAX_STEPS = 50, 10_000

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
    readable = [name for name, section in sources.items() if section.word("type") in READABLE]
    for sink, section in sinks.items():
        finder = _RouteFinder(readable, transforms)
        for source, steps in finder.find(section, ()):
            groups.setdefault((source, steps), []).append(sink)
        if finder.is_incomplete:
            conversion.leave_out(section.place, f"sinks.{sink}", "there are too many ways to it")
    counts = [source for source, _ in groups]
    return [
        Route(source if counts.count(source) == 1 else _name_of(source, steps, names), source, steps, names)
        for (source, steps), names in groups.items()
    ]


def _name_of(source: str, steps: tuple[Step, ...], sinks: list[str]) -> str:
    last = "-".join(filter(None, steps[-1])) if steps else sinks[0]
    return f"{source}-{last}"


class _RouteFinder:
    """Finds the ways to one sink, backwards. A configuration may have circles, and more ways than can be tried."""

    def __init__(self, sources: Sequence[str], transforms: Mapping[str, Section]) -> None:
        self._sources, self._transforms = sources, transforms
        self._steps_left, self._routes_left = _MAX_STEPS, _MAX_ROUTES

    @property
    def is_incomplete(self) -> bool:
        """Whether a limit ended the search."""
        return self._steps_left <= 0 or self._routes_left <= 0

    def find(self, section: Section, steps: tuple[Step, ...]) -> Iterator[tuple[str, tuple[Step, ...]]]:
        """Yield source and transforms of each way that ends in this component, before these steps."""
        for text in section.texts("inputs"):
            for name in self._sources:
                if fnmatchcase(name, text) and not self.is_incomplete:
                    self._routes_left -= 1
                    yield name, steps
            for name, transform in self._transforms.items():
                output = _output_of(name, text)
                self._steps_left -= 1
                if output is None or self.is_incomplete or any(name == step for step, _ in steps):
                    continue
                yield from self.find(transform, ((name, output), *steps))


def _output_of(name: str, text: str) -> str | None:
    """Return the output of a transform that an input names, "" for the only one, None for another transform."""
    base, _, output = text.partition(".")
    if fnmatchcase(name, text):
        return ""
    return output if name == base else None
