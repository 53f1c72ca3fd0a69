"""Grok: regexes built from named patterns, as in Logstash: `%{IP:source.ip} %{NUMBER:duration:float}`.

The pattern is compiled by the `regex` library, which supports a time limit. As in Logstash, it may match anywhere in
a line. Only references with a field name become fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from sidecar.lib.conversions import FieldType
from sidecar.lib.suggestions import suggestion_for
from sidecar.lib.user_regex import compile_user_regex
from sidecar.parse.grok_patterns import PATTERNS

_REFERENCE = re.compile(r"%\{([^{}]*)\}")
_PARTS = re.compile(r"(\w+)(?::([^:\s]+))?(?::(\w+))?", re.ASCII)
_NESTED = re.compile(r"(?:\[[^\[\]]+\])+")
_KINDS: dict[str, FieldType] = {
    "int": "integer", "integer": "integer", "long": "integer", "float": "float", "double": "float",
    "boolean": "boolean", "bool": "boolean", "string": "string", "date": "date", "ip": "ip",
}  # fmt: skip
_MAX_EXPANDED_CHARACTERS = 100_000
"""Maximum length of a pattern after expansion. Patterns that contain another pattern twice grow exponentially."""


class ExpandedPattern(msgspec.Struct, frozen=True):
    """A pattern in which each reference is replaced with the pattern that it names."""

    pattern: str
    paths: dict[str, str]
    """Field path of each named group."""

    kinds: dict[str, FieldType]
    """Type of each field whose reference has a type, by field path."""


class _Expansion:
    def __init__(self, custom: Mapping[str, str]) -> None:
        self._patterns = {**PATTERNS, **custom}
        self.paths: dict[str, str] = {}
        self.kinds: dict[str, FieldType] = {}
        self._length = 0

    def expand(self, pattern: str, parents: tuple[str, ...] = ()) -> str:
        self._length += len(pattern)
        if self._length > _MAX_EXPANDED_CHARACTERS:
            raise ValueError(f"the pattern has more than {_MAX_EXPANDED_CHARACTERS:,} characters after expansion")
        return _REFERENCE.sub(lambda reference: self._expand_reference(reference[1], parents), pattern)

    def _expand_reference(self, reference: str, parents: tuple[str, ...]) -> str:
        parts = _PARTS.fullmatch(reference)
        if parts is None:
            raise ValueError(
                f"%{{{reference}}} is not a reference; write %{{NAME}}, %{{NAME:field}} or %{{NAME:field:int}}"
            )
        name, field, kind = parts.groups()
        if name not in self._patterns:
            advice = suggestion_for(name.upper(), self._patterns) or "; define custom patterns in `patterns`"
            raise ValueError(f"unknown grok pattern {name}{advice}")
        if name in parents:
            raise ValueError(f"the pattern {name} refers to itself")
        inner = self.expand(self._patterns[name], (*parents, name))
        if field is None:
            return f"(?:{inner})"
        group, path = f"_{len(self.paths)}", _path(field)
        self.paths[group] = path
        if kind is not None:
            if kind not in _KINDS:
                raise ValueError(f"%{{{reference}}}: unknown type {kind}; use int, float, boolean, date or ip")
            self.kinds[path] = _KINDS[kind]
        return f"(?P<{group}>{inner})"


def expand_pattern(pattern: str, custom: Mapping[str, str]) -> ExpandedPattern:
    """Replace each reference with the pattern that it names. `custom` patterns take precedence over built-in ones.

    Raise `ValueError` for an unknown name, a pattern without a field, or a regex that does not compile.
    """
    expansion = _Expansion(custom)
    text = expansion.expand(pattern)
    groups = compile_user_regex(text).groupindex
    if not groups:
        raise ValueError("the pattern has no field; add at least one, such as %{WORD:name}")
    return ExpandedPattern(text, {name: expansion.paths.get(name, name) for name in groups}, expansion.kinds)


def _path(field: str) -> str:
    path = ".".join(field[1:-1].split("][")) if _NESTED.fullmatch(field) else field
    if not all(path.split(".")) or "[" in path or "]" in path:
        raise ValueError(f"{field} is not a field path; write a.b or [a][b]")
    return path
