"""A file that is read once as it is now, without a state: for `bench`, and for what rules make of a whole file."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sidecar.errors import ConfigurationError
from sidecar.model.checkpoint import ORIGIN
from sidecar.model.file import Generation
from sidecar.model.fingerprint import Fingerprint
from sidecar.model.lines import Chunk
from sidecar.tail.cursor import Cursor
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.reader import Reader
from sidecar.tail.source import open_source
from sidecar.tail.tracked_file import FileLocation, TrackedFile


class _Unwritten:
    """A ledger that records nothing: no later reader continues where this one was."""

    def extend(self, number: int, fingerprint: Fingerprint) -> None: ...

    def add_boundary(self, number: int, start: int, end: int) -> None: ...

    def prune_boundaries(self, number: int, before: int) -> None: ...


def read_chunks(file: Path, reader: Reader) -> Iterator[Chunk]:
    """All of the file in chunks. Raises `ConfigurationError` if it cannot be read."""
    with _tracked_file(file) as life:
        cursor = Cursor(life, ORIGIN)
        while (chunk := reader.next_chunk(cursor)) is not None:
            cursor.took(chunk)
            cursor.spans.clear()
            yield chunk


@contextmanager
def _tracked_file(file: Path) -> Iterator[TrackedFile]:
    """The file as a new generation, which ends where it ends now."""
    folder = os.path.realpath(file.parent)  # the user names it, with the links on its way
    place = FileLocation(folder, os.path.join(folder, file.name))
    try:
        source = open_source(place.root, place.name)
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read ({error.strerror or error})", location=str(file), hint="name a file with log lines"
        ) from error
    generation = Generation(secrets.randbits(63), "sample", str(file), time.time())
    life = TrackedFile(generation, source, place, b"", (), _Unwritten(), OpenFileLimiter(16))
    try:
        life.size = life.status().size
        life.closing = True
        yield life
    finally:
        life.close()
