"""Which lives does a pipeline follow? Decides once for all its shippers what is new, moved, truncated or gone.

The rules are in docs/design/architecture.md ("Which file is this?"). In doubt a file begins a new generation:
that may cost duplicates, a wrong resumption would cost lines.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Protocol

import msgspec
from msgspec.structs import replace

from sidecar.errors import StateError
from sidecar.lib.clock import Clock
from sidecar.lib.roots import has_directory
from sidecar.model.checkpoint import ORIGIN, Checkpoint, KnownFile
from sidecar.model.file import FileId, Generation
from sidecar.model.fingerprint import OVERLAP_BYTES, Fingerprint, OverlapDigest
from sidecar.tail.copy_matching import (
    Key,
    SearchScope,
    SiblingFile,
    continues_file,
    find_by_inode,
    find_candidates,
    is_copy,
    is_within,
    may_be_partial_copy_of,
    may_become_copy_of,
)
from sidecar.tail.finished_files import FinishedFile, FinishedFiles, key_of
from sidecar.tail.hard_links import HardLinks
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.prefix_index import START, PrefixIndex
from sidecar.tail.rotation_names import COMPRESSED, is_rotation_of
from sidecar.tail.source import FileStat, OwnedSource, Postponed, ScanAllowance, Source, open_source, read_head
from sidecar.tail.tracked_file import FileLocation, FileMoved, TrackedFile
from sidecar.tail.unreadable_files import UnreadableFiles
from sidecar.telemetry import events

QUIET_S = 5.0
"""A file that has left its name is finished when it has not grown for so long; a copy is in the making so long."""

_ACTIVE_FOR_S, _BUSY_FOR_S = 60.0, 2.0
_LONGEST_HOLD_S = 60.0
_LONGEST_WAIT_S = 1.0
_MOST_HELD, _MOST_NEWBORN = 64, 256
_SEARCHED_BACK = 64 << 20
_RECORD_EVERY_S = 1.0
_REMIND_EVERY_S = 3600.0
_MAX_UNPACKED_PER_SCAN = 32 << 20
"""Bytes of compressed files that a scan unpacks to compare them; more would keep the other files waiting."""
_MAX_POSTPONED = 16


class SeenFile(Protocol):
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


class GenerationLog(Protocol):
    """What this room writes down."""

    def add_generations(self, generations: Iterable[tuple[Generation, FileId, Fingerprint]]) -> None: ...
    def extend(self, number: int, fingerprint: Fingerprint) -> None: ...
    def add_boundary(self, number: int, start: int, end: int) -> None: ...
    def prune_boundaries(self, number: int, before: int) -> None: ...
    def record_rename(self, number: int, name: str, seen: int) -> None: ...
    def record_move(self, number: int, file_id: FileId, name: str, seen: int) -> None: ...
    def record_end(self, number: int, reason: str, seen: int) -> None: ...
    def record_sizes(self, sizes: Iterable[tuple[int, int]]) -> None: ...
    def mark_finished(self, number: int, at: float, is_there: bool) -> None: ...
    def mark_unfinished(self, number: int) -> None: ...
    def touch_finished(self, numbers: Iterable[int], at: float) -> None: ...
    def forget(self, pipeline: str, now: float) -> None: ...
    def boundary_rules(self, pipeline: str) -> str: ...
    def renumber(self, pipeline: str, numbers: Mapping[int, int], boundaries: str) -> None: ...
    def unfinished(self, pipeline: str) -> list[KnownFile]: ...
    def recently_finished(self, pipeline: str) -> list[KnownFile]: ...


class FileSubscriber(Protocol):
    """A shipper, as far as the follower knows it."""

    def on_growth(self, life: TrackedFile) -> None:
        """The life has grown, is closing, or has ended. Must not block."""
        ...

    def follow(self, life: TrackedFile, checkpoint: Checkpoint, *, skipped: int = 0) -> None:
        """Follow this life from the checkpoint on; `skipped` bytes before it are not wanted. Must not block."""
        ...

    def on_lost(self, remembered: KnownFile, reason: str) -> None:
        """What the sink has not had of this generation cannot be read any more. Must not block."""
        ...


def _drawn() -> int:
    """A number for a generation: by chance alone, so that no two are the same."""
    return secrets.randbits(63)


class _CopyCandidate(msgspec.Struct):
    """A file that may be the copy of a generation, in the making: opened, and not followed until that is known."""

    source: Source
    place: FileLocation
    like: Generation
    size: int
    since: float
    grown_at: float


class _LostContent(msgspec.Struct):
    """A generation whose file was truncated or is gone, while its bytes are looked for elsewhere."""

    known: KnownFile
    life: TrackedFile | None
    reason: str
    since: float
    is_postponed: bool = False
    """Whether a candidate was not compared to its end yet, because that would take one scan too long."""

    rejected: set[tuple[tuple[Key, int, float], bool]] = msgspec.field(default_factory=set)
    """Candidates, as they were, that are no copies; and whether they had to be complete."""


class _Turn:
    """A lock that a thread may hold more than once. A thread that waits for it is not stuck: the holder may be."""

    def __init__(self, beat: Callable[[], None]) -> None:
        self._lock, self._beat = threading.RLock(), beat

    def __enter__(self) -> None:
        while not self._lock.acquire(timeout=_LONGEST_WAIT_S):
            self._beat()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class FileTracker:
    """The lives of one pipeline. The watching thread calls the methods; `truncated` and `through` are for shippers.

    `deleted_files`: unread bytes of deleted files that may be held for the sinks. `grown_at`: when a file of the
    pipeline last grew, by the monotonic clock, None before there is one; of a new file the file system says when
    that was. `scope`: which files belong to the pipeline; nothing else is read. `left_out`: files of earlier runs
    that are not delivered and do not belong to it now → why they are not read. `beat` is called for each file
    that is looked at, and each second in a thread that waits for another one to finish a scan.
    """

    def __init__(
        self, pipeline: str, ledger: GenerationLog, clock: Clock, emit: events.Emit, descriptors: OpenFileLimiter,
        scope: SearchScope, *,
        from_end: bool = False, ignore_older: float | None = None, deleted_files: int = 256 << 20,
        links: HardLinks | None = None, boundaries: str = "", beat: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.pipeline = pipeline
        self.unreadable = UnreadableFiles(clock)
        self.left_out: dict[str, str] = {}
        self.grown_at: float | None = None
        self._ledger, self._clock, self._emit, self._descriptors = ledger, clock, emit, descriptors
        self._from_end, self._ignore_older = from_end, ignore_older
        self._held_deleted, self._links, self._scope = deleted_files, links, scope
        self._allowance = ScanAllowance(_MAX_UNPACKED_PER_SCAN)
        self._postponed: dict[Key, Source] = {}
        self._resumed: set[Key] = set()
        self._lives: dict[Key, TrackedFile] = {}
        self._active: dict[TrackedFile, None] = {}
        self._newborn: dict[Key, tuple[TrackedFile, Checkpoint]] = {}
        self._held: dict[Key, _CopyCandidate] = {}
        self._sought: dict[int, _LostContent] = {}
        self._through: dict[int, set[str]] = {}
        self._listeners: dict[str, FileSubscriber] = {}
        self._renumber(boundaries)
        self._pending = {r.generation.id: r for r in ledger.unfinished(pipeline)}
        self._finished = FinishedFiles(ledger.recently_finished(pipeline))
        if links:
            for generation in self._finished.generations():
                links.drop(generation)
        self._ending = False
        self._reminded_at = self._recorded_at = float("-inf")
        self._turn, self._beat = _Turn(beat), beat

    def _renumber(self, boundaries: str) -> None:
        """Give unfinished files new ids if the rules that divide lines into events have changed.

        An old id could refer to other lines, and a sink that has it would drop them as duplicates. New ids may cost
        duplicates, never lines.
        """
        if self._ledger.boundary_rules(self.pipeline) == boundaries:
            return
        renamed = {
            known.generation: replace(known.generation, id=_drawn())
            for known in self._ledger.unfinished(self.pipeline)
        }
        for before, after in renamed.items():
            if self._links:
                self._links.again(before, after)
        self._ledger.renumber(self.pipeline, {before.id: after.id for before, after in renamed.items()}, boundaries)
        for before in renamed:
            if self._links:
                self._links.drop(before)

    def listen(self, sink: str, listener: FileSubscriber) -> None:
        """Tell this shipper of everything from now on. Called for all shippers before the first look."""
        self._listeners[sink] = listener

    def change(
        self, listeners: Mapping[str, FileSubscriber], scope: SearchScope, *,
        ignore_older: float | None, deleted_files: int, links: HardLinks | None,
        boundaries: str = "",
    ) -> None:  # fmt: skip
        """Take another configuration, with the same files and these shippers instead of the old ones.

        Only when the old shippers have ended, and other `boundaries` only when they left nothing half done. The new
        ones begin at the durable checkpoints, as after a restart; but what is only in our hands, a deleted file,
        stays there.
        """
        with self._turn:
            if not listeners.keys() <= self._listeners.keys():
                self._finished = FinishedFiles(self._ledger.recently_finished(self.pipeline))
            if self._ledger.boundary_rules(self.pipeline) != boundaries:
                self._ledger.renumber(self.pipeline, {}, boundaries)
            self._listeners = dict(listeners)
            self._ignore_older, self._held_deleted, self._scope = ignore_older, deleted_files, scope
            self._through.clear()
            self.unreadable.keep_readers(listeners.keys())
            points = {known.generation.id: known.checkpoints for known in self._ledger.unfinished(self.pipeline)}
            lives = [*self._lives.values(), *(sought.life for sought in self._sought.values() if sought.life)]
            self._change_links(links, lives)
            for life in lives:
                settled = points.get(life.generation.id, {})
                life.settled = {sink: settled.get(sink, ORIGIN) for sink in listeners}
                for sink, listener in listeners.items():
                    listener.follow(life, life.settled[sink])

    def _change_links(self, links: HardLinks | None, lives: Iterable[TrackedFile]) -> None:
        before, self._links = self._links, links
        if (before and before.directory) == (links and links.directory):
            return
        for life in lives:
            if links:
                try:
                    life.keep(partial(links.keep, life.generation))
                except OSError as error:
                    self._emit(events.LinkRefused(self.pipeline, life.name, error.strerror or "no reason given"))
            if before:
                before.drop(life.generation)

    def release(self) -> None:
        """The pipeline is not wanted any more: close its files. What is not delivered stays as it is in the state."""
        with self._turn:
            for source in (*self._postponed.values(), *(held.source for held in self._held.values())):
                source.close()
            for life in (*self._lives.values(), *(life for life, _ in self._newborn.values())):
                life.close()
            self._postponed.clear()
            self._held.clear()
            self._newborn.clear()
            self._lives.clear()
            self._active.clear()

    def lives(self) -> list[TrackedFile]:
        """Return the lives that are followed. Do not wait for a scan, which may hang."""
        return list(self._lives.values())

    @property
    def undecided(self) -> bool:
        """Whether there are files of which it is not known yet whether they are copies."""
        return bool(self._held or self._sought)

    def look(self, sightings: Iterable[SeenFile]) -> None:
        """Compare a complete sweep with what is known. Raises `StateError`; the next scan continues from there."""
        with self._turn:
            seen: dict[Key, SeenFile] = {}
            for sighting in sightings:
                seen.setdefault((sighting.device, sighting.inode), sighting)
            if self.unreadable:
                self.unreadable.keep_only({*(each.path for each in seen.values()), *self._names()})
            self._begin_unpacking()
            pending = self._pending_by_key()
            for key in self._changed(seen):
                self._beat()
                if (life := self._lives.get(key)) and not self._sighted(life, seen[key]):
                    self._find_again(life)
            for key in [key for key in seen if key not in self._lives]:
                self._beat()
                if key in self._held:
                    self._held[key].place = FileLocation(seen[key].root, seen[key].path)
                elif key not in self._lives and seen[key].size and self.unreadable.may_try(seen[key].path):
                    with self.unreadable.guard(seen[key].path):
                        self._recognise(key, seen[key], pending.get(key, []))
            self._seek_moved(seen)
            self._seek()
            self._reconsider_held()
            self._open_unknown(
                [
                    sighting
                    for key, sighting in seen.items()
                    if key not in self._lives
                    and sighting.size
                    and not (key in self._held or self._finished.is_as_it_was(key, sighting))
                    and self.unreadable.may_try(sighting.path)
                ]
            )
            self._from_end = False
            self._drop_decided()
            for life in self._elsewhere(seen):
                self._beat()
                self._departed(life, sighted=key_of(life.file_id) in seen)
            self._let_go_of_deleted()
            self._record_sizes()
            self._remind(seen)

    def poll(self, life: TrackedFile) -> bool:
        """Look at the size of one life. Returns whether it has grown or is in a new life."""
        with self._turn:
            if not self._is_followed(life) or not self.unreadable.may_try(life.name):
                return False
            with self.unreadable.guard(life.name):
                return self._compare(life, life.status())
            return False

    def _names(self) -> set[str]:
        """Return the names of files that are read although no path of the pipeline may lead to them."""
        lives = {life.name for life in self._lives.values()}
        return lives | {known.name for known in self._pending.values()}

    def poll_busy(self) -> bool:
        """Look at the sizes of open files that grew just now. Returns whether there are any. Raises `StateError`."""
        with self._turn:
            since = self._clock.monotonic() - _BUSY_FOR_S
            return self._poll_all([life for life in self._active if life.grown_at >= since])

    def poll_calm(self) -> bool:
        """The same for those that grew in the last minute, but not just now. Older ones are left to `look`."""
        with self._turn:
            now = self._clock.monotonic()
            for life in [life for life in self._active if now - life.grown_at >= _ACTIVE_FOR_S]:
                del self._active[life]
            return self._poll_all([life for life in self._active if now - life.grown_at > _BUSY_FOR_S])

    def _poll_all(self, lives: Iterable[TrackedFile]) -> bool:
        found = False
        for life in lives:
            self._beat()
            if life.is_open and self._is_followed(life) and self.unreadable.may_try(life.name):
                found = True
                if self._may_have_changed(life):
                    self.poll(life)
        return found

    @staticmethod
    def _may_have_changed(life: TrackedFile) -> bool:
        try:
            return life.may_have_changed()
        except OSError:
            return True  # `poll` meets the same error and records it

    def truncated(self, life: TrackedFile, moves: int) -> None:
        """A shipper found other bytes than it knew, at the place where the life was after so many `moves`."""
        with self._turn:
            if life.moves == moves and self._is_followed(life):
                with self.unreadable.guard(life.name):
                    self._empty(life)

    def finish_all(self) -> None:
        """The end is near: no life will grow any more, so unterminated last lines are lines."""
        with self._turn:
            self._ending = True
            for life in list(self._lives.values()):
                while self.poll(life) and life.packed:
                    pass
            for sought in list(self._sought.values()):
                if not sought.is_postponed:  # the next run continues with it
                    self._give_up(sought)
            self._reconsider_held()
            for life in self._lives.values():
                life.closing = True
                self._announce(life)

    def through(self, number: int, sink: str, life: TrackedFile | None) -> None:
        """This sink needs no more of the generation. When no sink does, it is finished and its file let go."""
        with self._turn:
            through = self._through.setdefault(number, set())
            through.add(sink)
            if through < self._listeners.keys():
                return
            if life is not None and not life.ended and self.poll(life):
                self._take_up_again(life)
                return
            is_there = life is not None and self._is_there(life)
            self._ledger.mark_finished(number, self._clock.now(), is_there)
            del self._through[number]
            self._sought.pop(number, None)
            if life is not None:
                self._let_go(life, is_there=is_there)

    # ── what a sighting means ───────────────────────────────────────────────────────────────────────────────

    def _changed(self, seen: Mapping[Key, SeenFile]) -> list[Key]:
        """Those that are followed and not as they were. Of thousands that are quiet each costs a comparison here."""
        return [
            key
            for key, sighting in seen.items()
            if (life := self._lives.get(key))
            and not (
                life.size == sighting.size
                and life.modified == sighting.modified
                and life.sighted
                and life.place.name == sighting.path
            )
        ]

    def _elsewhere(self, seen: Mapping[Key, SeenFile]) -> list[TrackedFile]:
        """The lives that are not, or not any more, under the name that they began under."""
        return [
            life
            for key, life in self._lives.items()
            if key not in seen or life.moved or not life.sighted or life.place.name != life.generation.path
        ]

    def _sighted(self, life: TrackedFile, sighting: SeenFile) -> bool:
        """Whether it is there. While it is closed, its name or even its inode may have gone to another file."""
        life.sighted = True
        if life.name != sighting.path:
            self._ledger.record_rename(life.generation.id, sighting.path, life.seen)
            life.place = FileLocation(sighting.root, sighting.path)
            if not life.is_open:
                self._announce(life)
        if (life.size, life.modified) == (sighting.size, sighting.modified):
            return True
        if self.unreadable.may_try(life.name):
            try:
                self._compare(life, life.status())
                self.unreadable.clear(life.name)
            except FileMoved:
                return False
            except OSError as error:
                self.unreadable.record(life.name, error)
        return True

    def _pending_by_key(self) -> dict[Key, list[KnownFile]]:
        found: dict[Key, list[KnownFile]] = {}
        for known in self._pending.values():
            if not known.ended:
                found.setdefault(key_of(known.file_id), []).append(known)
        return found

    def _recognise(self, key: Key, sighting: SeenFile, pending: list[KnownFile]) -> None:
        """Take up a generation of the last run whose file this is, or a finished one that has grown."""
        done = None if self._finished.is_as_it_was(key, sighting) else self._finished.find(key)
        if not pending and done is None:
            return
        place = FileLocation(sighting.root, sighting.path)
        with self._opened(place, key) as opened:
            if opened.source is None or key_of(opened.source.identity) != key:
                return
            try:
                self._take_up(key, place, opened, pending)
                if done is not None and key not in self._lives:
                    self._meet_again(key, done, opened, sighting)
            except Postponed:
                self._postpone(opened)

    def _take_up(self, key: Key, place: FileLocation, opened: OwnedSource, pending: list[KnownFile]) -> None:
        for known in pending:
            if known.generation.id not in self._pending:
                continue  # decided before the comparison with another one was postponed
            if key not in self._lives and continues_file(known, opened.open):
                self._resume(known, opened, place)
            else:
                self._miss(known, None, "truncated")
            del self._pending[known.generation.id]

    def _meet_again(self, key: Key, done: FinishedFile, opened: OwnedSource, sighting: SeenFile) -> None:
        """A finished file: nothing to do while it is as it was; read on when it has grown, or for a new sink."""
        source, known = opened.open, done.known
        if not continues_file(known, source):
            self._finished.drop(key)  # another file has the inode now
        elif not source.has_content_after(done.read) and self._listeners.keys() <= known.checkpoints.keys():
            done.size, done.modified = sighting.size, sighting.modified
        else:
            self._ledger.mark_unfinished(known.generation.id)
            self._resume(known, opened, FileLocation(sighting.root, sighting.path))
            self._finished.drop(key)

    def _open_unknown(self, sightings: Iterable[SeenFile]) -> None:
        """Files that nothing is known of. Of two that are new, the larger and older cannot be the copy."""
        unknown = sorted(sightings, key=lambda s: (-s.size, s.modified, s.path))
        if unknown:
            starts, new = PrefixIndex(self._lives.values()), set[TrackedFile]()
            for sighting in unknown:
                self._beat()
                with self.unreadable.guard(sighting.path):
                    self._open(sighting, starts, new)
        self._follow_newborn()

    def _open(self, sighting: SeenFile, starts: PrefixIndex, new: set[TrackedFile]) -> None:
        limit = self._ignore_older
        if limit is not None and sighting.modified < self._clock.now() - limit:
            return
        place = FileLocation(sighting.root, sighting.path)
        with self._opened(place, (sighting.device, sighting.inode)) as opened:
            if opened.source is None:
                return
            key = key_of(opened.source.identity)
            try:
                if not opened.source.pread(1, 0):
                    return
                if self._is_known(key) or self._is_packed_again(opened.source, place):
                    return  # renamed to here since the sweep, or shipped when it was not packed yet
            except Postponed:
                self._postpone(opened)
                return
            like = self._like(place, opened.source, starts, new)
            if key in self._lives:
                return
            if like is None:
                if len(self._newborn) >= min(_MOST_NEWBORN, self._descriptors.limit // 2):
                    self._follow_newborn()
                opened.source.limit(None)
                life = self._born(opened, place, self._start(opened.source) if self._from_end else ORIGIN)
                starts.add(life)
                new.add(life)
            else:
                now, size = self._clock.monotonic(), opened.source.status().size
                self._held[key] = _CopyCandidate(opened.take(), place, like, size, now, now)

    def _is_known(self, key: Key) -> bool:
        if key in self._lives or key in self._newborn or key in self._held or self._finished.find(key):
            return True
        return any(key_of(known.file_id) == key and not known.ended for known in self._pending.values())

    def _like(
        self, place: FileLocation, source: Source, starts: PrefixIndex, new: set[TrackedFile]
    ) -> Generation | None:
        """The generation that this file may be a copy of, in the making."""
        if len(self._held) >= _MOST_HELD:
            return None
        for sought in self._sought.values():
            if self._may_become_complete(sought.known, source, place):
                return sought.known.generation
        for life in starts.like(place.name, self._beginning(source)):
            if life.moved or (life in new and not is_rotation_of(life.name, place.name)):
                continue
            if key_of(life.file_id) in self._newborn:
                self._follow_newborn()
            if not self._is_followed(life):
                continue
            self.poll(life)  # the copy may be complete and the file truncated by now
            if key_of(source.identity) in self._lives:
                return None
            if self._is_followed(life) and self._is_perhaps_copied(life, source):
                return life.generation
        return None

    def _is_perhaps_copied(self, life: TrackedFile, source: Source) -> bool:
        """Whether the file may become a copy of the life. As long as the life cannot be read, it may."""
        if life.name in self.unreadable:
            return True
        with self.unreadable.guard(life.name):
            return self._may_become_copy(life, source)
        return True

    def _is_packed_again(self, source: Source, place: FileLocation) -> bool:
        """Whether a packed file holds what was shipped when it was not packed yet."""
        known = self._finished.packed_as(source, place.name)
        if known is None:
            return False
        self._ledger.record_move(known.generation.id, source.identity, place.name, known.seen)
        self._finished.moved(known, source.identity, place.name)
        return True

    @staticmethod
    def _beginning(source: Source) -> bytes:
        with suppress(Postponed):
            return source.pread(START, 0)
        return b""

    @staticmethod
    def _may_become_copy(life: TrackedFile, source: Source) -> bool:
        try:
            return may_become_copy_of(life, source)
        except Postponed:
            return True

    # ── lives ───────────────────────────────────────────────────────────────────────────────────────────────

    def _opened(self, place: FileLocation, key: Key | None = None) -> OwnedSource:
        """Open the file; none if it is gone. Raise `OSError` if it cannot be opened."""
        try:
            return OwnedSource(self._source(place, key))
        except FileNotFoundError:
            return OwnedSource(None)

    # ── compressed files are compared a piece in each scan ──────────────────────────────────────────────────

    def _source(self, place: FileLocation, key: Key | None) -> Source:
        """Open the file, or return it if its comparison was postponed, by `key`. Raise `OSError`."""
        source = self._postponed.pop(key, None) if key else None
        if source is None:
            source = open_source(place.root, place.name)
            source.limit(self._allowance)
        return source

    def _begin_unpacking(self) -> None:
        self._allowance.left = _MAX_UNPACKED_PER_SCAN
        self._resumed.clear()

    def _postpone(self, opened: OwnedSource) -> None:
        """Keep the file open with what was unpacked of it, for the next scan to continue."""
        if len(self._postponed) < _MAX_POSTPONED:
            key = key_of(opened.open.identity)
            self._resumed.add(key)
            self._postponed[key] = opened.take()

    def _drop_decided(self) -> None:
        """Close what no comparison asked for in this scan."""
        for key in self._postponed.keys() - self._resumed:
            self._postponed.pop(key).close()

    @staticmethod
    def _may_become_complete(known: KnownFile, source: Source, place: FileLocation) -> bool:
        try:
            return may_be_partial_copy_of(known, source, place.name)
        except Postponed:
            return True

    def _begin(self, opened: OwnedSource, place: FileLocation, *, sighted: bool = True) -> None:
        self._born(opened, place).sighted = sighted
        self._follow_newborn()

    def _born(self, opened: OwnedSource, place: FileLocation, start: Checkpoint = ORIGIN) -> TrackedFile:
        """A life in a new generation. It is followed when that is written down, many of them in one transaction."""
        opened.open.limit(None)
        head = read_head(opened.open)
        generation = Generation(_drawn(), self.pipeline, place.name, self._clock.now())
        life = TrackedFile(generation, opened.take(), place, head, (), self._ledger, self._descriptors)
        self._newborn[key_of(life.file_id)] = life, start
        return life

    def _follow_newborn(self) -> None:
        """No document of a generation leaves before it is durable. When that fails, the next look tries again."""
        if not self._newborn:
            return
        self._ledger.add_generations(
            [(life.generation, life.file_id, Fingerprint.from_head(life.head)) for life, _ in self._newborn.values()]
        )
        newborn, self._newborn = self._newborn, {}
        for life, start in newborn.values():
            if self._links:
                with suppress(OSError):  # closed meanwhile, and not under its name any more
                    life.keep(partial(self._keep_link, life.generation, life.place))
            # `dict.fromkeys` would make each of thousands half as large again.
            self._take_in(life, {sink: start for sink in self._listeners}, skipped=start.offset)  # noqa: C420

    def _resume(self, known: KnownFile, opened: OwnedSource, place: FileLocation) -> TrackedFile:
        if place.name != known.name:
            self._ledger.record_rename(known.generation.id, place.name, known.seen)
        opened.open.limit(None)
        head = opened.open.pread(known.fingerprint.covered, 0)
        life = TrackedFile(known.generation, opened.take(), place, head, known.cuts, self._ledger, self._descriptors)
        life.seen = life.recorded = known.seen
        life.moved = known.moved
        self._take_in(life, {sink: known.checkpoints.get(sink, ORIGIN) for sink in self._listeners})
        return life

    def _keep_link(self, generation: Generation, place: FileLocation, source: Source) -> None:
        if self._links:
            try:
                self._links.keep(generation, source)
            except OSError as error:
                self._emit(events.LinkRefused(self.pipeline, place.name, error.strerror or "no reason given"))

    def _take_in(self, life: TrackedFile, points: dict[str, Checkpoint], *, skipped: int = 0) -> None:
        self._is_active(life)
        life.settled, life.closing = points, self._ending
        self._lives[key_of(life.file_id)] = life
        for sink, listener in self._listeners.items():
            listener.follow(life, points[sink], skipped=skipped)
        with suppress(StateError):  # the next look finds it as it is
            self.poll(life)

    def _take_up_again(self, life: TrackedFile) -> None:
        """It has grown after the sinks were through with it, and before it was let go."""
        del self._through[life.generation.id]
        for sink, listener in self._listeners.items():
            listener.follow(life, life.settled[sink])

    @staticmethod
    def _is_there(life: TrackedFile) -> bool:
        try:
            return life.status().links > 0
        except FileMoved:
            return False
        except OSError:
            return True  # that it cannot be asked now does not make it gone

    def _let_go(self, life: TrackedFile, *, is_there: bool) -> None:
        if self._is_followed(life):
            self._unfollow(life)
            self._finished.add(life, is_there=is_there)
        if self._links:
            self._links.drop(life.generation)
        life.close()

    def _compare(self, life: TrackedFile, status: FileStat) -> bool:
        """What a new size or time of change means."""
        if (status.size, status.modified) == (life.size, life.modified):
            return False
        is_measured_on = life.packed and status.size >= life.size and status.modified == life.modified
        if status.size < life.size or not (is_measured_on or self._unchanged(life)):
            self._empty(life)
            return True
        is_new = not life.modified
        life.modified = status.modified
        if is_new:
            self._written_at(self._clock.monotonic() - max(self._clock.now() - status.modified, 0.0))
        if status.size == life.size:
            return False
        life.size = status.size
        self._is_active(life)
        if not is_new:
            self._written_at(life.grown_at)
        life.seen = max(life.seen, status.real_size)
        life.grew(life.grown_at)
        life.over, life.closing = False, self._ending
        self._announce(life)
        return True

    def _written_at(self, moment: float) -> None:
        self.grown_at = moment if self.grown_at is None else max(self.grown_at, moment)

    def _is_active(self, life: TrackedFile) -> None:
        life.grown_at = self._clock.monotonic()
        self._active[life] = None

    @staticmethod
    def _unchanged(life: TrackedFile) -> bool:
        """Whether the bytes that are known are still there: the beginning, and those before each checkpoint."""
        if life.pread(len(life.head), 0) != life.head:
            return False
        points = {(p.offset, p.tail) for p in life.settled.values() if not p.done and p.offset <= life.size}
        return all(tail.matches(life.pread(tail.length, offset - tail.length)) for offset, tail in points)

    # ── truncation: the old life may continue in a copy ────────────────────────────────────────────────────────

    def _empty(self, life: TrackedFile) -> None:
        """The file was truncated. What was not read of its old life is in a copy, or lost; it begins a new one."""
        place, known = life.place, life.remembered()
        with life.still(), OwnedSource(life.take_source()) as opened:
            self._unfollow(life)
            self._miss(known, life, "truncated")
            self._seek_one(self._sought[known.generation.id])
            with self.unreadable.guard(place.name):
                if opened.open.status().size:
                    self._begin(opened, place, sighted=life.sighted)

    def _miss(self, known: KnownFile, life: TrackedFile | None, reason: str) -> None:
        """The bytes are not where they were: look for them elsewhere, for a while."""
        self._sought[known.generation.id] = _LostContent(known, life, reason, self._clock.monotonic())

    def _seek(self) -> None:
        for sought in list(self._sought.values()):
            with self.unreadable.guard(sought.known.name):
                self._seek_one(sought)

    def _seek_one(self, sought: _LostContent) -> None:
        waited = self._clock.monotonic() - sought.since >= QUIET_S
        found = self._find_copy(sought, complete=not waited)
        if found is None:
            if not sought.is_postponed and (waited or not self._is_being_made(sought)):
                self._give_up(sought)
            return
        place, source = found
        with OwnedSource(source) as opened:
            known = sought.known
            self._ledger.record_move(known.generation.id, source.identity, place.name, known.seen)
            del self._sought[known.generation.id]
            self._emit(events.CopyTaken(self.pipeline, known.generation.path, place.name))
            if self._links:
                self._links.drop(known.generation)
                self._keep_link(known.generation, place, source)
            if sought.life is None:
                self._resume(replace(known, moved=True, name=place.name), opened, place)
            else:
                self._go_on(sought.life, opened.take(), place)

    def _go_on(self, life: TrackedFile, source: Source, place: FileLocation) -> None:
        life.relocate(source, place)
        life.moved, life.sighted = True, True
        life.size, life.modified = 0, 0.0
        self._is_active(life)
        self._lives[key_of(source.identity)] = life
        self.poll(life)
        self._announce(life)

    def _find_copy(self, sought: _LostContent, *, complete: bool) -> tuple[FileLocation, Source] | None:
        known, sought.is_postponed = sought.known, False
        for key, held in list(self._held.items()):
            if held.like == known.generation and self._is_held_copy(sought, held, complete=complete):
                del self._held[key]
                return held.place, held.source
        for each in self._candidates(sought):
            if (each.stamp, complete) in sought.rejected:
                continue
            with self.unreadable.guard(each.place.name), self._opened(each.place, each.key) as opened:
                try:
                    if opened.source is not None and self._is_copy(
                        sought, opened.source, each.place, complete=complete
                    ):
                        return each.place, opened.take()
                    sought.rejected.add((each.stamp, complete))
                except Postponed:
                    sought.is_postponed = True
                    self._postpone(opened)
        return None

    def _is_held_copy(self, sought: _LostContent, held: _CopyCandidate, *, complete: bool) -> bool:
        with self.unreadable.guard(held.place.name):
            try:
                return self._is_copy(sought, held.source, held.place, complete=complete)
            except Postponed:
                sought.is_postponed = True
        return False

    def _is_copy(self, sought: _LostContent, source: Source, place: FileLocation, *, complete: bool) -> bool:
        not_before = sought.life.modified if sought.life else None
        return self._is_strange(sought.known, source) and is_copy(
            sought.known, source, place.name, complete=complete, not_before=not_before
        )

    def _candidates(self, sought: _LostContent) -> list[SiblingFile]:
        """Return files that may be the copy by their names. Without a life the place is from an earlier run."""
        place = sought.life.place if sought.life else self._place_of(sought.known)
        if place is None:
            return []
        return find_candidates(sought.known, place, self._scope, {*self._lives, *self._held})

    def _is_strange(self, known: KnownFile, source: Source) -> bool:
        """Whether it is another file than the known one, and none that is finished."""
        return source.identity != known.file_id and not self._finished.holds(source)

    def _is_being_made(self, sought: _LostContent) -> bool:
        """Whether some file is perhaps the copy, in the making."""
        known = sought.known
        if any(held.like == known.generation for held in self._held.values()):
            return True
        for each in self._candidates(sought):
            with self.unreadable.guard(each.place.name), self._opened(each.place, each.key) as opened:
                if opened.source is not None and self._may_be_the_copy(known, opened.source, each.place):
                    return True
                continue
            return True  # it cannot be read now
        return False

    def _may_be_the_copy(self, known: KnownFile, source: Source, place: FileLocation) -> bool:
        try:
            return self._is_strange(known, source) and may_be_partial_copy_of(known, source, place.name)
        except Postponed:
            return True

    def _give_up(self, sought: _LostContent) -> None:
        known, life = sought.known, sought.life
        number = known.generation.id
        self._ledger.record_end(number, sought.reason, known.seen)
        self._sought.pop(number, None)
        if self._links:
            self._links.drop(known.generation)
        if life is not None:
            life.end(sought.reason)
            self._announce(life)
        else:
            for listener in self._listeners.values():
                listener.on_lost(known, sought.reason)

    def _reconsider_held(self) -> None:
        """A held file is a copy in the making until it differs, is quiet, or has been held for too long."""
        now = self._clock.monotonic()
        for key, held in list(self._held.items()):
            with self.unreadable.guard(held.place.name):
                self._reconsider(key, held, now)
                continue
            if self._held.pop(key, None):  # it is opened again as soon as it can be read
                held.source.close()

    def _reconsider(self, key: Key, held: _CopyCandidate, now: float) -> None:
        status = held.source.status()
        if status.size != held.size:
            held.size, held.grown_at = status.size, now
        life = next((life for life in self._lives.values() if life.generation == held.like), None)
        like = self._may_still_be(held, life)
        if key not in self._held:
            return
        longest = _LONGEST_HOLD_S if is_rotation_of(held.like.path, held.place.name) else QUIET_S
        waited = now - held.grown_at >= QUIET_S or now - held.since >= longest
        is_packed = held.place.name.endswith(COMPRESSED) and life is not None and not life.sighted
        if like and status.links and (is_packed or not waited):
            return
        try:
            is_done = (like and life is not None and not status.links) or self._is_packed_again(
                held.source, held.place
            )
        except Postponed:
            return
        del self._held[key]
        with OwnedSource(held.source) as opened:
            if not is_done:
                self._begin(opened, held.place)

    def _may_still_be(self, held: _CopyCandidate, life: TrackedFile | None) -> bool:
        """Whether the held file is, so far, what a copy would be."""
        if life is not None:
            self.poll(life)  # which may take the held file for the copy that it is
            if self._is_followed(life):
                return self._is_perhaps_copied(life, held.source)
        sought = self._sought.get(held.like.id)
        return sought is not None and self._may_become_complete(sought.known, held.source, held.place)

    # ── files that have left their name ─────────────────────────────────────────────────────────────────────

    def _is_followed(self, life: TrackedFile) -> bool:
        return self._lives.get(key_of(life.file_id)) is life

    def _unfollow(self, life: TrackedFile) -> None:
        del self._lives[key_of(life.file_id)]
        self._active.pop(life, None)

    def _departed(self, life: TrackedFile, *, sighted: bool) -> None:
        """What was rotated away is read to its end, under whatever name, and finished when it has been quiet."""
        if not self._is_followed(life):
            return
        if not sighted and not life.is_open:
            self._find_again(life)
        life.sighted = sighted
        left = not sighted or life.moved or life.name != life.generation.path
        if not left or self.poll(life) or life.name in self.unreadable:
            return
        if not life.over and self._clock.monotonic() - life.grown_at >= QUIET_S:
            life.closing = life.over = True
            self._announce(life)

    def _find_again(self, life: TrackedFile) -> None:
        """It was closed for a while, and no path of the pipeline leads to it any more."""
        with self.unreadable.guard(life.name):
            for each in find_by_inode(life.place, key_of(life.file_id)):
                if self._goes_on_at(life, each):
                    return
            self._unfollow(life)
            self._miss(life.remembered(), life, "deleted")

    def _goes_on_at(self, life: TrackedFile, each: SiblingFile) -> bool:
        with self._opened(each.place) as opened:
            if opened.source is None or opened.source.identity != life.file_id:
                return False
            self._ledger.record_rename(life.generation.id, each.place.name, life.seen)
            life.relocate(opened.take(), each.place)
        self._announce(life)
        return True

    def _let_go_of_deleted(self) -> None:
        """Deleted files are held for the sinks within a budget; beyond it the oldest is given up."""
        held: list[tuple[float, int, TrackedFile]] = []
        least = self._held_deleted // self._descriptors.limit
        for life in self._lives.values():
            if life.sighted:
                continue
            unread = life.unsettled(life.unread_from)
            with suppress(OSError):
                if unread > 0 and life.status().links == 0:
                    held.append((life.generation.created_at, max(unread, least), life))
        total = sum(unread for _, unread, _ in held)
        for _, unread, life in sorted(held, key=lambda item: item[0]):
            if total <= self._held_deleted:
                return
            total -= unread
            self._ledger.record_end(life.generation.id, "deleted", life.seen)
            self._unfollow(life)
            life.end("deleted")
            self._announce(life)

    def _seek_moved(self, seen: Mapping[Key, SeenFile]) -> None:
        """Find generations that were open when the sidecar last ended and that no path of the pipeline leads to now.

        A file that is there and cannot be read is not gone: its generation waits until it can.
        """
        self.left_out.clear()
        for number, known in list(self._pending.items()):
            self._beat()
            if known.ended:
                del self._pending[number]
                for listener in self._listeners.values():
                    listener.on_lost(known, known.ended)
            elif (place := self._place_of(known)) is None:
                self.left_out[known.name] = (
                    "not delivered by an earlier run, and left out by `paths` or `exclude` now"
                )
            elif not self._is_unreadable(known, seen) and self.unreadable.may_try(known.name):
                with self.unreadable.guard(known.name):
                    if has_directory(os.path.dirname(known.name)) and not self._found_by_inode(known, place):
                        del self._pending[number]
                        self._miss(known, None, "deleted")

    def _is_unreadable(self, known: KnownFile, seen: Mapping[Key, SeenFile]) -> bool:
        sighting = seen.get(key_of(known.file_id))
        return sighting is not None and sighting.path in self.unreadable

    def _place_of(self, known: KnownFile) -> FileLocation | None:
        """Return where an earlier run saw the file, None if the present configuration does not lead there."""
        folder = os.path.dirname(known.name)
        is_link = self._links is not None and self._links.holds(known.name)
        is_reached = is_link or self._scope.leads_to(known.name)
        return FileLocation(folder, known.name) if is_reached and is_within(known, self._scope) else None

    def _found_by_inode(self, known: KnownFile, place: FileLocation) -> bool:
        """Return whether it is followed again, or not compared to its end yet."""
        linked = self._links.find(known.generation) if self._links else None
        if linked:
            with OwnedSource(linked[1]) as opened:
                opened.open.limit(self._allowance)
                return self._goes_on(known, opened, linked[0])
        for each in find_by_inode(place, key_of(known.file_id)):
            if each.key not in self._lives:
                with self._opened(each.place, each.key) as opened:
                    if opened.source is not None and self._goes_on(known, opened, each.place):
                        return True
        return False

    def _goes_on(self, known: KnownFile, opened: OwnedSource, place: FileLocation) -> bool:
        try:
            if not continues_file(known, opened.open):
                return False
        except Postponed:
            self._postpone(opened)
            return True
        self._resume(known, opened, place).sighted = False
        del self._pending[known.generation.id]
        return True

    def _record_sizes(self) -> None:
        """Write down how much was seen where no checkpoint does so, because the destination is down."""
        now = self._clock.monotonic()
        if now - self._recorded_at < _RECORD_EVERY_S:
            return
        self._recorded_at = now
        grown = [(life, life.seen) for life in self._lives.values() if life.seen > life.recorded]
        if grown:
            self._ledger.record_sizes([(life.generation.id, size) for life, size in grown])
            for life, size in grown:
                life.recorded = size

    def _remind(self, seen: dict[Key, SeenFile]) -> None:
        """A finished generation is forgotten a week after its file was last there."""
        now = self._clock.monotonic()
        if not seen or now - self._reminded_at < _REMIND_EVERY_S:
            return
        self._reminded_at = now
        self._ledger.touch_finished(self._finished.numbers(seen), self._clock.now())
        self._ledger.forget(self.pipeline, self._clock.now())
        self._finished.keep_only(known.generation.id for known in self._ledger.recently_finished(self.pipeline))

    @staticmethod
    def _start(source: Source) -> Checkpoint:
        """For `read_from: end`: after the last complete line, unless the last one is of absurd length."""
        at = source.status().size
        stop = max(0, at - _SEARCHED_BACK)
        while at > stop:
            back = min(128 * 1024, at)
            piece = source.pread(back, at - back)
            if newline := piece.rfind(b"\n") + 1:
                offset = at - back + newline
                before = min(OVERLAP_BYTES, offset)
                return Checkpoint(offset, OverlapDigest.from_bytes(source.pread(before, offset - before)))
            at -= back
        return ORIGIN

    def _announce(self, life: TrackedFile) -> None:
        for listener in self._listeners.values():
            listener.on_growth(life)
