"""A value under `error` that is no object goes to `original.error`.

Documents of lines that do not parse have an object there, with `error.message`, and in one index of Elasticsearch a
field is a value or an object: whichever came second would be refused. This is the last step of all, so that a user
who wants the value elsewhere can have it there before. `null` can be beside an object and stays.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from sidecar.document.field_conflicts import resolve_conflicts
from sidecar.lib.jsontext.edit import edit
from sidecar.lib.jsontext.nested import nest, render_members
from sidecar.model.records import ERROR_FIELD, RecordBatch

_QUOTED = f'"{ERROR_FIELD}"'
_NAME = re.compile(rf"{_QUOTED}\s*+:")


def move_scalar_error(records: RecordBatch) -> RecordBatch:
    """The records with such values moved; the very same if there is none."""
    if records.root_names is not None and ERROR_FIELD not in records.root_names:
        return records
    may_have = [i for i, body in enumerate(records.bodies) if _QUOTED in body or "\\u" in body]
    moved = {i: after for i in may_have if (after := _move(records.bodies[i])) is not None}
    if not moved:
        return records
    members = [moved.get(i, body) for i, body in enumerate(records.bodies)]
    names = None if records.root_names is None else records.root_names | {"original"}
    return replace(records, bodies=members, root_names=names, ends_with_log_object=False)


def _move(body: str) -> str | None:
    """The members with what has to move elsewhere, None if that is nothing."""
    if not _NAME.search(body) and "\\u" not in body:
        return None
    found: dict[str, str] = {}

    def take(key: str, below: str, value: str) -> str | None:
        if below or value.startswith("{") or value == "null":
            return f"{key}:{value}"
        found[f"original.{ERROR_FIELD}_{len(found)}" if found else f"original.{ERROR_FIELD}"] = value
        return None

    rest = edit(body, ERROR_FIELD, take)
    if not found:
        return None
    if '"original' in rest or "\\u" in rest:
        return resolve_conflicts(rest, found)
    return f"{rest},{render_members(nest(found))}" if rest.strip() else render_members(nest(found))
