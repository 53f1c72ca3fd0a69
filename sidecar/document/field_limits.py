"""Records with too many fields or too many levels: what is too much goes as one text into `flattened`.

One line must not fill the mapping of an index, which is shared by all. Elasticsearch takes 1,000 fields, of which
each text is two unless told, and 20 levels (its manual, "Mapping limit settings"). A record that is short cannot have
many fields; the braces of records have to be counted only where levels are limited, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec.structs import replace

from sidecar.lib.jsontext.members import split_elements, split_pairs
from sidecar.lib.jsontext.nested import json_string
from sidecar.model.records import RecordBatch

NAME = "flattened"
_DEEPEST = 64
"""Levels down to which fields are told apart; the databases take fewer."""

_SHORTEST = 5
"""Characters of a member and its comma, as in `"":0,`."""

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_BRACE = re.compile(r"[{}]")


class FieldLimiter:
    """At most so many fields with names of their own in a record, and so many levels of objects if that is said."""

    def __init__(self, max_fields: int, max_depth: int | None = None) -> None:
        self._max_fields, self._max_depth = max_fields, max_depth or _DEEPEST
        self._levels_matter = max_depth is not None
        levels = f" or {max_depth} levels" if max_depth else ""
        self._complaint = f"more than {max_fields} fields{levels}: the rest is in {NAME}"

    def __call__(self, records: RecordBatch) -> RecordBatch:
        members = records.bodies
        if not members or not (self._may_be_wide(members) or self._may_be_deep(members)):
            return records
        changed = {i: self._flattened(body) for i, body in enumerate(members) if self._is_over(body)}
        if not changed:
            return records
        left = [changed.get(i, body) for i, body in enumerate(members)]
        names = None if records.root_names is None else records.root_names | {NAME}
        told = replace(records, bodies=left, root_names=names, ends_with_log_object=False)
        return told.annotate_failures(dict.fromkeys(changed, self._complaint), "limits")

    def _may_be_wide(self, members: Sequence[str]) -> bool:
        return max(map(len, members)) >= _SHORTEST * self._max_fields

    def _may_be_deep(self, members: Sequence[str]) -> bool:
        return self._levels_matter and max([body.count("{") for body in members]) >= self._max_depth

    def _is_deep(self, text: str) -> bool:
        return self._levels_matter and text.count("{") >= self._max_depth and 1 + _depth(text) > self._max_depth

    def _is_over(self, body: str) -> bool:
        if self._is_deep(body):
            return True
        if body.count(":") <= self._max_fields:
            return False
        return self._fields(split_pairs(body)) > self._max_fields

    def _flattened(self, body: str) -> str:
        """What is within the limits, in order, and the rest as one text."""
        kept, rest, fields = [], [], 0
        for key, key_text, value in split_pairs(body):
            added = self._fields([(key, key_text, value)])
            if key == "@timestamp" or not (self._is_deep(value) or key == NAME or fields + added > self._max_fields):
                kept.append(f"{key_text}:{value}")
                fields += added
            else:
                rest.append(f"{key_text}:{value}")
        return ",".join([*kept, f'"{NAME}":{json_string("{" + ",".join(rest) + "}")}'])

    def _fields(self, members: Sequence[tuple[str, str, str]]) -> int:
        """How many different paths there are down to the deepest level that is allowed; objects count, too."""
        paths: set[str] = set()
        waiting = [("", 1, members)]
        while waiting:
            prefix, level, here = waiting.pop()
            for key, _, value in here:
                path = prefix + key
                paths.add(path)
                if level < self._max_depth:
                    waiting += [(f"{path}.", level + 1, split_pairs(inside)) for inside in _objects(value)]
        return len(paths)


def _objects(value: str) -> list[str]:
    """The members of this object, or of each object in this array."""
    if value[0] == "{":
        return [value[1:-1]]
    if value[0] == "[" and "{" in value:
        return [inside for element in split_elements(value[1:-1]) for inside in _objects(element)]
    return []


def _depth(text: str) -> int:
    """How many objects are within each other."""
    deepest = level = 0
    for brace in _BRACE.findall(_STRING.sub("", text)):
        level += 1 if brace == "{" else -1
        deepest = max(deepest, level)
    return deepest
