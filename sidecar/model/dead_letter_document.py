"""Converts dead letters to documents for an index, and back.

The rejected document is one text in `event.original`, so that a mapping cannot reject it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from sidecar.lib.clock import iso
from sidecar.lib.jsontext.nested import nest, render_members
from sidecar.model.dead_letter import DeadLetter


class _Origin(msgspec.Struct):
    """The object `dead_letter` of a document: what is needed to send the rejected document again."""

    pipeline: str
    sink: str
    target: str
    document_id: str
    event_time: str
    generation: str
    """Id of the generation. It is stored as text, because a JSON number is exact only up to 53 bits."""

    start: int
    end: int
    status: int | None
    attempts: int


class _File(msgspec.Struct):
    path: str


class _Log(msgspec.Struct):
    file: _File


class _Error(msgspec.Struct):
    type: str
    message: str


class _Event(msgspec.Struct):
    original: str


class _Copy(msgspec.Struct):
    time: str = msgspec.field(name="@timestamp")
    error: _Error
    event: _Event
    log: _Log
    dead_letter: _Origin


def copy_id(letter: DeadLetter) -> str:
    """Return the `_id` for the document of a dead letter.

    It depends on the sink, because several sinks may reject the same document.
    """
    return f"{letter.document_id}-{hashlib.sha256(letter.sink.encode()).hexdigest()[:8]}"


def to_document(letter: DeadLetter, added: Mapping[str, Any]) -> str:
    """Return a document that contains a dead letter, as JSON text. `added`: more fields, as dotted path → value."""
    origin = _Origin(
        letter.pipeline, letter.sink, letter.target, letter.document_id, letter.event_time, str(letter.generation),
        letter.start, letter.end, letter.status, letter.attempts,
    )  # fmt: skip
    values: dict[str, Any] = {
        "@timestamp": iso(letter.at),
        "event.kind": "pipeline_error",
        "event.original": letter.document,
        "error.type": letter.kind,
        "error.message": letter.reason,
        "log.file.path": letter.path,
        "log.offset": letter.start,
        "dead_letter": origin,
        **added,
    }
    leaves = {path: msgspec.json.encode(value).decode() for path, value in values.items()}
    return f"{{{render_members(nest(leaves))}}}"


def from_document(document: Mapping[str, Any]) -> DeadLetter | None:
    """Return the dead letter that a document contains; None if it contains none."""
    try:
        found = msgspec.convert(document, _Copy)
        at, generation = datetime.fromisoformat(found.time).timestamp(), int(found.dead_letter.generation)
    except (msgspec.ValidationError, ValueError):
        return None
    origin = found.dead_letter
    return DeadLetter(
        origin.pipeline, origin.sink, generation, found.log.file.path, origin.start, origin.end, origin.document_id,
        origin.target, found.event.original, origin.event_time, origin.status, found.error.type, found.error.message,
        at, origin.attempts,
    )  # fmt: skip
