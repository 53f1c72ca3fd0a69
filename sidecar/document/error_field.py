"""Moves a scalar value of `error` to `original.error`.

Documents of lines that cannot be parsed have an object `error` with `error.message`. In one Elasticsearch index a
field is either a value or an object, so documents with the other kind would be rejected. The value is moved after the
transforms, so that users can move it elsewhere. `null` is compatible with an object and is kept.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from sidecar.document.field_conflicts import resolve_conflicts
from sidecar.lib import native
from sidecar.lib.jsontext.edit import edit
from sidecar.lib.jsontext.nested import nest, render_members
from sidecar.model.records import ERROR_FIELD, RecordBatch

_QUOTED_NAME = f'"{ERROR_FIELD}"'
_MEMBER_NAME = re.compile(rf"{_QUOTED_NAME}\s*+:")
_MEMBER_TEXTS = [f"{_QUOTED_NAME}{separator}".encode() for separator in ": \t\r\n"]
"""Each body with a member of this name contains one of these texts. A value of this text is followed by others."""


def move_scalar_error(records: RecordBatch) -> RecordBatch:
    """Return the records with scalar values of `error` moved to `original.error`; `records` itself if it has none."""
    if records.root_names is not None and ERROR_FIELD not in records.root_names:
        return records
    data = ",".join(records.bodies).encode(errors="surrogatepass")
    has_escapes = b"\\" in data and native.contains(data, b"\\u")
    if not (has_escapes or any(native.contains(data, text) for text in _MEMBER_TEXTS)):
        return records
    may_have = [i for i, body in enumerate(records.bodies) if _QUOTED_NAME in body or "\\u" in body]
    moved = {i: after for i in may_have if (after := _move(records.bodies[i])) is not None}
    if not moved:
        return records
    members = [moved.get(i, body) for i, body in enumerate(records.bodies)]
    names = None if records.root_names is None else records.root_names | {"original"}
    return replace(records, bodies=members, root_names=names, ends_with_log_object=False)


def _move(body: str) -> str | None:
    """Return the body with a scalar `error` moved, or None if there is none."""
    if not _MEMBER_NAME.search(body) and "\\u" not in body:
        return None
    moved: dict[str, str] = {}

    def move_value(key: str, below: str, value: str) -> str | None:
        if below or value.startswith("{") or value == "null":
            return f"{key}:{value}"
        moved[f"original.{ERROR_FIELD}_{len(moved)}" if moved else f"original.{ERROR_FIELD}"] = value
        return None

    rest = edit(body, ERROR_FIELD, move_value)
    if not moved:
        return None
    if '"original' in rest or "\\u" in rest:
        return resolve_conflicts(rest, moved)
    return f"{rest},{render_members(nest(moved))}" if rest.strip() else render_members(nest(moved))
