"""Grok: patterns made of named ones, as Logstash documents them: `%{IP:source.ip} %{NUMBER:took:float}`.

A pattern becomes one of the `regex` library and runs with its limit of time; like Logstash's it may match anywhere in
the line. Only what has the name of a field becomes one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from sidecar.lib.conversions import Kind
from sidecar.lib.suggestions import suggestion_for
from sidecar.lib.user_regex import compile_user_regex
from sidecar.parse.grok_patterns import PATTERNS

_REFERENCE = re.compile(r"%\{([^{}]*)\}")
_PARTS = re.compile(r"(\w+)(?::([^:\s]+))?(?::(\w+))?", re.ASCII)
_NESTED = re.compile(r"(?:\[[^\[\]]+\])+")
_KINDS: dict[str, Kind] = {
    "int": "integer", "integer": "integer", "long": "integer", "float": "float", "double": "float",
    "boolean": "boolean", "bool": "boolean", "string": "string", "date": "date", "ip": "ip",
}  # fmt: skip
_LONGEST = 100_000
"""Characters of a pattern with everything put in; patterns that double each other grow without end."""


class ExpandedPattern(msgspec.Struct, frozen=True):
    """A pattern with everything put in, the path of the field for each named group, and the types that were said."""

    pattern: str
    paths: dict[str, str]
    kinds: dict[str, Kind]


class _Expansion:
    def __init__(self, own: Mapping[str, str]) -> None:
        self._patterns = {**PATTERNS, **own}
        self.paths: dict[str, str] = {}
        self.kinds: dict[str, Kind] = {}
        self._length = 0

    def of(self, pattern: str, within: tuple[str, ...] = ()) -> str:
        self._length += len(pattern)
        if self._length > _LONGEST:
            raise ValueError(f"the pattern has more than {_LONGEST:,} characters with all that it refers to")
        return _REFERENCE.sub(lambda reference: self._one(reference[1], within), pattern)

    def _one(self, reference: str, within: tuple[str, ...]) -> str:
        parts = _PARTS.fullmatch(reference)
        if parts is None:
            raise ValueError(
                f"%{{{reference}}} is no reference; write %{{NAME}}, %{{NAME:field}} or %{{NAME:field:int}}"
            )
        name, field, kind = parts.groups()
        if name not in self._patterns:
            advice = suggestion_for(name.upper(), self._patterns) or "; own ones go into `patterns`"
            raise ValueError(f"there is no grok pattern {name}{advice}")
        if name in within:
            raise ValueError(f"the pattern {name} is made of itself")
        inner = self.of(self._patterns[name], (*within, name))
        if field is None:
            return f"(?:{inner})"
        group, path = f"_{len(self.paths)}", _path(field)
        self.paths[group] = path
        if kind is not None:
            if kind not in _KINDS:
                raise ValueError(f"%{{{reference}}}: there is no type {kind}; use int, float, boolean, date or ip")
            self.kinds[path] = _KINDS[kind]
        return f"(?P<{group}>{inner})"


def expand_pattern(pattern: str, own: Mapping[str, str]) -> ExpandedPattern:
    """The pattern with all that it refers to; `own` patterns win over known ones. Raises `ValueError` with what is
    wrong: an unknown name, no field, or what does not compile."""
    found = _Expansion(own)
    text = found.of(pattern)
    groups = compile_user_regex(text).groupindex
    if not groups:
        raise ValueError("the pattern has no field such as %{WORD:name}, so it would make none")
    return ExpandedPattern(text, {name: found.paths.get(name, name) for name in groups}, found.kinds)


def _path(field: str) -> str:
    path = ".".join(field[1:-1].split("][")) if _NESTED.fullmatch(field) else field
    if not all(path.split(".")) or "[" in path or "]" in path:
        raise ValueError(f"{field} is not the path of a field; write a.b or [a][b]")
    return path
