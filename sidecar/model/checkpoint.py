"""Checkpoints, and what the state remembers of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from sidecar.model.counts import ByteCounts
from sidecar.model.dead_letter import DeadLetter
from sidecar.model.file import FileId, Generation
from sidecar.model.fingerprint import NO_TAIL, Fingerprint, OverlapDigest


class Checkpoint(msgspec.Struct, frozen=True):
    """The settled prefix of a generation for one sink: everything before `offset` is settled, without gaps."""

    offset: int
    tail: OverlapDigest
    done: bool = False


ORIGIN = Checkpoint(0, NO_TAIL)


class KnownFile(msgspec.Struct, frozen=True):
    """What the state knows of a generation that is not finished."""

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


class CheckpointUpdate(msgspec.Struct, frozen=True):
    """One step of one checkpoint, with everything that is committed together with it."""

    generation: int
    checkpoint: Checkpoint
    seen: int
    amounts: ByteCounts
    dead_letters: Sequence[DeadLetter] = ()
