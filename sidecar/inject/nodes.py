"""Reads YAML or JSON as a tree of nodes with their positions, so that text can be inserted and cut.

PyYAML reports a position with each event. Its own tree loses those of aliases, therefore this module builds the tree.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from sidecar.errors import SidecarError

_MAX_DEPTH = 200
_MAX_ALIASED = 1_000_000
"""How many values the aliases of a document may repeat. A few lines can repeat billions."""

_BLANKS = re.compile(r"[\ufeff \t\r\n]*")
_TAG = "tag:yaml.org,2002:"
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RENDER = "render the template first, for instance with `helm template`"

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **{case(word): True for word in ("y", "yes", "on", "true") for case in (str, str.capitalize, str.upper)},
    **{case(word): False for word in ("n", "no", "off", "false") for case in (str, str.capitalize, str.upper)},
}
_OCTAL = re.compile(r"^([-+]?0)([0-7]+)$")
_INTEGER = re.compile(r"[-+]?(0[bB][01]+|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+|[1-9][0-9]*|0)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_MAX_DIGITS = 67
"""Length of the longest integer of 64 bits: a sign, `0b` and the bits. A larger decimal number is a float."""

_TYPES: dict[str, tuple[type, ...]] = {
    f"{_TAG}int": (int,), f"{_TAG}float": (int, float), f"{_TAG}bool": (bool,), f"{_TAG}null": (type(None),),
}  # fmt: skip


class ManifestError(SidecarError):
    """The text is not valid YAML or JSON."""


@dataclass(slots=True, eq=False)
class YamlNode:
    """A mapping, sequence or scalar of the text. Positions count characters from the beginning of the text."""

    kind: Literal["mapping", "sequence", "scalar"]
    start: int
    column: int
    end: int = 0
    is_flow: bool = False
    anchor: str | None = None
    is_alias: bool = False
    items: list[YamlNode] = field(default_factory=list)
    pairs: list[tuple[YamlNode, YamlNode]] = field(default_factory=list)
    value: Any = None
    """The value of a scalar."""

    size: int = 1
    """How many values it has, with those that aliases repeat."""

    is_block_text: bool = False
    """Whether it is a scalar after `|` or `>`."""

    def get(self, key: str | int) -> YamlNode | None:
        """Return the value of a key; None if the mapping does not have it."""
        pair = self.pair(key)
        return pair[1] if pair else None

    def pair(self, key: str | int) -> tuple[YamlNode, YamlNode] | None:
        """Return the key and the value: the last ones if a key is repeated, as Kubernetes reads it."""
        return next(((name, value) for name, value in reversed(self.pairs) if name.value == key), None)

    def has_merge_key(self) -> bool:
        """Return whether the mapping takes entries of another one."""
        return any(key.value == "<<" for key, _ in self.pairs)

    def plain(self) -> Any:
        """Return the value as dictionaries, lists and scalars, with merge keys resolved."""
        if self.kind == "sequence":
            return [item.plain() for item in self.items]
        if self.kind == "scalar":
            return self.value
        merged: dict[Any, Any] = {}
        for key, value in self.pairs:
            if key.value == "<<":
                for source in value.items if value.kind == "sequence" else [value]:
                    merged = {**source.plain(), **merged} if source.kind == "mapping" else merged
        return merged | {key.plain_key(): value.plain() for key, value in self.pairs if key.value != "<<"}

    def plain_key(self) -> Any:
        """Return the value as the key of a mapping."""
        return self.value if isinstance(self.value, str) else json.dumps(self.value)

    def last_leaf(self) -> YamlNode:
        """Return the node whose end is the end of the text of this one, without comments after it."""
        if self.is_alias or self.is_flow or self.kind == "scalar":
            return self
        return (self.items[-1] if self.kind == "sequence" else self.pairs[-1][1]).last_leaf()


def parse(text: str) -> list[tuple[YamlNode, set[str]]]:
    """Return each document with the anchors that are used in it. Raise ManifestError with the line of a mistake."""
    return [document for start, source in _parts(text) for document in _parse_part(start, source)]


def _parse_part(start: int, source: str) -> list[tuple[YamlNode, set[str]]]:
    try:
        return list(_Builder(yaml.parse(source, Loader=_PARSER), source, start).documents())
    except yaml.YAMLError as error:
        line = _line_of(error, source)
        problem = getattr(error, "problem", None) or getattr(error, "reason", "the text cannot be read")
        is_template = "{{" in "".join(source.split("\n")[max(line - 2, 0) : line])
        raise ManifestError(
            f"is not valid YAML ({problem})",
            location=f"line {line}" if line else "",
            hint=_RENDER if is_template else "correct this line",
        ) from None


def _line_of(error: yaml.YAMLError, text: str) -> int:
    """Return the line of a mistake, 0 if it is not known."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark:
        return int(mark.line) + 1
    position = getattr(error, "position", None)  # of a character that YAML does not allow, in bytes
    return 0 if position is None else text.encode()[:position].count(b"\n") + 1


