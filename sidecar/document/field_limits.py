"""Limits the fields and levels of a record. Members above the limits are stored as one text in the field `flattened`.

One line must not fill the mapping of an index, because all lines share it. Elasticsearch accepts 1,000 fields, where
each text counts as two by default, and 20 levels ("Mapping limit settings" in its manual). Most records are too short
for that many fields, and braces are counted only if levels are limited, so the usual check is cheap.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec.structs import replace

from sidecar.lib.jsontext.members import split_elements, split_pairs
from sidecar.lib.jsontext.nested import json_string
from sidecar.model.records import RecordBatch

NAME = "flattened"
_MAX_DEPTH = 64
"""Number of levels in which fields are counted. Databases accept fewer levels."""

_MIN_MEMBER_CHARACTERS = 5
"""Length of the shortest member with its comma: `"":0,`."""

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_BRACE = re.compile(r"[{}]")


class FieldLimiter:
    """Limits the number of distinct fields of a record and, optionally, how deep its objects are nested."""

    def __init__(self, max_fields: int, max_depth: int | None = None) -> None:
        self._max_fields, self._max_depth = max_fields, max_depth or _MAX_DEPTH
        self._limits_depth = max_depth is not None
        levels = f" or {max_depth} levels" if max_depth else ""
        self._reason = f"more than {max_fields} fields{levels}: the rest is in {NAME}"

    def __call__(self, records: RecordBatch) -> RecordBatch:
        members = records.bodies
        if not members or not (self._may_be_wide(members) or self._may_be_deep(members)):
            return records
        changed = {i: self._flatten(body) for i, body in enumerate(members) if self._exceeds_limits(body)}
        if not changed:
            return records
        bodies = [changed.get(i, body) for i, body in enumerate(members)]
        names = None if records.root_names is None else records.root_names | {NAME}
        limited = replace(records, bodies=bodies, root_names=names, ends_with_log_object=False)
        return limited.annotate_failures(dict.fromkeys(changed, self._reason), "limits")

    def _may_be_wide(self, members: Sequence[str]) -> bool:
        return max(map(len, members)) >= _MIN_MEMBER_CHARACTERS * self._max_fields

    def _may_be_deep(self, members: Sequence[str]) -> bool:
        return self._limits_depth and max([body.count("{") for body in members]) >= self._max_depth

    def _is_deep(self, text: str) -> bool:
        return self._limits_depth and text.count("{") >= self._max_depth and 1 + _depth(text) > self._max_depth

    def _exceeds_limits(self, body: str) -> bool:
        if self._is_deep(body):
            return True
        if body.count(":") <= self._max_fields:
            return False
        return self._fields(split_pairs(body)) > self._max_fields

    def _flatten(self, body: str) -> str:
        """Return the body with the members within the limits, in order, and with the other members in `flattened`."""
        kept, flattened, fields = [], [], 0
        for key, key_text, value in split_pairs(body):
            added = self._fields([(key, key_text, value)])
            if key == "@timestamp" or not (self._is_deep(value) or key == NAME or fields + added > self._max_fields):
                kept.append(f"{key_text}:{value}")
                fields += added
            else:
                flattened.append(f"{key_text}:{value}")
        return ",".join([*kept, f'"{NAME}":{json_string("{" + ",".join(flattened) + "}")}'])

    def _fields(self, members: Sequence[tuple[str, str, str]]) -> int:
        """Return the number of distinct paths in the counted levels. The path of an object counts too."""
        paths: set[str] = set()
        waiting = [("", 1, members)]
        while waiting:
            prefix, level, object_members = waiting.pop()
            for key, _, value in object_members:
                path = prefix + key
                paths.add(path)
                if level < self._max_depth:
                    waiting += [(f"{path}.", level + 1, split_pairs(inside)) for inside in _objects(value)]
        return len(paths)


def _objects(value: str) -> list[str]:
    """Return the body of this object, or of each object in this array."""
    if value[0] == "{":
        return [value[1:-1]]
    if value[0] == "[" and "{" in value:
        return [inside for element in split_elements(value[1:-1]) for inside in _objects(element)]
    return []


def _depth(text: str) -> int:
    """Return the number of levels of nested objects."""
    max_level = level = 0
    for brace in _BRACE.findall(_STRING.sub("", text)):
        level += 1 if brace == "{" else -1
        max_level = max(max_level, level)
    return max_level
