"""Tracks the files of a pipeline for all its shippers: decides which are new, rotated, truncated or deleted.

docs/design/rotation.md explains the steps of a scan, and the reasons for their order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import partial

from sidecar.lib.charset import UTF_8, Charset
from sidecar.lib.clock import Clock
from sidecar.model.checkpoint import ORIGIN
from sidecar.tail.content import ContentComparer
from sidecar.tail.context import DELETED_GRACE_S, GenerationStore, ScannedFile, TailContext
from sidecar.tail.copy_candidates import CopyCandidates
from sidecar.tail.copy_decisions import CopyDecisions
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
from sidecar.tail.start_positions import StartPositions
from sidecar.tail.subscribers import FileSubscriber, Subscribers
from sidecar.tail.tracked_file import FileLocation, FilePhase, TrackedFile
from sidecar.tail.transitions import FileTransitions
from sidecar.tail.unreadable_files import UnreadableFiles
from sidecar.tail.write_watches import WriteNotifier
from sidecar.telemetry import events

_LOCK_WAIT_S = 1.0
_RECORD_EVERY_S = 1.0
_REMIND_EVERY_S = 3600.0
_SHRUNK_RETRY_S = 0.25


class _ScanLock:
    """A reentrant lock. A thread that waits for it calls `beat` each second, to show that it is not stuck."""

    def __init__(self, beat: Callable[[], None]) -> None:
        self._lock, self._beat = threading.RLock(), beat

    def __enter__(self) -> None:
        while not self._lock.acquire(timeout=_LOCK_WAIT_S):
            self._beat()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class FileTracker:
    """Tracks the files of one pipeline.

    The watcher calls the methods, except `handle_truncation` and `finish_generation`, which the shippers call.

    `from_end`: a new pipeline reads the files that exist from their ends; `charset` is their encoding.
    `deleted_files`: maximum unread bytes of deleted files. `deleted_grace`: seconds for which a file without a name
    stays open after its delivery. `scope`: decides which files belong to the pipeline. `beat`: called for each
    compared file, and each second by a thread that waits for a scan, to show that the thread is alive.
    """

    # More than fifteen attributes and twenty methods, because it owns the modules that do the steps of a scan, and it
    # is the only interface to them, under one lock.

    _transitions: FileTransitions
    _growth: GrowthMonitor

    def __init__(
        self, pipeline: str, ledger: GenerationStore, clock: Clock, emit: events.Emit, descriptors: OpenFileLimiter,
        scope: SearchScope, *,
        from_end: bool = False, charset: Charset = UTF_8,
        ignore_older: float | None = None, deleted_files: int = 256 << 20,
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
        starts = StartPositions(self._subscribers, charset, from_end=from_end and not self._is_recorded)
        self._comparer = ContentComparer()
        self._opener = FileOpener(self._comparer.allowance)
        self._generations = GenerationLog(context, lambda file: self._transitions.track(file))
        self._generations.renumber(boundaries)
        self._finished = FinishedFiles(ledger.recently_finished(pipeline))
        for done in self._finished:
            self._generations.drop_link(done.known.generation)
        recognizer = Recognizer(self._finished, self._comparer)
        self._candidates = CopyCandidates(context, self._comparer)
        self._copies = CopySearch(
            context, self._opener, self._comparer, self._finished, self._candidates, self._files.find_undelivered
        )
        self._transitions = FileTransitions(
            context, self._files, self._subscribers, self._generations, self._copies, self._finished, recognizer,
            lambda file: self._growth.poll(file),
        )  # fmt: skip
        self._growth = GrowthMonitor(
            context, self._files, self._subscribers, self._transitions.restart, self._transitions.reopen
        )
        self._rotated = RotatedFiles(
            context, self._files, self._subscribers, self._growth, self._opener, self._finished,
            self._transitions.search_content, deleted_grace,
        )  # fmt: skip
        self._earlier = EarlierRuns(
            context, self._files, self._subscribers, self._opener, self._generations, self._copies, recognizer,
            self._finished, self._transitions.cut,
        )  # fmt: skip
        self._decisions = CopyDecisions(
            context, self._files, self._subscribers, self._opener, self._generations, self._copies, recognizer,
            self._finished, self._candidates, self._growth, self._earlier, starts,
        )  # fmt: skip
        self._new_files = NewFiles(
            context, self._files, self._subscribers, self._opener, self._generations, self._copies, recognizer,
            self._finished, self._candidates, self._decisions, self._comparer, self._growth, self._earlier, starts,
            self._transitions.continue_in,
        )  # fmt: skip
        self._new_files.ignore_older = ignore_older
        self._budget = DeletedFilesBudget(deleted_files, descriptors.limit)
        self._earlier_waiting_bytes = self._unreadable_bytes = 0
        self._recorded_at = self._reminded_at = float("-inf")
        self._unrecorded: dict[TrackedFile, int] = {}
        """Sizes that the state did not know at the last scan."""

        self._lock = _ScanLock(beat)

    # ── the pipeline ────────────────────────────────────────────────────────────────────────────────────────

    def subscribe(self, sink: str, subscriber: FileSubscriber) -> None:
        """Notify this shipper from now on. Called for all shippers before the first scan."""
        self._subscribers.add(sink, subscriber)

    def reconfigure(
        self, subscribers: Mapping[str, FileSubscriber], scope: SearchScope, *,
        ignore_older: float | None, deleted_files: int, links: HardLinks | None,
        deleted_grace: float = DELETED_GRACE_S, boundaries: str = "",
    ) -> None:  # fmt: skip
        """Apply a changed configuration: keep the tracked files, and replace the shippers by `subscribers`.

        The old shippers must have ended. `boundaries`: the rules that divide lines into events. If they
        have changed, the old shippers must have no unsettled content. The new shippers begin at the durable
        checkpoints, as after a restart. Deleted files stay open.
        """
        with self._lock:
            ledger = self.context.ledger
            if not subscribers.keys() <= self._subscribers.sinks:
                self._finished.load(ledger.recently_finished(self.pipeline))
                self._rotated.forget_matched()  # the next scan finds them for the new sink
            if ledger.boundary_rules(self.pipeline) != boundaries:
                ledger.renumber(self.pipeline, {}, boundaries)
            self._subscribers.replace(subscribers)
            self.context.scope, self._new_files.ignore_older = scope, ignore_older
            self._budget.limit, self._rotated.deleted_grace = deleted_files, deleted_grace
            self.unreadable.keep_readers(subscribers.keys())
            points = {known.generation.id: known.checkpoints for known in ledger.unfinished(self.pipeline)}
            files = [*self._files, *self._copies.files()]
            self._change_links(links, files)
            for file in files:
                if file.phase is not FilePhase.DELIVERED:
                    settled = points.get(file.generation.id, {})
                    file.settled = {sink: settled.get(sink, ORIGIN) for sink in subscribers}
                    self._subscribers.follow(file)

    def _change_links(self, links: HardLinks | None, files: Iterable[TrackedFile]) -> None:
        before, self.context.links = self.context.links, links
        if (before and before.directory) == (links and links.directory):
            return
        for file in files:
            with suppress(OSError):
                file.call_with_source(partial(self._generations.keep_link, file.generation, file.place))
            if before:
                before.delete(file.generation)

    def close(self) -> None:
        """Close all files, because the pipeline was removed. Unfinished generations stay in the state."""
        with self._lock:
            self._growth.writes.close()
            for part in (self._opener, self._candidates, self._generations):
                part.close()
            self._files.clear()

    def unfinished_files(self) -> list[TrackedFile]:
        """Return the files that at least one sink has not finished. Do not wait for a scan, which may hang."""
        return self._files.find_undelivered()

    @property
    def left_out(self) -> Mapping[str, str]:
        """Path of each file of an earlier run that cannot be delivered now → the reason."""
        return self._earlier.left_out

    @property
    def waiting_bytes(self) -> int:
        """Bytes that scans have found but no shipper counts yet, for example those of copy candidates."""
        searched = self._copies.waiting_bytes(self._subscribers.sinks)
        undecided = self._candidates.total_size() + self._new_files.waiting_bytes
        return undecided + self._earlier_waiting_bytes + searched + self._unreadable_bytes

    @property
    def old_bytes(self) -> int:
        """Bytes of the files that the last scan has found and that are ignored because of their age."""
        return self._new_files.old_bytes

    @property
    def grown_at(self) -> float | None:
        """When a file last grew, by the monotonic clock; None if no file has grown."""
        return self._growth.grown_at

    @property
    def is_undecided(self) -> bool:
        """Whether it is undecided if a new file is a copy, or where the content of a truncated or missing file is."""
        return bool(self._candidates or self._copies) or self.is_comparing

    @property
    def is_comparing(self) -> bool:
        """Whether the last scan has left the comparison of a long file to the next one."""
        return self._opener.has_postponed

    # ── between two scans ───────────────────────────────────────────────────────────────────────────────────

    def poll(self, file: TrackedFile) -> bool:
        """Compare one file with its last state. Return whether it has grown or has other content."""
        with self._lock:
            return self._growth.poll(file)

    def await_writes(self, notifier: WriteNotifier, on_write: Callable[[], None]) -> None:
        """Let this notifier report the next write of files that are written rarely. `on_write` requests a poll."""
        with self._lock:
            self._growth.writes.use(notifier, on_write)

    @property
    def is_awaiting_writes(self) -> bool:
        """Whether files are polled rarely because their next write will be reported."""
        return self._growth.writes.are_any

    def poll_hot(self) -> bool:
        """Compare open files that grew in the last two seconds, and files whose awaited write was reported.

        Return whether there are any that must be polled again soon. Raise `StateError`.
        """
        with self._lock:
            return self._growth.poll_hot()

    def poll_warm(self) -> bool:
        """Compare open files that grew in the last minute.

        Return whether there are any that must be polled again soon. Raise `StateError`.
        """
        with self._lock:
            return self._growth.poll_warm()

    def handle_truncation(self, file: TrackedFile, move_count: int) -> float | None:
        """Handle a file in which a shipper has found changed bytes.

        `move_count`: value of `file.move_count` before the shipper read these bytes. If the file may regain its size,
        return the time of the next read, by the monotonic clock; else None.
        """
        with self._lock:
            if file.move_count == move_count and file in self._files:
                self._growth.poll(file)
            if file.move_count == move_count and file in self._files:
                if file.shrunk is not None:
                    return self.context.clock.monotonic() + _SHRUNK_RETRY_S
                with self.unreadable.guard(file.name):
                    self._transitions.restart(file)
            return None

    def finish_generation(self, number: int, sink: str, file: TrackedFile | None) -> None:
        """Record that a sink has finished a generation. Finish the generation when all sinks have."""
        with self._lock:
            has_finished = self._subscribers.finish(number, sink)
            if file is not None and self._has_grown(file, sink):
                self._subscribers.follow_again(file)
                return
            if not has_finished:
                return
            is_present = file is not None and self._rotated.is_present(file)
            self.context.ledger.mark_finished(number, self.context.clock.now(), is_present)
            self._subscribers.forget(number)
            self._copies.remove(number)
            if file is not None:
                self._generations.drop_link(file.generation)
                self._rotated.finish(file, is_present=is_present)

    def _has_grown(self, file: TrackedFile, sink: str) -> bool:
        """Return whether a file has grown since this sink has settled it."""
        if file.ended:
            return False
        # An earlier scan may have found the new bytes, after the shipper had finished the file.
        settled = file.settled.get(sink)  # None: a shipper of the previous configuration
        return self._growth.poll(file) or (settled is not None and file.count_unsettled(settled.offset) > 0)

    def finish_all(self) -> None:
        """Treat every file as complete, including unterminated last lines, because the sidecar ends."""
        with self._lock:
            self.context.is_ending = True
            for file in self._files:
                while self._growth.poll(file) and file.is_compressed:
                    pass
            self._transitions.apply(self._copies.abandon_all())
            self._decisions.decide_candidates()
            for file in self._files:
                file.is_last_line_complete = True
                self._subscribers.notify(file)
            self._record_sizes(self._find_unrecorded())

    # ── the scan ────────────────────────────────────────────────────────────────────────────────────────────

    def process_scan(self, found: Collection[ScannedFile]) -> None:
        """Process the files of one scan. Raise `StateError`; the next scan then does the rest."""
        with self._lock:
            seen = self._files.index(found, self._earlier.names())
            self._begin_scan(seen)
            untracked = self._update_tracked(seen)  # 1 grown, truncated, renamed
            self._earlier.resume(seen, untracked)  # 2 files of earlier runs, and finished files that have changed
            self._earlier.find_moved(seen)  # 3 files of earlier runs that match no path
            unknown = [seen[key] for key in untracked if self._files.find(key) is None]
            self._transitions.apply(self._copies.search(unknown))  # 4 the rest of truncated and missing files
            self._decisions.decide_candidates()  # 5 new files that may be copies
            self._new_files.open(seen, untracked)  # 6 unknown files
            rotated = self._rotated.check(seen)  # 7 files that have lost their names
            self._record(seen, rotated)  # 8 sizes and finished files
            self._earlier_waiting_bytes = self._earlier.waiting_bytes(seen.keys())

    def _begin_scan(self, seen: Mapping[Key, ScannedFile]) -> None:
        if self.unreadable:
            names = {*(file.name for file in self._files), *self._earlier.names()}
            self.unreadable.keep_only({*(found.path for found in seen.values()), *names})
        self._comparer.begin_scan()
        self._opener.begin_scan()

    def _update_tracked(self, seen: Mapping[Key, ScannedFile]) -> list[Key]:
        """Compare the tracked files with the scan. Return the keys of files that are not tracked after this."""
        changed, untracked = self._files.compare(seen)
        if untracked and len(self._files.keys()) > len(seen) - len(untracked):
            for moved in self._files.renumber(seen):
                self.context.ledger.record_move(moved.generation.id, moved.file_id, moved.name, moved.seen, False)
            changed, untracked = self._files.compare(seen)
        for key in changed:
            self.context.beat()
            if (file := self._files.find(key)) and not self._growth.update(file, seen[key]):
                self._rotated.find_again(file)
        self._unreadable_bytes = self._count_unreadable([seen[key] for key in changed]) if self.unreadable else 0
        for key in self._candidates.keys() & seen.keys():
            self._candidates.rename(key, FileLocation(seen[key].root, seen[key].path))
        return [*untracked, *(key for key in changed if self._files.find(key) is None)]

    def _count_unreadable(self, changed: Iterable[ScannedFile]) -> int:
        """Return by how many bytes those tracked files have grown that cannot be read now."""
        found = [(each, self._files.find((each.device, each.inode))) for each in changed]
        return sum(
            max(0, each.size - file.seen)
            for each, file in found
            if file is not None and not file.is_compressed and file.name in self.unreadable
        )

    def _record(self, seen: Mapping[Key, ScannedFile], rotated: Iterable[TrackedFile]) -> None:
        """Record the sizes of files that have grown without a checkpoint, and which finished files still exist."""
        self._opener.end_scan()
        for file in self._budget.select_over_budget(rotated):
            self._transitions.give_up(file.to_known_file(), file, "deleted")
        ledger, now = self.context.ledger, self.context.clock.monotonic()
        if not self._is_recorded:
            ledger.add_pipeline(self.pipeline)
            self._is_recorded = True
        if now - self._recorded_at >= _RECORD_EVERY_S:
            grown = self._find_unrecorded()
            # A size that is new is left to the next checkpoint, unless the next scan is much later than that.
            is_soon = now - self._recorded_at < 2 * _RECORD_EVERY_S
            before = self._unrecorded if is_soon else grown
            self._record_sizes({file: size for file, size in grown.items() if file.recorded < before.get(file, 0)})
            self._recorded_at, self._unrecorded = now, grown
        if seen and now - self._reminded_at >= _REMIND_EVERY_S:
            self._reminded_at = now
            ledger.touch_finished(self._finished.numbers(seen), self.context.clock.now())
            ledger.forget(self.pipeline, self.context.clock.now())
            self._finished.keep_only(known.generation.id for known in ledger.recently_finished(self.pipeline))

    def _find_unrecorded(self) -> dict[TrackedFile, int]:
        return {file: file.seen for file in self._files if file.seen > file.recorded}

    def _record_sizes(self, sizes: Mapping[TrackedFile, int]) -> None:
        if sizes:
            self.context.ledger.record_sizes([(file.generation.id, size) for file, size in sizes.items()])
            for file, size in sizes.items():
                file.recorded = size
