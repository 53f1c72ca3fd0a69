"""Checkpoints, and what the state remembers of a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from sidecar.model.counts import ByteCounts
from sidecar.model.dead_letter import DeadLetter
from sidecar.model.file import FileId, Generation
from sidecar.model.fingerprint import NO_TAIL, Fingerprint, OverlapDigest
from sidecar.model.span import ParkedRange


class Checkpoint(msgspec.Struct, frozen=True):
    """The settled prefix of a generation for one sink: everything before `offset` is settled, without gaps."""

    offset: int
    tail: OverlapDigest
    done: bool = False
    """Whether the sink needs no more of the generation, because the rest cannot be read."""

    crc: int | None = None
    """Checksum of everything before `offset`; None if an earlier version wrote the checkpoint."""


ORIGIN = Checkpoint(0, NO_TAIL, crc=0)


class Intent(msgspec.Struct, frozen=True):
    """The first bytes of a generation that may have reached a sink, recorded before they are sent."""

    offset: int
    crc: int
    """Checksum of everything before `offset`."""


class KnownFile(msgspec.Struct, frozen=True):
    """The stored state of a generation."""

    generation: Generation
    file_id: FileId
    fingerprint: Fingerprint
    name: str
    """Last path of the file."""

    seen: int
    """Largest recorded size of the file."""

    ended: str
    """Why nothing more can be read ("truncated", "deleted"); "" while it can."""

    moved: bool
    """Whether the content is in a copy, because the file itself was truncated."""

    checkpoints: Mapping[str, Checkpoint]
    cuts: Sequence[int]
    """Offsets at which an unterminated line was shipped."""

    intent: Intent | None = None

    @property
    def read_to(self) -> int:
        """Return the largest offset that a sink has settled the content up to."""
        return max((point.offset for point in self.checkpoints.values() if not point.done), default=0)

    @property
    def is_copy(self) -> bool:
        """Return whether all of it was a copy of another generation, so that nothing of it was delivered."""
        return self.ended == COPY

    def is_settled(self, sinks: Iterable[str]) -> bool:
        """Return whether these sinks have settled all that was seen of it."""
        return self.settled_by(sinks) >= self.seen

    def settled_by(self, sinks: Iterable[str]) -> int:
        """Return up to where all of these sinks have settled what was seen of it."""
        points = [self.checkpoints.get(sink, ORIGIN) for sink in sinks]
        return min((self.seen if point.done else min(point.offset, self.seen) for point in points), default=0)

    def checksums(self) -> list[tuple[int, int]]:
        """Return (offset, checksum) for each offset up to which the content is known in full, the smallest first."""
        known = {
            (p.offset, p.crc) for p in self.checkpoints.values() if not p.done and p.offset and p.crc is not None
        }
        if self.intent is not None:
            known.add((self.intent.offset, self.intent.crc))
        return sorted(known)


COPY = "copy"
"""Why nothing is read of a generation whose file is a copy of another one."""


class CheckpointUpdate(msgspec.Struct, frozen=True):
    """One step of one checkpoint, with everything that is committed together with it."""

    generation: int
    checkpoint: Checkpoint
    seen: int
    amounts: ByteCounts
    dead_letters: Sequence[DeadLetter] = ()
    position: Checkpoint | None = None
    """Where reading continues, if records between the checkpoint and this position are parked."""

    parked: Sequence[ParkedRange] = ()
    """Ranges that are parked from now on."""

    unparked: Sequence[ParkedRange] = ()
    """Ranges that are no longer parked."""
