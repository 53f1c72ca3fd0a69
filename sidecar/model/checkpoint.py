"""The nouns of durable positions: what makes a file itself, what is remembered of it, what a commit holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from sidecar.model.counts import ByteCounts
from sidecar.model.dead_letter import DeadLetter
from sidecar.model.file import FileId, Generation
from sidecar.model.fingerprint import NO_TAIL, Fingerprint, OverlapDigest


class Checkpoint(msgspec.Struct, frozen=True):
    """The gap-free settled prefix of a generation for a sink: everything before byte `offset` is settled."""

    offset: int
    tail: OverlapDigest
    done: bool = False


ORIGIN = Checkpoint(0, NO_TAIL)


class KnownFile(msgspec.Struct, frozen=True):
    """What the state knows of a generation that is not finished.

    `name` is the last path the file was seen under, `seen` its size when we last wrote it down. `ended` is why
    nothing more can be read of it ("truncated", "deleted"), "" while it can. `moved`: its bytes are in a copy, the
    file itself was truncated. `cuts` are the offsets at which an unterminated line was shipped.
    """

    generation: Generation
    file_id: FileId
    fingerprint: Fingerprint
    name: str
    seen: int
    ended: str
    moved: bool
    checkpoints: Mapping[str, Checkpoint]
    cuts: Sequence[int]


class CheckpointUpdate(msgspec.Struct, frozen=True):
    """One step of one checkpoint, with all that has to become durable together with it."""

    generation: int
    checkpoint: Checkpoint
    seen: int
    amounts: ByteCounts
    dead_letters: Sequence[DeadLetter] = ()
