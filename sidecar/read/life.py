"""One generation while it is being read: the open file, and where each sink is in it."""

from __future__ import annotations

import bisect
import os
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sidecar.flow import Chunk, FileId, Generation
from sidecar.positions import HEAD, OVERLAP, Amounts, Checkpoint, DeadLetter, Fingerprint, Tail


class Ledger(Protocol):
    """What this room writes down before it lets bytes go on."""

    def extend(self, number: int, fingerprint: Fingerprint) -> None: ...

    def cut(self, number: int, start: int, end: int) -> None: ...


class Truncated(Exception):
    """The bytes before a position are no longer what they were: the file began a new life."""


class Life:
    """An open file in one of its lives. Shared by the shippers of a pipeline and the follower that watches it.

    `size` is the largest size that was seen; `name` the path it was last seen under. `sighted` is false once
    no path of the pipeline leads to it any more. `closing`: an unterminated last line is a line, because the
    sidecar ends or the file is over. `over`: no path leads to it and it has been quiet. `ended`: nothing more can
    be read ("truncated").
    """

    def __init__(
        self, generation: Generation, file_id: FileId, fd: int, head: bytes, cuts: Sequence[int], ledger: Ledger
    ) -> None:
        self.generation = generation
        self.file_id = file_id
        self.fd = fd
        self.name = generation.path
        self.size = 0
        self.grown_at = 0.0
        self.sighted = True
        self.closing = False
        self.over = False
        self.ended = ""
        self._head = head
        self._cuts = sorted(cuts)
        self._ledger = ledger
        self._turn = threading.Lock()

    def next_cut(self, offset: int) -> int | None:
        """The first offset after `offset` at which an unterminated line was shipped once."""
        place = bisect.bisect_right(self._cuts, offset)
        return self._cuts[place] if place < len(self._cuts) else None

    def is_cut(self, offset: int) -> bool:
        """Whether an unterminated line was shipped up to `offset`."""
        return offset in self._cuts

    def cut(self, start: int, end: int) -> None:
        """Write down that the line from `start` is shipped although it has no end. Durable when this returns."""
        with self._turn:
            if end not in self._cuts:
                self._ledger.cut(self.generation.number, start, end)
                bisect.insort(self._cuts, end)

    def check_head(self, offset: int, data: bytes) -> None:
        """Raises `Truncated` if `data` is not what the file was known to begin with."""
        known = self._head[offset : offset + len(data)]
        if data[: len(known)] != known:
            raise Truncated

    def cover(self, chunk: Chunk) -> None:
        """Let the fingerprint grow over the chunk, before any document of it leaves. Durable when this returns."""
        if chunk.offset >= HEAD or chunk.end <= len(self._head):
            return
        with self._turn:
            known = len(self._head)
            if chunk.offset <= known < min(HEAD, chunk.offset + len(chunk.data)):
                head = (self._head[: chunk.offset] + chunk.data)[:HEAD]
                self._ledger.extend(self.generation.number, Fingerprint.of(head))
                self._head = head

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)


@dataclass(slots=True)
class Span:
    """The bytes of one chunk on their way: from `start` to `end` of the file, and what became of them."""

    start: int
    end: int
    before: bytes
    """The last bytes of the chunk, at most `OVERLAP`: they stand before `end`."""

    settled: bool = False
    amounts: Amounts = field(default_factory=Amounts)
    dead_letters: list[DeadLetter] = field(default_factory=list)


class Cursor:
    """Where one sink is in one life: `offset` is what was read, `settled` the checkpoint behind it."""

    def __init__(self, life: Life, checkpoint: Checkpoint) -> None:
        self.life = life
        self.settled = checkpoint
        self.offset = checkpoint.offset
        self.before: bytes | None = b"" if checkpoint.offset == 0 else None
        self.scanned = 0
        self.spans: deque[Span] = deque()
        self._settled_before = self.before

    def check(self, before: bytes) -> None:
        """Raises `Truncated` unless `before` is what stands in front of `offset`."""
        known = self.before
        if known is None:
            if not self.settled.tail.fits(before):
                raise Truncated
        elif known and not before.endswith(known):
            raise Truncated

    def took(self, chunk: Chunk) -> Span:
        """The chunk goes on its way; the next one begins behind it."""
        plain = chunk.end == chunk.offset + len(chunk.data)
        before = ((self.before or b"") + chunk.data)[-OVERLAP:] if plain else None
        span = Span(chunk.offset, chunk.end, before if before is not None else b"")
        self.spans.append(span)
        self.offset, self.before = chunk.end, before if plain else self._reread(chunk.end)
        span.before = self.before or b""
        return span

    def _reread(self, end: int) -> bytes:
        return os.pread(self.life.fd, OVERLAP, max(0, end - OVERLAP))[: min(OVERLAP, end)]

    def settled_prefix(self) -> list[Span]:
        """The spans from the checkpoint on that are settled without a gap."""
        found: list[Span] = []
        for span in self.spans:
            if not span.settled:
                break
            found.append(span)
        return found

    @staticmethod
    def checkpoint_after(spans: Sequence[Span]) -> Checkpoint:
        """The checkpoint behind these spans."""
        return Checkpoint(spans[-1].end, Tail.of(spans[-1].before))

    def passed(self, spans: Sequence[Span]) -> None:
        """The checkpoint behind these spans is durable."""
        for _ in spans:
            self.spans.popleft()
        self._settled_before = spans[-1].before
        self.settled = self.checkpoint_after(spans)

    def rewind(self) -> None:
        """Forget what is on its way and read again from the checkpoint."""
        self.spans.clear()
        self.offset, self.before = self.settled.offset, self._settled_before
