"""Batches for sinks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from sidecar.model.batch import Batch
from sidecar.model.documents import RenderedDocuments
from sidecar.model.file import Generation

_NUMBERS = count(1 << 60)


def generation(born: float = 1_782_000_000.0) -> Generation:
    """Return a generation that no other test uses; by default its file was created on 2026-06-21 in UTC."""
    return Generation(id=next(_NUMBERS), pipeline="app", path="/var/log/app/a.log", created_at=born)


def batch_of(
    *documents: str,
    times: Sequence[str] | None = None,
    of: Generation | None = None,
    targets: Sequence[str] | None = None,
) -> Batch:
    """Return a batch of these documents; each begins ten bytes after the one before."""
    starts = [10 * n for n in range(len(documents))]
    return Batch([RenderedDocuments(of or generation(), starts, documents, times or [""] * len(documents))], targets)
