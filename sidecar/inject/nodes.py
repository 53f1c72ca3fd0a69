"""Reads YAML or JSON as a tree of nodes with their positions, so that text can be inserted and cut.

PyYAML reports a position with each event. Its own tree loses those of aliases, therefore this module builds the tree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from sidecar.errors import SidecarError

_MAX_DEPTH = 200
_STRING = "tag:yaml.org,2002:str"
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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

    is_block_text: bool = False
    """Whether it is a scalar after `|` or `>`."""

    def get(self, key: str | int) -> YamlNode | None:
        """Return the value of a key; None if the mapping does not have it."""
        pair = self.pair(key)
        return pair[1] if pair else None

    def pair(self, key: str | int) -> tuple[YamlNode, YamlNode] | None:
        """Return the key and the value."""
        return next(((name, value) for name, value in self.pairs if name.value == key), None)

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
        return self.value if self.kind == "scalar" else str(self.start)

    def last_leaf(self) -> YamlNode:
        """Return the node whose end is the end of the text of this one, without comments after it."""
        if self.is_alias or self.is_flow or self.kind == "scalar":
            return self
        return (self.items[-1] if self.kind == "sequence" else self.pairs[-1][1]).last_leaf()


def parse(text: str) -> list[tuple[YamlNode, set[str]]]:
    """Return each document with the anchors that are used in it. Raise ManifestError with the line of a mistake."""
    try:
        source = _as_yaml(text)
        return list(_Builder(yaml.parse(source, Loader=_PARSER)).documents())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", "the text cannot be read")
        raise ManifestError(
            f"is not valid YAML ({problem})",
            location=f"line {mark.line + 1}" if mark else "",
            hint="correct this line",
        ) from None
    except ValueError:
        raise ManifestError("has a number or text that YAML cannot represent", hint="quote the value") from None


def is_json(text: str) -> bool:
    """Return whether the text is one JSON document."""
    if not text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return False
    try:
        json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return False
    return True


def _as_yaml(text: str) -> str:
    """Return YAML in which everything has the same position.

    JSON may be indented with tabs, and may escape a character as a pair of surrogates, which YAML does not accept.
    """
    return _SURROGATE.sub(r"\\u0020", text.replace("\t", " ")) if is_json(text) else text


class _Builder:
    """Builds trees of the events of a parser."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._resolver: Any = yaml.SafeLoader("")
        self._anchors: dict[str, YamlNode] = {}
        self._used: set[str] = set()

    def documents(self) -> Iterator[tuple[YamlNode, set[str]]]:
        """Yield the documents."""
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors, self._used = {}, set()
                yield self._node(next(self._events), 0), self._used

    def _node(self, event: Any, depth: int) -> YamlNode:
        if depth > _MAX_DEPTH:
            raise ManifestError(
                f"is nested more than {_MAX_DEPTH} levels deep", location=f"line {event.start_mark.line + 1}"
            )
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        node = YamlNode("scalar", event.start_mark.index, event.start_mark.column, event.end_mark.index)
        node.anchor = event.anchor
        if event.anchor:
            self._anchors[event.anchor] = node
        if isinstance(event, yaml.ScalarEvent):
            node.value, node.is_block_text = self._scalar(event), event.style in ("|", ">")
        elif isinstance(event, yaml.SequenceStartEvent):
            node.kind, node.is_flow = "sequence", bool(event.flow_style)
            self._fill_sequence(node, depth)
        else:
            node.kind, node.is_flow = "mapping", bool(event.flow_style)
            self._fill_mapping(node, depth)
        return node

    def _fill_sequence(self, node: YamlNode, depth: int) -> None:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            node.items.append(self._node(event, depth + 1))
        node.end = _end_of(event)

    def _fill_mapping(self, node: YamlNode, depth: int) -> None:
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            node.pairs.append((key, self._node(next(self._events), depth + 1)))
        node.end = _end_of(event)

    def _alias(self, event: Any) -> YamlNode:
        target = self._anchors.get(event.anchor)
        if target is None or not target.end:
            raise ManifestError(
                f"the alias *{event.anchor} has no anchor before it", location=f"line {event.start_mark.line + 1}"
            )
        self._used.add(event.anchor)
        return YamlNode(
            target.kind, event.start_mark.index, event.start_mark.column, event.end_mark.index, target.is_flow,
            is_alias=True, items=target.items, pairs=target.pairs, value=target.value,
        )  # fmt: skip

    def _scalar(self, event: Any) -> Any:
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag == "tag:yaml.org,2002:timestamp" or tag == "tag:yaml.org,2002:merge":
            tag = _STRING
        if tag == _STRING:
            return event.value
        return self._resolver.construct_object(yaml.ScalarNode(tag, event.value, event.start_mark))


def _end_of(event: Any) -> int:
    end: int = event.end_mark.index
    return end
