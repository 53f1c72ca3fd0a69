"""Defines a document that a sink has rejected permanently."""

from __future__ import annotations

import msgspec


class DeadLetter(msgspec.Struct, frozen=True):
    """A document that its sink will never accept as it is, with all data that is needed to send it again.

    `document` is JSON text; `status`, `kind` and `reason` come from the reply of the database.
    """

    pipeline: str
    sink: str
    generation: int
    path: str
    start: int
    """Offset of the line in the file `path`."""

    end: int
    """Offset after the line."""

    document_id: str
    target: str
    document: str
    event_time: str
    status: int | None
    kind: str
    reason: str
    at: float
    """When the document was rejected, in seconds since the epoch."""

    attempts: int = 1
