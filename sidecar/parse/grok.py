"""Grok: regexes built from named patterns, as in Logstash: `%{IP:source.ip} %{NUMBER:duration:float}`.

The pattern is compiled by the `regex` library, which supports a time limit. As in Logstash, it may match anywhere in
a line, `.` matches the line ends of an event, and only references with a field name become fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from sidecar.lib.conversions import FieldType
from sidecar.lib.suggestions import suggestion_for
from sidecar.lib.user_regex import compile_user_regex
from sidecar.parse.grok_patterns import line_layouts, named_patterns
from sidecar.parse.line_layout import LineLayout

_REFERENCE = re.compile(r"%\{(?P<reference>[^{}]*)\}|(?<!\\)\(\?P?<(?P<group>(?![=!])[^<>()]++)>")
_PARTS = re.compile(r"(\w+)(?::([^:\s]+))?(?::(\w+))?", re.ASCII)
_NESTED = re.compile(r"(?:\[[^\[\]]+\])+")
_SINGLE_REFERENCE = re.compile(r"\^?(%\{(\w+)\})(\$?)", re.ASCII)
_FLAGS = re.compile(r"\(\?([aimsu]+)\)")
_KINDS: dict[str, FieldType] = {
    "int": "integer", "integer": "integer", "long": "integer", "float": "float", "double": "float",
    "boolean": "boolean", "bool": "boolean", "string": "string", "date": "date", "ip": "ip",
}  # fmt: skip
_HIDDEN = "@metadata"
"""Root of the fields that Logstash does not store."""

_MAX_EXPANDED_CHARACTERS = 100_000
"""Maximum length of a pattern after expansion. Patterns that contain another pattern twice grow exponentially."""


class ExpandedPattern(msgspec.Struct, frozen=True):
    """A pattern in which each reference is replaced with the pattern that it names."""

    pattern: str
    paths: dict[str, str]
    """Field path of each named group."""

    kinds: dict[str, FieldType]
    """Type of each field whose reference has a type, by field path."""

    layout: LineLayout | None = None
    """The usual layout of the lines, including their ends."""


class _Expansion:
    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._patterns = patterns
        self.paths: dict[str, str] = {}
        self.kinds: dict[str, FieldType] = {}
        self._length = 0

    def expand(self, pattern: str, parents: tuple[str, ...] = ()) -> str:
        self._length += len(pattern)
        if self._length > _MAX_EXPANDED_CHARACTERS:
            raise ValueError(f"the pattern has more than {_MAX_EXPANDED_CHARACTERS:,} characters after expansion")
        return _REFERENCE.sub(lambda match: self._expand_match(match, parents), pattern)

    def _expand_match(self, match: re.Match[str], parents: tuple[str, ...]) -> str:
        group = match["group"]
        if group is None:
            return self._expand_reference(match["reference"], parents)
        # The group may be referred to by its name, so it keeps a name that the regex allows.
        return match[0] if group.isidentifier() else self._open_group(_path(group))

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
        path = _path(field)
        if kind is not None:
            if kind not in _KINDS:
                raise ValueError(f"%{{{reference}}}: unknown type {kind}; use int, float, boolean, date or ip")
            self.kinds[path] = _KINDS[kind]
        return f"{self._open_group(path)}{inner})"

    def _open_group(self, path: str) -> str:
        if path.partition(".")[0] == _HIDDEN:
            return "(?:"
        group = f"_{len(self.paths)}"
        self.paths[group] = path
        return f"(?P<{group}>"


def expand_pattern(pattern: str, custom: Mapping[str, str], *, legacy: bool = False) -> ExpandedPattern:
    """Replace each reference with the pattern that it names. `custom` patterns take precedence over built-in ones.

    `legacy`: the built-in patterns have the field names of Logstash without ECS.

    Raise `ValueError` for an unknown name, a pattern without a field, or a regex that does not compile.
    """
    expansion = _Expansion({**named_patterns(legacy=legacy), **custom})
    flags = _FLAGS.match(pattern)
    text = f"(?{flags[1] if flags else ''}s){expansion.expand(pattern[flags.end() if flags else 0 :])}"
    groups = compile_user_regex(text).groupindex
    if not groups:
        raise ValueError("the pattern has no field; add at least one, such as %{WORD:name}")
    paths = {name: expansion.paths.get(name, name) for name in groups}
    return ExpandedPattern(text, paths, expansion.kinds, _find_layout(pattern, custom, legacy=legacy))


def _find_layout(pattern: str, custom: Mapping[str, str], *, legacy: bool) -> LineLayout | None:
    """Return the usual layout of the lines that a pattern matches; None if it is more than one built-in reference."""
    match = _SINGLE_REFERENCE.fullmatch(pattern)
    layout = line_layouts(legacy=legacy).get(match[2]) if match else None
    if match is None or layout is None:
        return None
    built_in = named_patterns(legacy=legacy)
    if custom and _Expansion({**built_in, **custom}).expand(match[1]) != _Expansion(built_in).expand(match[1]):
        return None
    return layout._replace(pattern=layout.pattern + ("" if match[3] else r"[^\n]*+"))


def _path(field: str) -> str:
    path = ".".join(field[1:-1].split("][")) if _NESTED.fullmatch(field) else field
    if not all(path.split(".")) or "[" in path or "]" in path:
        raise ValueError(f"{field} is not a field path; write a.b or [a][b]")
    return path
