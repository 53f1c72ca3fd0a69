"""Which lives does a pipeline follow? Decides once for all its shippers what is new, moved, truncated or gone.

The rules are in docs/architecture.md ("Which file is this?"). In doubt a file begins a new generation: that may cost
duplicates, a wrong resumption would cost lines.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

from sidecar.clock import Clock
from sidecar.flow import FileId, Generation
from sidecar.positions import HEAD, ORIGIN, OVERLAP, Checkpoint, Fingerprint, Remembered, Tail
from sidecar.read.identity import file_id
from sidecar.read.life import Life
from sidecar.read.safe_open import NotRegular, open_regular

QUIET_S = 5.0
"""A file that no path leads to any more is finished when it has not grown for so long."""


class Seen(Protocol):
    """What the watch room tells of a name."""

    @property
    def path(self) -> str: ...
    @property
    def root(self) -> str: ...
    @property
    def device(self) -> int: ...
    @property
    def inode(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def modified(self) -> float: ...


class Ledger(Protocol):
    """What this room writes down."""

    def begin(self, generation: Generation, file_id: FileId, fingerprint: Fingerprint) -> None: ...
    def extend(self, number: int, fingerprint: Fingerprint) -> None: ...
    def cut(self, number: int, start: int, end: int) -> None: ...
    def renamed(self, number: int, name: str, seen: int) -> None: ...
    def ended(self, number: int, reason: str, seen: int) -> None: ...
    def finished(self, number: int, at: float) -> None: ...
    def unfinished(self, pipeline: str) -> list[Remembered]: ...


class Listener(Protocol):
    """A shipper, as far as the follower knows it."""

    def has_news(self, life: Life) -> None:
        """The life has grown, is closing, or has ended. Must not block."""
        ...

    def adopt(self, life: Life, checkpoint: Checkpoint, *, skipped: int = 0) -> None:
        """Follow this life from the checkpoint on; `skipped` bytes before it are not wanted. Must not block."""
        ...

    def missing(self, remembered: Remembered, reason: str) -> None:
        """What the sink has not had of this generation cannot be read any more. Must not block."""
        ...


class Follower:
    """The lives of one pipeline. All methods are called by the watching thread, `truncated` by shippers too."""

    def __init__(
        self,
        pipeline: str,
        ledger: Ledger,
        clock: Clock,
        *,
        from_end: bool = False,
        ignore_older: float | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.unreadable: dict[str, str] = {}
        self._ledger = ledger
        self._clock = clock
        self._from_end = from_end
        self._ignore_older = ignore_older
        self._lives: dict[tuple[int, int], Life] = {}
        self._through: dict[int, set[str]] = {}
        self._listeners: dict[str, Listener] = {}
        self._pending = {r.generation.number: r for r in ledger.unfinished(pipeline)}
        self._turn = threading.RLock()

    def listen(self, sink: str, listener: Listener) -> None:
        """Tell this shipper of everything from now on. Called for all shippers before the first look."""
        self._listeners[sink] = listener

    def lives(self) -> list[Life]:
        """The lives that are being followed."""
        with self._turn:
            return list(self._lives.values())

    def look(self, sightings: Iterable[Seen]) -> None:
        """Compare a complete sweep with what is known."""
        with self._turn:
            seen: set[tuple[int, int]] = set()
            self.unreadable.clear()
            for sighting in sightings:
                key = (sighting.device, sighting.inode)
                if key in seen:
                    continue
                seen.add(key)
                self._sighted(key, sighting)
            self._from_end = False
            self._recover_moved()
            for key, life in list(self._lives.items()):
                self._unsighted(life, still_there=key in seen)

    def poll(self, life: Life) -> bool:
        """Look at the size of one life. Returns whether it has grown."""
        with self._turn:
            if life.ended:
                return False
            size = os.fstat(life.fd).st_size
            if size < life.size:
                self._end(life)
                if size:
                    self._begin_again(life)
                return True
            if size == life.size:
                return False
            life.size, life.grown_at = size, self._clock.monotonic()
            self._announce(life)
            return True

    def truncated(self, life: Life) -> None:
        """A shipper found other bytes than it knew: the file is in a new life."""
        with self._turn:
            if life.ended:
                return
            self._end(life)
            if os.fstat(life.fd).st_size:
                self._begin_again(life)

    def finish_all(self) -> None:
        """The end is near: no life will grow any more, so unterminated last lines are lines."""
        with self._turn:
            for life in self._lives.values():
                self.poll(life)
            for life in self._lives.values():
                life.closing = True
                self._announce(life)

    def through(self, number: int, sink: str, life: Life | None) -> None:
        """This sink needs no more of the generation. When no sink does, it is finished and its file let go."""
        with self._turn:
            through = self._through.setdefault(number, set())
            through.add(sink)
            if through < self._listeners.keys():
                return
            self._ledger.finished(number, self._clock.now())
            del self._through[number]
            if life is not None:
                key = (life.file_id.device, life.file_id.inode)
                if self._lives.get(key) is life:
                    del self._lives[key]
                life.close()

    def _sighted(self, key: tuple[int, int], sighting: Seen) -> None:
        life = self._lives.get(key)
        if life is not None:
            if life.name != sighting.path:
                life.name = sighting.path
                self._ledger.renamed(life.generation.number, life.name, life.size)
            self.poll(life)
        elif sighting.size and not self._too_old(sighting):
            self._open(sighting)

    def _too_old(self, sighting: Seen) -> bool:
        known = any(r.file_id.inode == sighting.inode for r in self._pending.values())
        limit = self._ignore_older
        return limit is not None and not known and sighting.modified < self._clock.now() - limit

    def _open(self, sighting: Seen) -> None:
        try:
            fd = open_regular(sighting.root, sighting.path)
        except FileNotFoundError:
            return
        except OSError as error:
            self.unreadable[sighting.path] = (
                "not a regular file" if isinstance(error, NotRegular) else str(error.strerror)
            )
            return
        identity = file_id(fd)
        size = os.fstat(fd).st_size
        if not size or (identity.device, identity.inode) in self._lives:
            os.close(fd)  # empty, or renamed to here since the sweep and followed already
            return
        resumed = self._recognised(fd, identity, size)
        life = self._resume(resumed, fd, sighting.path) if resumed else self._begin(fd, identity, sighting.path)
        self._lives[(identity.device, identity.inode)] = life
        self.poll(life)

    def _recognised(self, fd: int, identity: FileId, size: int) -> Remembered | None:
        """The generation that this file is a continuation of, if all that is known agrees."""
        match = None
        for known in [r for r in self._pending.values() if r.file_id == identity and not r.ended]:
            if match is None and size >= known.seen and _agrees(known, fd, size):
                match = known
                del self._pending[known.generation.number]
            else:
                self._give_up(known, "truncated")
        return match

    def _give_up(self, known: Remembered, reason: str) -> None:
        self._ledger.ended(known.generation.number, reason, known.seen)
        self._pending.pop(known.generation.number, None)
        for listener in self._listeners.values():
            listener.missing(known, reason)

    def _resume(self, known: Remembered, fd: int, name: str) -> Life:
        head = os.pread(fd, known.fingerprint.covered, 0)
        life = Life(known.generation, known.file_id, fd, head, known.cuts, self._ledger)
        life.name = name
        if name != known.name:
            self._ledger.renamed(known.generation.number, name, known.seen)
        for sink, listener in self._listeners.items():
            listener.adopt(life, known.checkpoints.get(sink, ORIGIN))
        return life

    def _begin(self, fd: int, identity: FileId, path: str) -> Life:
        head = _head(fd)
        generation = Generation(secrets.randbits(63), self.pipeline, path, self._clock.now())
        self._ledger.begin(generation, identity, Fingerprint.of(head))
        life = Life(generation, identity, fd, head, (), self._ledger)
        life.grown_at = self._clock.monotonic()
        start = self._start(fd) if self._from_end else ORIGIN
        for listener in self._listeners.values():
            listener.adopt(life, start, skipped=start.offset)
        return life

    def _start(self, fd: int) -> Checkpoint:
        """For `read_from: end`: behind the last complete line."""
        at = os.fstat(fd).st_size
        while at > 0:
            back = min(128 * 1024, at)
            piece = os.pread(fd, back, at - back)
            if newline := piece.rfind(b"\n") + 1:
                offset = at - back + newline
                before = min(OVERLAP, offset)
                return Checkpoint(offset, Tail.of(os.pread(fd, before, offset - before)))
            at -= back
        return ORIGIN

    def _begin_again(self, old: Life) -> None:
        life = self._begin(os.dup(old.fd), old.file_id, old.name)
        self._lives[(old.file_id.device, old.file_id.inode)] = life
        life.sighted = old.sighted
        life.closing = old.closing
        self.poll(life)

    def _end(self, life: Life) -> None:
        self._ledger.ended(life.generation.number, "truncated", life.size)
        life.ended = "truncated"
        self._lives.pop((life.file_id.device, life.file_id.inode), None)
        self._announce(life)

    def _unsighted(self, life: Life, *, still_there: bool) -> None:
        """A file that no path leads to any more is read to its end, under whatever name, and then finished."""
        life.sighted = still_there
        if still_there or life.ended:
            return
        if self.poll(life):
            return
        if not life.over and self._clock.monotonic() - life.grown_at >= QUIET_S:
            life.closing = life.over = True
            self._announce(life)

    def _recover_moved(self) -> None:
        """Generations that were open when the sidecar last ended and that no path of the pipeline leads to now."""
        for known in list(self._pending.values()):
            if known.ended:
                self._give_up(known, known.ended)
                continue
            folder = os.path.dirname(known.name)
            if not os.path.isdir(folder):
                continue
            if not self._found_in(folder, known):
                self._give_up(known, "deleted")

    def _found_in(self, folder: str, known: Remembered) -> bool:
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.inode() != known.file_id.inode or entry.is_symlink():
                    continue
                fd = open_regular(os.path.realpath(folder), os.path.join(os.path.realpath(folder), entry.name))
                identity = file_id(fd)
                if identity == known.file_id and self._recognised(fd, identity, os.fstat(fd).st_size):
                    life = self._resume(known, fd, entry.path)
                    life.grown_at = self._clock.monotonic() - QUIET_S
                    self._lives[(identity.device, identity.inode)] = life
                    self.poll(life)
                    return True
                os.close(fd)
        return known.generation.number not in self._pending

    def _announce(self, life: Life) -> None:
        for listener in self._listeners.values():
            listener.has_news(life)


def _head(fd: int) -> bytes:
    """How the file begins. NUL bytes at the end of it may be a place that is yet to be written."""
    return os.pread(fd, HEAD, 0).rstrip(b"\0")


def _agrees(known: Remembered, fd: int, size: int) -> bool:
    """Whether the fingerprint and what stands before each checkpoint are what they were."""
    if not known.fingerprint.fits(os.pread(fd, HEAD, 0)):
        return False
    for point in known.checkpoints.values():
        back = min(OVERLAP, point.offset)
        if size < point.offset or not point.tail.fits(os.pread(fd, back, point.offset - back)):
            return False
    return True
