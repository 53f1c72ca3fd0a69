"""The parts that shippers share: the context of one sink, and real files that a tracker hands to it."""

from __future__ import annotations

from pathlib import Path

from sidecar.deliver.context import SinkContext
from sidecar.model.checkpoint import Checkpoint, KnownFile
from sidecar.model.lines import Chunk
from sidecar.model.span import PendingSpan
from sidecar.state.database import open_database
from sidecar.state.ledger import Ledger
from sidecar.tail.cursor import Cursor
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.tracked_file import TrackedFile
from sidecar.tail.tracker import FileTracker
from sidecar.telemetry.counters import Counters
from sidecar.telemetry.events import Event
from sidecar.testing import ManualClock
from sidecar.watch.scanner import FileScanner


class ContextFixture:
    """The context of one pipeline and one sink, with a clock that tests move, and the events and counters."""

    def __init__(self) -> None:
        self.clock = ManualClock(1_000.0)
        self.counters = Counters()
        self.events: list[Event] = []
        self.context = SinkContext("app", "db", self.clock, self.events.append, self.counters)

    def event_names(self) -> list[str]:
        """Return the class name of each event, in order."""
        return [type(event).__name__ for event in self.events]


class FilesFixture(ContextFixture):
    """A folder of log files, each with a cursor at its beginning, and their real tracker and ledger."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.store = open_database(folder / "state")
        self.ledger = Ledger(self.store)
        self.scanner = FileScanner([str(folder / "*.log")])
        self.tracker = FileTracker(
            "app", self.ledger, self.clock, self.events.append, OpenFileLimiter(16), self.scanner
        )
        self.cursors: dict[str, Cursor] = {}
        self.tracker.subscribe("db", self)

    def on_growth(self, tracked: TrackedFile) -> None:
        """Not needed: each test says when the queue is notified."""

    def follow(self, tracked: TrackedFile, checkpoint: Checkpoint) -> None:
        self.cursors[Path(tracked.name).name] = Cursor(tracked, checkpoint)

    def on_lost(self, known: KnownFile, reason: str) -> None:
        """Not needed: every file is there."""

    def write(self, name: str, data: bytes) -> Cursor:
        """Append to a file and let the tracker see it; returns the cursor of the file."""
        with (self.folder / name).open("ab") as file:
            file.write(data)
        self.tracker.process_scan(self.scanner.scan())
        return self.cursors[name]


def read(cursor: Cursor, size: int) -> PendingSpan:
    """Read `size` bytes from the cursor on, as the shipper does; the span is not settled."""
    file, offset = cursor.file, cursor.offset
    chunk = Chunk(file.generation, offset, file.pread(size, offset), offset + size)
    assert file.claim(chunk)
    return cursor.advance(chunk)


def settle(span: PendingSpan) -> None:
    """Count all of the span as one stored line."""
    span.settled = True
    span.amounts.add("stored", span.end - span.start, 1)