def _parts(text: str) -> list[tuple[int, str]]:
    """Return the position and the source of each JSON value if the text has nothing else, or that of the whole text.

    In the source of JSON, everything has the same position as in the text. JSON may be indented with tabs, and may
    escape a character as a pair of surrogates, which YAML does not accept.
    """
    parts: list[tuple[int, str]] = []
    position = _skip_blanks(text, 0)
    try:
        while text.startswith(("{", "["), position):
            end = json.JSONDecoder().raw_decode(text, position)[1]
            parts.append((position, _SURROGATE.sub(r"\\u0020", text[position:end].replace("\t", " "))))
            position = _skip_blanks(text, end)
    except (ValueError, RecursionError):
        return [(0, text)]
    return parts if position == len(text) else [(0, text)]


def _skip_blanks(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    assert match
    return match.end()


class _Builder:
    """Builds trees of the events of a parser."""

    def __init__(self, events: Iterator[Any], source: str, start: int) -> None:
        self._events, self._source, self._start = events, source, start
        self._anchors: dict[str, YamlNode] = {}
        self._used: set[str] = set()
        self._aliased = 0

    def documents(self) -> Iterator[tuple[YamlNode, set[str]]]:
        """Yield the documents."""
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors, self._used, self._aliased = {}, set(), 0
                yield self._node(next(self._events), 0), self._used

    def _node(self, event: Any, depth: int) -> YamlNode:
        if depth > _MAX_DEPTH:
            raise _mistake(event, f"is nested more than {_MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        node = YamlNode("scalar", self._start + event.start_mark.index, event.start_mark.column)
        node.anchor = event.anchor
        if event.anchor:
            self._anchors[event.anchor] = node
        if isinstance(event, yaml.ScalarEvent):
            node.value, node.is_block_text = _scalar(event), event.style in ("|", ">")
            node.end = self._end_of(event)
            return node
        node.is_flow = bool(event.flow_style)
        if (event.anchor or event.tag) and not node.is_flow:
            # The event begins with the anchor, and ends where the content begins, or after its first hyphen.
            mark = event.end_mark
            node.column = mark.column - (self._source[mark.index - 1] == "-")
        if isinstance(event, yaml.SequenceStartEvent):
            node.kind = "sequence"
            self._fill_sequence(node, depth)
        else:
            node.kind = "mapping"
            self._fill_mapping(node, depth)
        return node

    def _fill_sequence(self, node: YamlNode, depth: int) -> None:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            node.items.append(self._node(event, depth + 1))
            node.size += node.items[-1].size
        node.end = self._end_of(event)

    def _fill_mapping(self, node: YamlNode, depth: int) -> None:
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if key.kind != "scalar":
                raise _mistake(event, "has a key that is not a text", _RENDER)
            node.pairs.append((key, self._node(next(self._events), depth + 1)))
            node.size += 1 + node.pairs[-1][1].size
        node.end = self._end_of(event)

    def _alias(self, event: Any) -> YamlNode:
        target = self._anchors.get(event.anchor)
        if target is None or not target.end:
            raise _mistake(event, f"the alias *{event.anchor} has no anchor before it")
        self._used.add(event.anchor)
        self._aliased += target.size
        if self._aliased > _MAX_ALIASED:
            raise _mistake(event, f"has aliases that repeat more than {_MAX_ALIASED:,} values")
        return YamlNode(
            target.kind, self._start + event.start_mark.index, event.start_mark.column, self._end_of(event),
            target.is_flow, is_alias=True, items=target.items, pairs=target.pairs, value=target.value,
            size=target.size,
        )  # fmt: skip

    def _end_of(self, event: Any) -> int:
        return self._start + int(event.end_mark.index)


def _mistake(event: Any, message: str, hint: str = "") -> ManifestError:
    return ManifestError(message, location=f"line {event.start_mark.line + 1}", hint=hint)


def _scalar(event: Any) -> Any:
    """Return the value of a scalar as Kubernetes reads it, which differs from YAML 1.1 and from 1.2."""
    if event.tag in _TYPES:
        value = _plain_value(event.value)
        if not isinstance(value, _TYPES[event.tag]):
            raise _mistake(event, f"has a value that is no {event.tag.removeprefix(_TAG)}", "quote the value")
        return value
    return _plain_value(event.value) if event.tag is None and event.implicit[0] else event.value


def _plain_value(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    digits = text.replace("_", "") if text[0] in "+-.0123456789" else ""
    if len(digits) <= _MAX_DIGITS and _INTEGER.fullmatch(digits):
        number = int(_OCTAL.sub(r"\1o\2", digits), 0)
        if -(1 << 63) <= number < 1 << 64:
            return number
    if _FLOAT.fullmatch(digits) and math.isfinite(value := float(digits)):
        return int(value) if value.is_integer() else value
    return text
