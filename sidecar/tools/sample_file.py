"""Reads a file once up to its current end, without recording checkpoints, for `bench` and for statistics."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sidecar.config.pipeline import PipelineSettings
from sidecar.errors import ConfigurationError
from sidecar.lib.clock import Clock
from sidecar.model.checkpoint import ORIGIN, Intent
from sidecar.model.file import Generation
from sidecar.model.fingerprint import Fingerprint
from sidecar.model.lines import Chunk
from sidecar.pipeline.auto_format import resolve_parser
from sidecar.pipeline.detection import SAMPLE_BYTES
from sidecar.tail.cursor import Cursor
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.reader import Reader
from sidecar.tail.source import open_source
from sidecar.tail.tracked_file import FileLocation, TrackedFile


class _NullJournal:
    """A file journal that records nothing, because no later reader continues from it."""

    def extend(self, number: int, fingerprint: Fingerprint, intent: Intent | None = None) -> None: ...

    def add_boundary(self, number: int, start: int, end: int) -> None: ...

    def prune_boundaries(self, number: int, before: int) -> None: ...


def read_chunks(file: Path, reader: Reader) -> Iterator[Chunk]:
    """Yield the whole file in chunks. Raise `ConfigurationError` if it cannot be read."""
    with _track(file) as tracked:
        cursor = Cursor(tracked, ORIGIN)
        while (chunk := reader.next_chunk(cursor)) is not None:
            cursor.advance(chunk)
            cursor.spans.clear()
            yield chunk


def resolve_parser_of(file: Path, pipeline: PipelineSettings, clock: Clock) -> PipelineSettings:
    """Return the settings; if they have `parser: auto`, with the parser that is detected for this file.

    Raise `ConfigurationError` if the file cannot be read.
    """
    if not pipeline.is_auto:
        return pipeline
    with _track(file) as tracked:
        return resolve_parser(pipeline, tracked.pread(SAMPLE_BYTES, 0), clock)


@contextmanager
def _track(file: Path) -> Iterator[TrackedFile]:
    """Yield the file as a new generation that ends at its current size."""
    folder = os.path.realpath(file.parent)  # links are followed, because the user chose the path
    place = FileLocation(folder, os.path.join(folder, file.name))
    try:
        source = open_source(place.root, place.name)
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read ({error.strerror or error})", location=str(file), hint="choose a file with log lines"
        ) from error
    generation = Generation(secrets.randbits(63), "sample", str(file), time.time())
    tracked = TrackedFile(generation, source, place, b"", (), _NullJournal(), OpenFileLimiter(16))
    try:
        # The search for the end of a file with reserved space may take several calls.
        while not (status := tracked.status()).is_final:
            pass
        tracked.size = status.size
        tracked.is_last_line_complete = True
        yield tracked
    finally:
        tracked.close()
