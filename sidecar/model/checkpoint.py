"""Defines checkpoints, and what the state stores of a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from sidecar.model.counts import ByteCounts
from sidecar.model.dead_letter import DeadLetter
from sidecar.model.file import FileId, Generation
from sidecar.model.fingerprint import NO_TAIL, Fingerprint, OverlapDigest
from sidecar.model.span import ParkedRange


class Checkpoint(msgspec.Struct, frozen=True):
    """How far one sink has settled a generation (the content of a file).

    Everything before `offset` is settled, without gaps: it need not be sent again.
    """

    offset: int
    tail: OverlapDigest
    done: bool = False
    """Whether the sink has finished the generation although the rest could not be read."""

    crc: int | None = None
    """Checksum of everything before `offset`; None if an earlier version wrote the checkpoint."""

    marks: Sequence[tuple[int, int]] = ()
    """Line ends up to `offset`, each with the checksum of everything before it, the smallest first. The nearer to
    `offset`, the denser. After a power failure they show how much of the content the file still has."""

    waiting_since: float | None = None
    """When the first line that the sink does not have was written or first seen, in seconds since the epoch; None if
    none was waiting when the checkpoint was written."""


MIN_MARK_BYTES = 64 << 10
"""Minimum offset of a mark: fewer equal bytes may be a banner that the application writes into each file."""

_MARK_RATIO, _MIN_MARK_DISTANCE = 4, 4096


def thin_out(marks: Iterable[tuple[int, int]], end: int) -> Sequence[tuple[int, int]]:
    """Return as many of these marks as are useful: each is at most four times as far from `end` as the next one."""
    kept: list[tuple[int, int]] = []
    for mark in marks:
        reach = _MARK_RATIO * max(end - mark[0], _MIN_MARK_DISTANCE)
        while len(kept) > 1 and end - kept[-2][0] < reach:
            kept.pop()
        kept.append(mark)
    return tuple(kept)


ORIGIN = Checkpoint(0, NO_TAIL, crc=0)


class Intent(msgspec.Struct, frozen=True):
    """The record that the bytes of a generation before `offset` may be sent. It is written before they are sent."""

    offset: int
    crc: int
    """Checksum of everything before `offset`."""


class NewGeneration(msgspec.Struct, frozen=True):
    """A generation that begins, and from where each sink reads it."""

    generation: Generation
    file_id: FileId
    fingerprint: Fingerprint
    intent: Intent | None = None
    starts: Mapping[str, Checkpoint] = {}
    """Checkpoint of each sink that does not read the file from its beginning."""

    skipped: str = ""
    """Why the bytes before these checkpoints are not read."""

    ended: str = ""
    """Why nothing is read at all."""

    seen: int = 0
    """Bytes that the file has at least."""


class KnownFile(msgspec.Struct, frozen=True):
    """What the state stores of a generation, which is the content of one file."""

    generation: Generation
    file_id: FileId
    fingerprint: Fingerprint
    name: str
    """Last known path of the file."""

    seen: int
    """Largest recorded size of the file."""

    ended: str
    """Why no more can be read: "truncated", "deleted" or "copy"; "" while the file can be read."""

    is_in_copy: bool
    """Whether the content is read from a copy, because the file itself was truncated or deleted."""

    checkpoints: Mapping[str, Checkpoint]
    boundaries: Sequence[int]
    """Recorded boundaries: the end offset of each unterminated line or event that was shipped."""

    intent: Intent | None = None
    format: str | None = None
    """The format that was detected for the file, as JSON; None if none was."""

    @property
    def read_to(self) -> int:
        """Largest offset up to which a sink has settled the content."""
        return max((point.offset for point in self.checkpoints.values() if not point.done), default=0)

    @property
    def is_copy(self) -> bool:
        """Whether the file is a copy of another one, so that nothing of this generation was delivered."""
        return self.ended == COPY

    def is_settled(self, sinks: Iterable[str]) -> bool:
        """Return whether all of these sinks have settled the whole file, as far as it was seen."""
        return self.settled_by(sinks) >= self.seen

    def settled_by(self, sinks: Iterable[str]) -> int:
        """Return the offset up to which all of these sinks have settled the file, at most `seen`."""
        points = [self.checkpoints.get(sink, ORIGIN) for sink in sinks]
        return min((self.seen if point.done else min(point.offset, self.seen) for point in points), default=0)

    def checksums(self) -> list[tuple[int, int]]:
        """Return (offset, checksum of everything before it) for each offset with a known checksum, in order."""
        known = {
            (p.offset, p.crc) for p in self.checkpoints.values() if not p.done and p.offset and p.crc is not None
        }
        if self.intent is not None:
            known.add((self.intent.offset, self.intent.crc))
        return sorted(known)


COPY = "copy"
"""Value of `ended` if the file is a copy of another one, so that nothing is read."""


class CheckpointUpdate(msgspec.Struct, frozen=True):
    """One step of the checkpoint of a generation, and everything that is committed with it."""

    generation: int
    checkpoint: Checkpoint
    seen: int
    amounts: ByteCounts
    dead_letters: Sequence[DeadLetter] = ()
    position: Checkpoint | None = None
    """The position of reading, if it is after the checkpoint, because ranges between them are parked (delivered
    later)."""

    parked: Sequence[ParkedRange] = ()
    """Ranges that are parked from now on."""

    unparked: Sequence[ParkedRange] = ()
    """Ranges that are no longer parked."""
