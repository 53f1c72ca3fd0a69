"""Inserts and cuts parts of a manifest as text: whole lines in block style, parts of a line in flow style.

Every byte that is not part of an insertion stays. What cannot be written that way is refused with `CannotEdit`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sidecar.inject.addition import Insertion, Path
from sidecar.inject.emit import BlockWriter, json_text
from sidecar.inject.nodes import YamlNode
from sidecar.inject.reasons import RefusalReason, Refused


def cannot_edit(detail: str) -> Refused:
    """Return the refusal of a form that cannot be extended in place."""
    return Refused(RefusalReason.E_FORM, detail)


@dataclass(frozen=True, slots=True)
class Splice:
    """Replaces a range of the text, which is empty for an insertion."""

    start: int
    end: int
    text: str = ""


def splice(text: str, changes: Iterable[Splice]) -> str:
    """Return the text with the changes, whose ranges do not overlap. Those at one position keep their order."""
    parts, position = [], 0
    for change in sorted(changes, key=lambda change: change.start):
        parts += [text[position : change.start], change.text]
        position = change.end
    return "".join([*parts, text[position:]])


class PodText:
    """The text of one Pod, or of the template of one, inside a manifest."""

    def __init__(self, text: str, root: YamlNode, used_anchors: set[str]) -> None:
        self._text, self._root, self._used = text, root, used_anchors
        self._eol = "\r\n" if "\r\n" in text else "\n"
        self._writer = BlockWriter(*self._style())

    def _style(self) -> tuple[int, int]:
        """Return how many columns a level and the dash of an item are indented."""
        spec = self._root.pair("spec")
        if not spec or spec[1].is_flow or spec[1].kind != "mapping" or self._root.is_flow:
            return 2, 2
        unit = max(spec[1].column - spec[0].column, 1)
        containers = spec[1].pair("containers")
        if not containers or containers[1].is_flow:
            return unit, 2
        return unit, max(containers[1].column - containers[0].column, 0)

    def is_shared(self, path: Path) -> bool:
        """Return whether text at the path is an alias, or used by one, so that a change would have other effects."""
        node = self._root
        for key in (None, *path):
            child = node if key is None else _child(node, key)
            if child is None:
                return False
            node = child
            if node.is_alias or (node.anchor in self._used) or node.has_merge_key():
                return True
        return False

    def insert(self, insertions: Iterable[Insertion]) -> list[Splice]:
        """Return the changes of the text that make these insertions."""
        runs = [(parent, list(group)) for parent, group in groupby(insertions, key=lambda each: each.parent)]
        # Where two begin at the end of one line, the deeper one belongs to the text before it.
        ordered = sorted(runs, key=lambda run: -len(run[0]))
        return [change for parent, run in ordered for change in self._insert_run(parent, run)]

    def _insert_run(self, parent: Path, run: list[Insertion]) -> Iterator[Splice]:
        if self.is_shared(parent):
            raise Refused(
                RefusalReason.E_ALIAS, f"{'.'.join(map(str, parent)) or 'the Pod'} is an alias, or used by one"
            )
        node = self._find(parent)
        if node.kind == "sequence":
            assert isinstance(run[0].key, int)
            yield self._insert_items(node, self._key_of(parent), run[0].key, [each.value for each in run])
            return
        new = {str(each.key): each.value for each in run if node.pair(str(each.key)) is None}
        for each in run:
            if (pair := node.pair(str(each.key))) is not None:
                yield self._fill(node, *pair, each.value)
        if new:
            yield self._insert_entries(node, new)

    def _find(self, path: Path) -> YamlNode:
        node = self._root
        for key in path:
            child = _child(node, key)
            if child is None:
                raise cannot_edit(f"{key} is not in the text")
            node = child
        return node

    def _key_of(self, path: Path) -> YamlNode:
        pair = self._find(path[:-1]).pair(str(path[-1]))
        assert pair is not None
        return pair[0]

    def _lines_after(self, position: int, lines: list[str], *, is_line_start: bool = False) -> Splice:
        """Return the insertion of whole lines after the line that contains a position."""
        end = position if is_line_start else self._text.find("\n", position) + 1
        if end <= 0 or (is_line_start and self._text[end - 1 : end] != "\n"):
            end = len(self._text)
            return Splice(end, end, "".join(f"{self._eol}{line}" for line in lines))
        return Splice(end, end, "".join(f"{line}{self._eol}" for line in lines))

    def _lines_after_node(self, node: YamlNode, lines: list[str]) -> Splice:
        leaf = node.last_leaf()
        return self._lines_after(leaf.end, lines, is_line_start=leaf.is_block_text)

    def _insert_items(self, node: YamlNode, key: YamlNode, index: int, values: list[Any]) -> Splice:
        if node.is_flow:
            return self._insert_flow(node, [(item.start, item.end) for item in node.items], index, values)
        lines = self._writer.items(values, node.column)
        if index == 0:
            return self._lines_after(key.end, lines)
        return self._lines_after_node(node.items[index - 1], lines)

    def _insert_entries(self, node: YamlNode, values: dict[str, Any]) -> Splice:
        if node.is_flow:
            spans = [(key.start, value.end) for key, value in node.pairs]
            return self._insert_flow(node, spans, len(spans), values)
        return self._lines_after_node(node, self._writer.entries(values, node.column))

    def _fill(self, parent: YamlNode, key: YamlNode, node: YamlNode, value: Any) -> Splice:
        """Return the insertion into a list or mapping that is empty, or a key without a value."""
        if node.is_flow and not node.items and not node.pairs:
            return self._insert_flow(node, [], 0, value)
        if parent.is_flow or node.end > node.start or node.kind != "scalar":
            raise cannot_edit(f"the value of {key.value} is written as null; remove it")
        if isinstance(value, dict):
            return self._lines_after(key.end, self._writer.entries(value, key.column + self._writer.unit))
        return self._lines_after(key.end, self._writer.items(value, key.column + self._writer.dash_offset))

    def _insert_flow(
        self, node: YamlNode, spans: list[tuple[int, int]], index: int, values: list[Any] | dict[str, Any]
    ) -> Splice:
        line_start = self._text.rfind("\n", 0, node.start) + 1
        line = self._text[line_start : node.start]
        is_long = bool(spans) and "\n" in self._text[node.start : spans[0][0]]
        column = self._column(spans[0][0]) if is_long else 0
        unit = max(column - (len(line) - len(line.lstrip())), 1) if is_long else None
        separator = f",{self._eol}{' ' * column}" if is_long else ", "
        if isinstance(values, dict):
            named = ((scalar_key(name), json_text(value, column, unit, self._eol)) for name, value in values.items())
            parts = [f"{name}: {text}" for name, text in named]
        else:
            parts = [json_text(value, column, unit, self._eol) for value in values]
        if not spans:
            return Splice(node.start + 1, node.start + 1, separator.join(parts))
        if index == 0:
            return Splice(spans[0][0], spans[0][0], "".join(f"{part}{separator}" for part in parts))
        return Splice(spans[index - 1][1], spans[index - 1][1], "".join(f"{separator}{part}" for part in parts))

    def _column(self, position: int) -> int:
        return position - self._text.rfind("\n", 0, position) - 1

    def cut(self, paths: Iterable[Path]) -> list[Splice]:
        """Return the changes that remove these parts again."""
        changes = []
        for parent, group in groupby(sorted(paths, key=_by_parent), key=lambda path: path[:-1]):
            if self.is_shared(parent):
                raise Refused(
                    RefusalReason.E_ALIAS, f"{'.'.join(map(str, parent)) or 'the Pod'} is an alias, or used by one"
                )
            node = self._find(parent)
            keys = {path[-1] for path in group}
            changes += self._cut_flow(node, keys) if node.is_flow else self._cut_lines(node, keys)
        return self._merge(changes)

    def _cut_lines(self, node: YamlNode, keys: set[str | int]) -> list[Splice]:
        changes = []
        for first, last, key in _members(node):
            if key in keys:
                start = self._text.rfind("\n", 0, first.start) + 1
                if self._text[start : first.start].strip(" -" if node.kind == "sequence" else " "):
                    raise cannot_edit(f"{key} does not begin its line")
                leaf = last.last_leaf()
                end = leaf.end if leaf.is_block_text else self._text.find("\n", leaf.end) + 1 or len(self._text)
                changes.append(Splice(start, end))
        return changes

    def _cut_flow(self, node: YamlNode, keys: set[str | int]) -> list[Splice]:
        members = [(first.start, last.end, key in keys) for first, last, key in _members(node)]
        changes, position = [], 0
        for is_doomed, group in groupby(members, key=lambda member: member[2]):
            run = list(group)
            before, after = position - 1, position + len(run)
            position = after
            if not is_doomed:
                continue
            if before >= 0:
                changes.append(Splice(members[before][1], run[-1][1]))
            else:
                changes.append(Splice(run[0][0], members[after][0] if after < len(members) else run[-1][1]))
        return changes

    def _merge(self, changes: list[Splice]) -> list[Splice]:
        """Join neighbouring ranges. One at the end of a text without a final newline includes the one before it."""
        merged: list[Splice] = []
        for change in sorted(changes, key=lambda change: change.start):
            if merged and merged[-1].end == change.start:
                merged[-1] = Splice(merged[-1].start, change.end)
            else:
                merged.append(change)
        if merged and merged[-1].end == len(self._text) and not self._text.endswith("\n"):
            start = merged[-1].start
            before = self._text[:start]
            length = 2 if before.endswith("\r\n") else int(before.endswith("\n"))
            merged[-1] = Splice(start - length, len(self._text))
        return merged


def scalar_key(name: str) -> str:
    """Return a key of a mapping in flow style."""
    return f'"{name}"'


def _by_parent(path: Path) -> tuple[str, int]:
    return str(path[:-1]), path[-1] if isinstance(path[-1], int) else 0


def _child(node: YamlNode, key: str | int) -> YamlNode | None:
    if isinstance(key, int):
        return node.items[key] if node.kind == "sequence" and key < len(node.items) else None
    return node.get(key) if node.kind == "mapping" else None


def _members(node: YamlNode) -> Iterator[tuple[YamlNode, YamlNode, str | int]]:
    """Yield the first and last node of each member, and its key."""
    if node.kind == "sequence":
        for index, item in enumerate(node.items):
            yield item, item, index
    else:
        for key, value in node.pairs:
            yield key, value, key.value
