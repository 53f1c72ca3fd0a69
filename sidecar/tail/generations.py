"""Records generations in the state, before their content is sent."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from msgspec.structs import replace

from sidecar.model.checkpoint import COPY, Checkpoint, Intent, KnownFile, NewGeneration
from sidecar.model.file import Generation
from sidecar.model.fingerprint import FINGERPRINT_BYTES, OVERLAP_BYTES, Fingerprint, OverlapDigest, checksum
from sidecar.tail.context import TailContext
from sidecar.tail.siblings import Key
from sidecar.tail.source import OwnedSource, Source, find_beginning
from sidecar.tail.start_positions import NO_STARTS
from sidecar.tail.tracked_file import FileLocation, TrackedFile
from sidecar.telemetry import events

_MAX_UNRECORDED = 256
"""Maximum number of new generations in one transaction."""

_FIRST_INTENT_BYTES = 64 << 10
"""Maximum number of bytes at the beginning of a new file whose checksum is recorded before they are sent."""

Track = Callable[[TrackedFile], None]
"""Function that tracks a file after its generation was recorded in the state."""


class GenerationLog:
    """Creates and resumes generations. A file is tracked as soon as the state has recorded its generation.

    Several new generations are recorded in one transaction.
    """

    def __init__(self, context: TailContext, track: Track) -> None:
        self._context, self._track = context, track
        self._unrecorded: dict[Key, tuple[TrackedFile, str]] = {}
        """New files, and why the bytes before their checkpoints are skipped."""

    def __contains__(self, key: Key) -> bool:
        return key in self._unrecorded

    def start(
        self, opened: OwnedSource, place: FileLocation, starts: Mapping[str, Checkpoint] = NO_STARTS,
        skipped: str = "",
    ) -> TrackedFile:  # fmt: skip
        """Create a generation for an open file. `flush` records it.

        `starts`: checkpoint of each sink that does not read the file from its beginning. `skipped`: why it skips the
        bytes before its checkpoint.
        """
        context = self._context
        if len(self._unrecorded) >= min(_MAX_UNRECORDED, context.descriptors.limit // 2):
            self.flush()
        opened.open.limit(None)
        beginning = find_beginning(opened.open.pread(_FIRST_INTENT_BYTES, 0))
        generation = Generation(secrets.randbits(63), context.pipeline, place.name, context.clock.now())
        head = find_beginning(beginning[:FINGERPRINT_BYTES])
        file = TrackedFile(generation, opened.take(), place, head, (), context.ledger, context.descriptors)
        file.settled = dict(starts)
        file.seen = file.recorded = len(beginning)
        if not starts:
            file.intent = Intent(len(beginning), checksum(beginning))
        self._unrecorded[file.file_id.key] = file, skipped
        return file

    def flush(self) -> None:
        """Record new generations and track their files. Raise `StateError`; the next scan tries again."""
        if not self._unrecorded:
            return
        self._context.ledger.add_generations([
            NewGeneration(
                file.generation, file.file_id, Fingerprint.from_head(file.head), file.intent, file.settled, skipped,
                seen=file.seen,
            )
            for file, skipped in self._unrecorded.values()
        ])  # fmt: skip
        unrecorded, self._unrecorded = self._unrecorded, {}
        for file, _ in unrecorded.values():
            with suppress(OSError):  # the file was closed, and has lost its name since
                file.call_with_source(partial(self.keep_link, file.generation, file.place))
            self._track(file)

    def resume(self, known: KnownFile, opened: OwnedSource, place: FileLocation) -> TrackedFile:
        """Resume a known generation in this file, and track the file."""
        context, source = self._context, opened.open
        if source.identity != known.file_id:
            context.ledger.record_move(known.generation.id, source.identity, place.name, known.seen, False)
        elif place.name != known.name:
            context.ledger.record_rename(known.generation.id, place.name, known.seen)
        source.limit(None)
        head = source.pread(known.fingerprint.covered, 0)
        file = TrackedFile(
            known.generation, opened.take(), place, head, known.boundaries, context.ledger, context.descriptors
        )
        file.seen = file.recorded = file.previous_size = file.scanned_size = known.seen
        file.is_in_copy, file.intent, file.format = known.is_in_copy, known.intent, known.format
        file.settled = dict(known.checkpoints)
        self._track(file)
        return file

    def add_copy(self, source: Source, place: FileLocation, size: int, crc: int, sinks: list[str]) -> KnownFile:
        """Record that this file is a copy of content that is delivered from another file."""
        context = self._context
        generation = Generation(secrets.randbits(63), context.pipeline, place.name, context.clock.now())
        back = min(OVERLAP_BYTES, size)
        point = Checkpoint(size, OverlapDigest.from_bytes(source.pread(back, size - back)), crc=crc)
        fingerprint = Fingerprint.from_head(source.pread(FINGERPRINT_BYTES, 0)[:size])
        points = dict.fromkeys(sinks, point)
        context.ledger.add_generations([
            NewGeneration(generation, source.identity, fingerprint, None, points, COPY, ended=COPY)
        ])  # fmt: skip
        return KnownFile(generation, source.identity, fingerprint, place.name, size, COPY, False, points, ())

    def renumber(self, boundaries: str) -> None:
        """Give unfinished generations new ids if the rules that divide lines into events have changed.

        Otherwise the id of a document could refer to other lines than before, which a sink would drop as duplicates.
        New ids may cause duplicates, but lose no lines.
        """
        context, links = self._context, self._context.links
        if context.ledger.boundary_rules(context.pipeline) == boundaries:
            return
        known = [each.generation for each in context.ledger.unfinished(context.pipeline)]
        renamed = {generation: replace(generation, id=secrets.randbits(63)) for generation in known}
        if links:
            for before, after in renamed.items():
                links.duplicate(before, after)
        numbers = {before.id: after.id for before, after in renamed.items()}
        context.ledger.renumber(context.pipeline, numbers, boundaries)
        for before in renamed:
            self.drop_link(before)

    def keep_link(self, generation: Generation, place: FileLocation, source: Source) -> None:
        """If `keep_links` is set, create a hard link, so that the content remains even if the file is deleted."""
        if self._context.links:
            try:
                self._context.links.create(generation, source)
            except OSError as error:
                reason = error.strerror or str(error)
                self._context.emit(events.LinkRefused(self._context.pipeline, place.name, reason))

    def drop_link(self, generation: Generation) -> None:
        """Remove the hard link of a generation, if there is one."""
        if self._context.links:
            self._context.links.delete(generation)

    def close(self) -> None:
        """Close the files of generations that are not recorded."""
        for file, _ in self._unrecorded.values():
            file.close()
        self._unrecorded.clear()
