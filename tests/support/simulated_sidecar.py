"""A sidecar in one thread, with real files, real state and real shippers; only time and sinks are simulated.

It can crash at each moment that matters (`crash_after`): before and after each transaction of the state, and before,
in the middle of and after each write of a sink. The next start finds what a new process would find.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sidecar.config.pipeline import PipelineSettings
from sidecar.deliver.batcher import BatchLimits
from sidecar.errors import Misconfigured, Retryable, StateError
from sidecar.lib.roots import Roots
from sidecar.model.batch import Batch, Refusal, Rejection, WriteResult
from sidecar.model.documents import BulkFraming
from sidecar.pipeline.builder import SharedParts, boundary_rules, build_stage_selector
from sidecar.pipeline.shipper import Shipper
from sidecar.pipeline.tap import Taps
from sidecar.state.database import Database, open_database
from sidecar.state.dead_letters import DeadLetterLimit
from sidecar.state.ledger import Ledger
from sidecar.tail.context import ROTATED_QUIET_S
from sidecar.tail.hard_links import HardLinks
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.tracker import FileTracker
from sidecar.telemetry.events import Event
from sidecar.telemetry.heartbeats import Heartbeats
from sidecar.testing import ManualClock
from sidecar.watch.scanner import FileScanner

FIRST_NOW = 1_795_395_600.0


class Killed(BaseException):
    """The process ends here, as `kill -9` would end it."""


@dataclass
class CrashAfter:
    """Counts the moments at which the process may crash. It crashes after `left` of them; None means never."""

    left: int | None = None
    passed: int = 0
    is_disk_full: bool = False
    """Whether the state cannot be written."""

    def moment(self) -> None:
        """Pass one moment. Raise `Killed` if it is the last one."""
        self.passed += 1
        if self.left is None:
            return
        self.left -= 1
        if self.left <= 0:
            self.left = None
            raise Killed


class CrashingDatabase(Database):
    """The open database. The process may crash just before and after each transaction, and the disk may be full.

    All writes of the state are transactions, so a new method of the ledger needs no entry here.
    """

    def __init__(self, database: Database, crash_after: CrashAfter) -> None:
        self._database, self._crash_after = database, crash_after

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        self._crash_after.moment()
        if self._crash_after.is_disk_full:
            raise StateError("the disk is full")
        with self._database.transaction() as db:
            yield db
        self._crash_after.moment()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._database.reading() as db:
            yield db

    def close(self) -> None:
        self._database.close()


@dataclass
class Destination:
    """A database that outlives the sidecar: stores by id, and fails as it is told to, attempt by attempt."""

    crash_after: CrashAfter
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    is_down: bool = False
    diverts: bool = False
    """Whether it sends all documents to a fallback."""

    retry_after: float | None = None
    """What it says when it is down."""

    refuses: str = ""
    """Why every document is refused, if they are."""

    altered: list[str] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)
    """Targets that take no documents. The target of a line is its first letter."""

    has_many_targets: bool = False
    repeated: list[str] = field(default_factory=list)
    """Ids of documents that came again although an answer had said that they are stored."""

    requests: list[list[str]] = field(default_factory=list)
    """The targets of the documents of each request."""

    late_s: float = 0.0
    """Seconds until it answers."""

    clock: ManualClock | None = None
    compressed: list[bool] = field(default_factory=list)
    """Whether there were compressed documents in each batch."""

    _acknowledged: set[str] = field(default_factory=set)
    _was_compressed: bool = False

    @property
    def envelope(self) -> BulkFraming:
        return BulkFraming("", "\n")

    @property
    def compress(self) -> bool | Literal["auto"]:
        """As its distance says; without one, every other chunk, so that batches have parts of both kinds."""
        self._was_compressed = not self._was_compressed
        return "auto" if self.late_s else self._was_compressed

    def targets(self, batch: Batch) -> list[str]:
        return [json.loads(text)["message"][0] for text in batch.documents]

    def keep_targets(self, admit: object) -> None:
        """All names are admitted."""

    def open(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def probe(self) -> None:
        """Nothing to try."""

    def write(self, batch: Batch) -> WriteResult:
        result = self._write(batch)
        self._acknowledged.update(batch.ids[index] for index in result.stored)
        return result

    def _write_to_targets(self, batch: Batch, targets: Sequence[str]) -> WriteResult:
        stored = [index for index, target in enumerate(targets) if target not in self.closed]
        self._take(batch, stored)
        self.crash_after.moment()
        error = Misconfigured("the target is closed")
        refused = [
            Refusal(Rejection(index, "closed", "", 400, target), error, "target")
            for index, target in enumerate(targets)
            if target in self.closed
        ]
        return WriteResult(stored, refused=refused, stored_targets={targets[index] for index in stored})

    def _write(self, batch: Batch) -> WriteResult:
        self.crash_after.moment()
        self.compressed.append(batch.is_compressed)
        if self.clock is not None:
            self.clock.advance(self.late_s)
        self.repeated += [name for name in batch.ids if name in self._acknowledged]
        self.requests.append(self.targets(batch) if self.has_many_targets else [])
        fault = "down" if self.is_down else self.faults.pop(0) if self.faults else ""
        if fault == "down":
            raise Retryable("the destination is down", retry_after=self.retry_after)
        if self.refuses:
            return WriteResult((), [Rejection(i, self.refuses, "all of them") for i in range(len(batch))])
        if self.has_many_targets:
            return self._write_to_targets(batch, self.requests[-1])
        half = len(batch) // 2
        if fault == "half, then silence":
            self._take(batch, range(half))
            raise Retryable("the connection broke in the middle")
        if fault == "half stored, half refused for now" and half:
            self._take(batch, range(half))
            return WriteResult(range(half), error=Misconfigured("something is not right"))
        if fault == "one is poison" and batch.ids[0] not in self.documents:
            self._take(batch, range(1, len(batch)))
            return WriteResult(range(1, len(batch)), [Rejection(0, "poison", "never")])
        self._take(batch, range(half))
        self.crash_after.moment()
        self._take(batch, range(half, len(batch)))
        self.crash_after.moment()
        if fault == "everything, then silence":
            raise Retryable("the connection broke after everything was stored")
        return WriteResult(range(len(batch)), diverted=len(batch) if self.diverts else 0)

    def _take(self, batch: Batch, indexes: Sequence[int]) -> None:
        """As `create` does it: an id that is there stays as it is, and a second document of that id is not stored."""
        for index in indexes:
            document = json.loads(batch.documents[index])
            there = self.documents.setdefault(batch.ids[index], document)
            if there.get("message") != document.get("message"):
                self.altered.append(batch.ids[index])


def streams(documents: Sequence[tuple[str, str]]) -> list[str]:
    """Documents (id, message) put together again: one text for each generation."""
    lives: dict[str, list[tuple[int, str]]] = {}
    for name, message in documents:
        life, _, offset = name.partition("-")
        lives.setdefault(life, []).append((int(offset), message))
    return [_joined(sorted(pieces)) for pieces in lives.values()]


def _joined(pieces: list[tuple[int, str]]) -> str:
    """A line that was shipped in two pieces is one line again."""
    text, end = "", 0
    for offset, piece in pieces:
        text += ("" if offset == end or not text else "\n") + piece
        end = offset + len(piece.encode())
    return text


class SimulatedSidecar:
    """A folder of logs, a sidecar that tails it, and its sinks."""

    def __init__(
        self, folder: Path, *, state: Path | None = None, paths: str = "app.log*", exclude: Sequence[str] = ("*.gz",),
        sinks: Sequence[str] = ("sink",),
        bound: DeadLetterLimit | None = None, keep_links: bool | str = False, open_files: int = 64,
        multiline: dict[str, Any] | None = None, pipeline: dict[str, Any] | None = None, **options: Any,
    ) -> None:  # fmt: skip
        self.logs = folder / "logs"
        self.logs.mkdir(exist_ok=True)
        self.state = state or folder / "state"
        self.clock, self.crash_after = ManualClock(1_000.0, wall_offset=FIRST_NOW), CrashAfter()
        self.heartbeats, self.taps = Heartbeats(self.clock), Taps(self.clock)
        self.destinations = {name: Destination(self.crash_after) for name in sinks}
        self.events: list[Event] = []
        self._changes = 0
        self.paths, self._exclude, self._open_files = [paths], exclude, open_files
        self._options, self._bound = options, bound
        self.multiline = multiline
        self.limits = BatchLimits(10_000, 64 * 1024, 0.1, 1)
        self.pipeline = pipeline or {}
        kept = keep_links if isinstance(keep_links, str) else "."
        self._links = HardLinks(self.logs / kept / ".kept") if keep_links else None
        self.start()

    # ── the process ─────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """A new process. It may crash while it starts."""
        self.alive = True
        self.store = open_database(self.state)
        self.ledger = Ledger(CrashingDatabase(self.store, self.crash_after), self._bound)
        self.descriptors = OpenFileLimiter(self._open_files)
        self.scanner = self._new_scanner()
        self.tracker = FileTracker(
            "app", self.ledger, self.clock, self.events.append, self.descriptors, self.scanner, links=self._links,
            boundaries=self._boundaries, **self._options,
        )  # fmt: skip
        self.shippers = {name: self._shipper(name) for name in self.destinations}
        for name, shipper in self.shippers.items():
            self.tracker.subscribe(name, shipper)

    def _new_scanner(self) -> FileScanner:
        return FileScanner(self._full_paths, self._exclude, known=lambda: self.ledger.paths("app"))

    @property
    def _full_paths(self) -> list[str]:
        return [str(self.logs / path) for path in self.paths]

    @property
    def _settings(self) -> PipelineSettings:
        return PipelineSettings.model_validate(
            {"paths": self._full_paths, "multiline": self.multiline, **self.pipeline}
        )

    @property
    def _boundaries(self) -> str:
        return boundary_rules(self._settings)

    def _shipper(self, name: str) -> Shipper:
        shared = SharedParts(
            self.ledger,
            self.clock,
            self.events.append,
            {"NODE_NAME": "host"},
            self.descriptors,
            Roots(),
            self.heartbeats,
            self.taps,
        )
        return Shipper(
            "app", name, self.destinations[name], build_stage_selector("app", self._settings, shared),
            self.limits, self.tracker, self.ledger, self.clock, self.events.append,
            spawn=lambda task: task(), heartbeats=self.heartbeats, taps=self.taps,
        )  # fmt: skip

    def kill(self) -> None:
        """`kill -9`: nothing is said, nothing is written."""
        if not self.alive:
            return
        self.alive = False
        self.store.close()
        for fd in os.listdir("/proc/self/fd"):
            with suppress(OSError):
                ours = fcntl.fcntl(int(fd), fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
                if ours and os.readlink(f"/proc/self/fd/{fd}").startswith(str(self.logs)):
                    os.close(int(fd))

    def restart(self) -> None:
        """A new process after this one was killed."""
        self.kill()
        self.start()

    def reload(self) -> bool:
        """Another configuration while it runs: new shippers in the place of the old ones, the same tracker."""

        def reloading() -> None:
            for shipper in self.shippers.values():
                shipper.hand_over()
                for _ in range(100):
                    shipper.run_once(0)
                    if shipper.is_handed_over:
                        break
                shipper.finish()
            self.shippers = {name: self._shipper(name) for name in self.destinations}
            self.tracker.reconfigure(
                self.shippers, self.scanner, ignore_older=None,
                deleted_files=self._options.get("deleted_files", 256 << 20), links=self._links,
                boundaries=self._boundaries,
            )  # fmt: skip

        return self.alive and self._survives(reloading)

    def set_paths(self, paths: Sequence[str]) -> None:
        """Another configuration, with these paths. If the sidecar does not run, the next start has them."""
        self.paths = list(paths)
        if self.alive:
            self.scanner = self._new_scanner()
            self.reload()

    def add_sink(self, name: str) -> None:
        """The configuration has one more sink from the next start on."""
        self.destinations[name] = Destination(self.crash_after)

    def _survives(self, action: Callable[[], None]) -> bool:
        """Return whether the process is alive after the action. It survives that the state cannot be written."""
        try:
            with suppress(StateError):
                action()
        except Killed:
            self.kill()
            return False
        return True

    # ── what it does ────────────────────────────────────────────────────────────────────────────────────────

    def scan(self) -> bool:
        return self.alive and self._survives(lambda: self.tracker.process_scan(self.scanner.scan()))

    def poll(self) -> bool:
        def polling() -> None:
            for life in self.tracker.unfinished_files():
                self.tracker.poll(life)

        return self.alive and self._survives(polling)

    def turn(self, turns: int = 1) -> bool:
        """So many turns of each shipper's loop."""

        def turning() -> None:
            for _ in range(turns):
                for shipper in self.shippers.values():
                    shipper.run_once(0)

        return self.alive and self._survives(turning)

    def live(self, seconds: float, step: float = 0.5) -> bool:
        """Let time pass while the sidecar does what it does."""
        until = self.clock.at + seconds
        while self.alive and self.clock.at < until:
            self.clock.at += step
            if not (self.scan() and self.turn(6)):
                return False
        return self.alive

    def drain(self) -> bool:
        """SIGTERM: read to the end, deliver, end. Destinations that are down are waited for."""
        if not (self.scan() and self.alive):
            return False
        for _ in range(40):
            if not self.tracker.is_undecided:
                break
            self.clock.at += 0.5
            if not self.scan():
                return False
        if not self._survives(self.tracker.finish_all):
            return False
        for shipper in self.shippers.values():
            shipper.drain()
        for _ in range(2_000):
            self.clock.at += 0.1
            if not self.turn():
                return False
            if all(shipper.is_drained for shipper in self.shippers.values()):
                break
        self.kill()
        return True

    def settle(self) -> None:
        """Everything well again, and long enough for every decision; then an orderly end."""
        self.crash_after.left = None
        for destination in self.destinations.values():
            destination.is_down = False
            destination.faults.clear()
        if not self.alive:
            self.start()
        self.live(4 * ROTATED_QUIET_S)
        self.live(120, step=5)
        assert self.drain()

    # ── what became of it ───────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def looked_at(self) -> Iterator[sqlite3.Connection]:
        """The state, as somebody who looks at it while a sidecar runs or not."""
        store = open_database(self.state, exclusive=False)
        try:
            with store.reading() as db:
                yield db
        finally:
            store.close()

    def balance(self) -> dict[str, dict[str, int]]:
        """Sink → kind → bytes, as the state has it."""
        found: dict[str, dict[str, int]] = {name: {} for name in self.destinations}
        with self.looked_at() as db:
            for sink, what, size in db.execute("SELECT sink, what, sum(bytes) FROM balance GROUP BY sink, what"):
                if size:
                    found[sink][what] = size
        return found

    def stored(self, sink: str) -> list[tuple[str, str]]:
        """(id, message) of all that is stored."""
        return [(name, document["message"]) for name, document in self.destinations[sink].documents.items()]

    def dead(self, sink: str) -> list[tuple[str, str]]:
        """(id, message) of the dead letters of one sink."""
        with self.looked_at() as db:
            rows = db.execute("SELECT document_id, document FROM dead_letters WHERE sink = ?", (sink,)).fetchall()
        return [(name, json.loads(document)["message"]) for name, document in rows]

    def check_balance(self) -> None:
        """For each generation and sink: what became of its bytes adds up to what was settled and seen."""
        with self.looked_at() as db:
            rows = db.execute(
                "SELECT g.number, c.sink, g.seen, c.offset, (SELECT coalesce(sum(bytes), 0) FROM balance b"
                " WHERE b.generation = g.number AND b.sink = c.sink) FROM generations g"
                " JOIN checkpoints c ON c.generation = g.number"
            ).fetchall()
        for number, sink, seen, offset, accounted in rows:
            assert accounted == offset == seen, f"{number} for {sink}: {accounted} of {offset}, seen {seen}"

    def lost(self) -> int:
        """Bytes that the balance says were lost, for all sinks together."""
        return sum(
            size for kinds in self.balance().values() for what, size in kinds.items() if what.startswith("lost")
        )

    def path(self, name: str = "app.log") -> Path:
        return self.logs / name

    def write(self, data: bytes, name: str = "app.log") -> None:
        """Append, and give the file the time of the world: real time hardly passes between two writes."""
        with self.path(name).open("ab") as file:
            is_new = not file.tell()
            file.write(data)
        if data or is_new:  # to write no bytes does not change the time of a file (write(2))
            self.touched(name)

    def touched(self, name: str = "app.log") -> None:
        self._changes += 1
        os.utime(self.path(name), (FIRST_NOW + self._changes, FIRST_NOW + self._changes))

    def copytruncate(self, copy: str, name: str = "app.log") -> None:
        self.path(copy).write_bytes(self.path(name).read_bytes())
        os.truncate(self.path(name), 0)
        self.touched(name)

    def messages(self, sink: str = "sink") -> list[str]:
        """All that is stored, one line after the other, sorted."""
        return sorted(line for stream in streams(self.stored(sink)) for line in stream.split("\n"))
