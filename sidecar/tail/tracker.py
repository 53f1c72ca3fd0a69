"""Decides which files are tracked, for all shippers of a pipeline: which are new, rotated, truncated or deleted.

docs/design/rotation.md explains the steps of a scan, and the reasons for their order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial

from sidecar.lib.clock import Clock
from sidecar.model.checkpoint import ORIGIN
from sidecar.tail.content import ContentComparer
from sidecar.tail.context import DELETED_GRACE_S, GenerationStore, ScannedFile, TailContext
from sidecar.tail.copy_candidates import CopyCandidates
from sidecar.tail.copy_search import CopySearch
from sidecar.tail.deleted_files import DeletedFilesBudget
from sidecar.tail.earlier_runs import EarlierRuns
from sidecar.tail.file_opener import FileOpener
from sidecar.tail.file_set import FileSet
from sidecar.tail.finished_files import FinishedFiles
from sidecar.tail.generations import GenerationLog
from sidecar.tail.growth import GrowthMonitor
from sidecar.tail.hard_links import HardLinks
from sidecar.tail.new_files import NewFiles
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.recognition import Recognizer
from sidecar.tail.rotated_files import RotatedFiles
from sidecar.tail.siblings import Key, SearchScope
from sidecar.tail.subscribers import FileSubscriber, Subscribers
from sidecar.tail.tracked_file import FileLocation, FilePhase, TrackedFile
from sidecar.tail.transitions import FileTransitions
from sidecar.tail.unreadable_files import UnreadableFiles
from sidecar.telemetry import events

_LOCK_WAIT_S = 1.0
_RECORD_EVERY_S = 1.0
_REMIND_EVERY_S = 3600.0
_SHRUNK_RETRY_S = 0.25


class _Turn:
    """A reentrant lock. A waiting thread calls `beat`, because only the thread that holds the lock may be stuck."""

    def __init__(self, beat: Callable[[], None]) -> None:
        self._lock, self._beat = threading.RLock(), beat

    def __enter__(self) -> None:
        while not self._lock.acquire(timeout=_LOCK_WAIT_S):
            self._beat()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class FileTracker:
    """Tracks the files of one pipeline. The watcher calls the methods; shippers call `truncated` and `through`.

    `deleted_files`: maximum unread bytes of deleted files. `deleted_grace`: seconds for which a delivered file that
    has lost its name is followed. `scope`: decides which files belong to the pipeline. `beat` is called for each file
    that is compared, and each second in a thread that waits for a scan.
    """

    _transitions: FileTransitions
    _growth: GrowthMonitor

    def __init__(
        self, pipeline: str, ledger: GenerationStore, clock: Clock, emit: events.Emit, descriptors: OpenFileLimiter,
        scope: SearchScope, *,
        from_end: bool = False, ignore_older: float | None = None, deleted_files: int = 256 << 20,
        deleted_grace: float = DELETED_GRACE_S, links: HardLinks | None = None, boundaries: str = "",
        beat: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.pipeline = pipeline
        self.unreadable = UnreadableFiles(clock)
        self.context = context = TailContext(
            pipeline, ledger, clock, emit, descriptors, scope, links, self.unreadable, beat
        )
        self._is_recorded = ledger.is_known_pipeline(pipeline)
        self._files, self._subscribers = FileSet(), Subscribers()
        self._comparer = ContentComparer()
        self._opener = FileOpener(self._comparer.allowance)
        self._generations = GenerationLog(context, lambda file, skipped: self._transitions.join(file, skipped))
        self._generations.renumber(boundaries)
        self._finished = FinishedFiles(ledger.recently_finished(pipeline))
        for done in self._finished:
            self._generations.drop_link(done.known.generation)
        recognizer = Recognizer(self._finished, self._comparer)
        self._candidates = CopyCandidates(context, self._comparer)
        self._copies = CopySearch(
            context, self._opener, self._comparer, self._finished, self._candidates, self._files.keys
        )
        self._transitions = FileTransitions(
            context, self._files, self._subscribers, self._generations, self._copies, self._finished,
            lambda file: self._growth.poll(file),
        )  # fmt: skip
        self._growth = GrowthMonitor(
            context, self._files, self._subscribers, self._transitions.restart, self._transitions.reopen
        )
        self._rotated = RotatedFiles(
            context, self._files, self._subscribers, self._growth, self._opener, self._finished,
            self._transitions.miss, deleted_grace,
        )  # fmt: skip
        self._earlier = EarlierRuns(
            context, self._files, self._subscribers, self._opener, self._generations, self._copies, recognizer,
            self._finished,
        )  # fmt: skip
        self._new_files = NewFiles(
            context, self._files, self._subscribers, self._opener, self._generations, self._copies, recognizer,
            self._finished, self._candidates, self._comparer, self._growth, self._earlier,
            self._transitions.take_over,
        )  # fmt: skip
        self._new_files.from_end = from_end and not self._is_recorded
        self._new_files.ignore_older = ignore_older
        self._budget = DeletedFilesBudget(deleted_files, descriptors.limit)
        self._earlier_waiting_bytes = 0
        self._recorded_at = self._reminded_at = float("-inf")
        self._turn = _Turn(beat)

    # ── the pipeline ────────────────────────────────────────────────────────────────────────────────────────

    def listen(self, sink: str, listener: FileSubscriber) -> None:
        """Notify this shipper from now on. Called for all shippers before the first scan."""
        self._subscribers.add(sink, listener)

    def change(
        self, listeners: Mapping[str, FileSubscriber], scope: SearchScope, *,
        ignore_older: float | None, deleted_files: int, links: HardLinks | None,
        deleted_grace: float = DELETED_GRACE_S, boundaries: str = "",
    ) -> None:  # fmt: skip
        """Apply another configuration: keep the files, and replace the shippers by these.

        The old shippers must have ended; if `boundaries` differ, without unsettled content. The new shippers begin at
        the durable checkpoints, as after a restart. Deleted files stay open.
        """
        with self._turn:
            ledger = self.context.ledger
            if not listeners.keys() <= self._subscribers.sinks:
                self._finished.load(ledger.recently_finished(self.pipeline))
            if ledger.boundary_rules(self.pipeline) != boundaries:
                ledger.renumber(self.pipeline, {}, boundaries)
            self._subscribers.replace(listeners)
            self.context.scope, self._new_files.ignore_older = scope, ignore_older
            self._budget.limit, self._rotated.deleted_grace = deleted_files, deleted_grace
            self.unreadable.keep_readers(listeners.keys())
            points = {known.generation.id: known.checkpoints for known in ledger.unfinished(self.pipeline)}
            files = [*self._files, *self._copies.files()]
            self._change_links(links, files)
            for file in files:
                if file.phase is not FilePhase.DELIVERED:
                    settled = points.get(file.generation.id, {})
                    file.settled = {sink: settled.get(sink, ORIGIN) for sink in listeners}
                    self._subscribers.follow(file)

    def _change_links(self, links: HardLinks | None, files: Iterable[TrackedFile]) -> None:
        before, self.context.links = self.context.links, links
        if (before and before.directory) == (links and links.directory):
            return
        for file in files:
            with suppress(OSError):
                file.keep(partial(self._generations.keep_link, file.generation, file.place))
            if before:
                before.drop(file.generation)

    def release(self) -> None:
        """Close all files, because the pipeline was removed. Unfinished generations stay in the state."""
        with self._turn:
            for part in (self._opener, self._candidates, self._generations):
                part.close()
            self._files.clear()

    def lives(self) -> list[TrackedFile]:
        """Return the files that a sink has not finished. Does not wait for a scan, which may hang."""
        return [file for file in self._files if file.phase is not FilePhase.DELIVERED]

    @property
    def left_out(self) -> Mapping[str, str]:
        """Path of each file of an earlier run that is not delivered now → the reason."""
        return self._earlier.left_out

    @property
    def waiting_bytes(self) -> int:
        """Bytes that scans have found and no shipper counts: of candidates, and of unreadable or undecided files."""
        searched = self._copies.waiting_bytes(self._subscribers.sinks)
        return self._candidates.size() + self._new_files.waiting_bytes + self._earlier_waiting_bytes + searched

    @property
    def grown_at(self) -> float | None:
        """When a file last grew, by the monotonic clock; None if no file has grown."""
        return self._growth.grown_at

    @property
    def undecided(self) -> bool:
        """Whether it is not decided yet for a file whether it is a copy."""
        return bool(self._candidates or self._copies)

    # ── between two scans ───────────────────────────────────────────────────────────────────────────────────

    def poll(self, life: TrackedFile) -> bool:
        """Compare one file with its last state. Return whether it has grown or has other content."""
        with self._turn:
            return self._growth.poll(life)

    def poll_busy(self) -> bool:
        """Compare open files that grew in the last two seconds. Return whether there are any. Raise `StateError`."""
        with self._turn:
            return self._growth.poll_hot()

    def poll_calm(self) -> bool:
        """Compare open files that grew in the last minute. Return whether there are any. Raise `StateError`."""
        with self._turn:
            return self._growth.poll_warm()

    def truncated(self, life: TrackedFile, moves: int) -> float | None:
        """Handle that a shipper has found changed bytes. `moves`: the value of `TrackedFile.moves` before its read.

        Return when to read again, by the monotonic clock, if the file may regain its size; else None.
        """
        with self._turn:
            if life.moves == moves and life in self._files:
                self._growth.poll(life)
            if life.moves == moves and life in self._files:
                if life.shrunk is not None:
                    return self.context.clock.monotonic() + _SHRUNK_RETRY_S
                with self.unreadable.guard(life.name):
                    self._transitions.restart(life)
            return None

    def through(self, number: int, sink: str, life: TrackedFile | None) -> None:
        """Record that a sink needs no more of a generation. When all sinks have finished it, finish it."""
        with self._turn:
            if not self._subscribers.finish(number, sink):
                return
            if life is not None and not life.ended and self._growth.poll(life):
                self._subscribers.follow(life)
                return
            is_there = life is not None and self._rotated.is_there(life)
            self.context.ledger.mark_finished(number, self.context.clock.now(), is_there)
            self._subscribers.forget(number)
            self._copies.remove(number)
            if life is not None:
                self._generations.drop_link(life.generation)
                self._rotated.finish(life, is_there=is_there)

    def finish_all(self) -> None:
        """Treat every file as complete, including unterminated last lines, because the sidecar ends."""
        with self._turn:
            self.context.is_ending = True
            for file in self._files:
                while self._growth.poll(file) and file.packed:
                    pass
            self._transitions.apply(self._copies.abandon_all())
            self._new_files.decide_candidates()
            for file in self._files:
                file.closing = True
                self._subscribers.notify(file)

    # ── the scan ────────────────────────────────────────────────────────────────────────────────────────────

    def look(self, sightings: Iterable[ScannedFile]) -> None:
        """Do one scan cycle. Raise `StateError`; the next scan continues from there."""
        with self._turn:
            seen = self._files.index(sightings, self._earlier.names())
            self._begin_scan(seen)
            self._update_tracked(seen)  # 1 grown, truncated, renamed
            self._earlier.meet(seen)  # 2 files of earlier runs, and finished files that have changed
            self._earlier.find_moved(seen)  # 3 files of earlier runs that match no path
            self._transitions.apply(self._copies.search())  # 4 the rest of truncated and missing files
            self._new_files.decide_candidates()  # 5 new files that may be copies
            self._new_files.open(seen)  # 6 unknown files
            self._rotated.check(seen)  # 7 files that have lost their names
            self._record(seen)  # 8 sizes and finished files
            self._earlier_waiting_bytes = self._earlier.waiting_bytes(seen.keys())

    def _begin_scan(self, seen: Mapping[Key, ScannedFile]) -> None:
        if self.unreadable:
            names = {*(file.name for file in self._files), *self._earlier.names()}
            self.unreadable.keep_only({*(found.path for found in seen.values()), *names})
        self._comparer.begin_scan()
        self._opener.begin_scan()

    def _update_tracked(self, seen: Mapping[Key, ScannedFile]) -> None:
        for key in self._files.find_changed(seen):
            self.context.beat()
            if (file := self._files.find(key)) and not self._growth.update(file, seen[key]):
                self._rotated.find_again(file)
        for key in self._candidates.keys() & seen.keys():
            self._candidates.rename(key, FileLocation(seen[key].root, seen[key].path))

    def _record(self, seen: Mapping[Key, ScannedFile]) -> None:
        """Record sizes that no checkpoint has, because the sink is down, and which finished files still exist."""
        self._opener.end_scan()
        for file in self._budget.over_budget(self._files):
            self._transitions.give_up(file.remembered(), file, "deleted")
        ledger, now = self.context.ledger, self.context.clock.monotonic()
        if not self._is_recorded:
            ledger.add_pipeline(self.pipeline)
            self._is_recorded, self._new_files.from_end = True, False
        if now - self._recorded_at >= _RECORD_EVERY_S:
            self._recorded_at = now
            grown = [(file, file.seen) for file in self._files if file.seen > file.recorded]
            if grown:
                ledger.record_sizes([(file.generation.id, size) for file, size in grown])
                for file, size in grown:
                    file.recorded = size
        if seen and now - self._reminded_at >= _REMIND_EVERY_S:
            self._reminded_at = now
            ledger.touch_finished(self._finished.numbers(seen), self.context.clock.now())
            ledger.forget(self.pipeline, self.context.clock.now())
            self._finished.keep_only(known.generation.id for known in ledger.recently_finished(self.pipeline))
