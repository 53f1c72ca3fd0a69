"""A document that a sink has rejected for good."""

from __future__ import annotations

import msgspec


class DeadLetter(msgspec.Struct, frozen=True):
    """A document that its destination will never take as it is, with all that is needed to send it again.

    `start` and `end` are byte offsets of its line in the file `path`; `at` is in seconds since the epoch;
    `document` is JSON text; `status`, `kind` and `reason` are the destination's words.
    """

    pipeline: str
    sink: str
    generation: int
    path: str
    start: int
    end: int
    document_id: str
    target: str
    document: str
    event_time: str
    status: int | None
    kind: str
    reason: str
    at: float
    attempts: int = 1
