"""What the sidecar says about itself: typed happenings, one class for one log line.

Warning: nothing is lost and we recover. Error: something is lost, or a person is needed. No event holds the
text of the application's log or a secret.
"""

from __future__ import annotations

import json
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import PurePath
from typing import ClassVar, TextIO

import msgspec

from sidecar.clock import Clock, iso
from sidecar.moderation import Moderation
from sidecar.printable import printable

LEVELS = ("debug", "info", "warning", "error")
_COLOURS = {"debug": "2", "info": "36", "warning": "33", "error": "31"}


class Event(msgspec.Struct, frozen=True):
    """One happening. Fields become fields of the log line; the docstring of each class is its meaning."""

    level: ClassVar[str] = "info"

    def text(self) -> str:
        """One sentence for a person."""
        raise NotImplementedError


Emit = Callable[[Event], None]


class Started(Event, frozen=True):
    """The sidecar follows its files from now on."""

    version: str
    state_dir: str
    pipelines: str

    def text(self) -> str:
        return f"log-sidecar {self.version} follows {self.pipelines}; state in {self.state_dir}"


class NothingMatches(Event, frozen=True):
    """No file matches the paths of a pipeline yet."""

    pipeline: str
    paths: str

    def text(self) -> str:
        return f"{self.pipeline}: no file matches {self.paths} yet; waiting for one"


class FileFollowed(Event, frozen=True):
    """A file is read from now on."""

    level: ClassVar[str] = "debug"
    pipeline: str
    path: str
    offset: int

    def text(self) -> str:
        return f"{self.pipeline}: follows {self.path!a} from byte {self.offset}"


class FileRefused(Event, frozen=True):
    """A name matches, but is a link, a FIFO, a device or cannot be opened."""

    level: ClassVar[str] = "warning"
    pipeline: str
    path: str
    reason: str

    def text(self) -> str:
        return f"{self.pipeline}: cannot read {self.path!a} ({self.reason}); the other files go on"


class CopyTaken(Event, frozen=True):
    """A file was truncated or is gone; what was not read of it is read from a copy."""

    pipeline: str
    path: str
    copy: str

    def text(self) -> str:
        return f"{self.pipeline}: {self.path!a} was rotated by copy; its rest is read from {self.copy!a}"


class LinkRefused(Event, frozen=True):
    """A file cannot be kept from being deleted."""

    level: ClassVar[str] = "warning"
    pipeline: str
    path: str
    reason: str

    def text(self) -> str:
        return f"{self.pipeline}: cannot keep a link to {self.path!a} ({self.reason}); a deletion and a crash lose it"


class NotificationsUnavailable(Event, frozen=True):
    """The system gives no notifications, so new files are found by the sweep alone."""

    level: ClassVar[str] = "warning"
    reason: str

    def text(self) -> str:
        return f"no file notifications ({self.reason}); new files are found by looking once a second"


class BytesLost(Event, frozen=True):
    """Bytes were gone before they could be read."""

    level: ClassVar[str] = "error"
    pipeline: str
    sink: str
    path: str
    bytes: int
    reason: str

    def text(self) -> str:
        place = f"{self.pipeline} to {self.sink}"
        return f"{place}: {self.bytes} bytes of {self.path!a} were {self.reason} before they were read"


class SinkDown(Event, frozen=True):
    """A destination takes nothing. The files wait."""

    level: ClassVar[str] = "warning"
    pipeline: str
    sink: str
    reason: str

    def text(self) -> str:
        return f"{self.pipeline} to {self.sink}: {self.reason}; keeps its place and tries again"


class SinkMisconfigured(SinkDown, frozen=True):
    """A destination refuses what we are or ask; a person has to change something. Nothing is lost meanwhile."""

    level: ClassVar[str] = "error"


class SinkUp(Event, frozen=True):
    """A destination takes documents, for the first time or again."""

    pipeline: str
    sink: str

    def text(self) -> str:
        return f"{self.pipeline} to {self.sink}: the destination takes documents"


class Rejected(Event, frozen=True):
    """Documents went to the dead letters."""

    level: ClassVar[str] = "error"
    pipeline: str
    sink: str
    documents: int
    kind: str
    reason: str

    def text(self) -> str:
        return (
            f"{self.pipeline} to {self.sink}: {self.documents} documents refused ({self.kind}: {self.reason});"
            " see `sidecar dead-letters list`"
        )


class EnricherFault(Event, frozen=True):
    """An enricher could not do its work on records; they are shipped as they were. Told once for each enricher."""

    level: ClassVar[str] = "warning"
    pipeline: str
    enricher: str
    records: int

    def text(self) -> str:
        return (
            f"{self.pipeline}: {self.enricher} could not do its work on {self.records} records; they are shipped as"
            " they were, and say why in error.message"
        )


class DeadLettersDropped(Event, frozen=True):
    """There was no place for new dead letters, so the oldest were thrown away, as the configuration says."""

    level: ClassVar[str] = "error"
    pipeline: str
    sink: str
    documents: int

    def text(self) -> str:
        return (
            f"{self.pipeline} to {self.sink}: the dead letters are full; the {self.documents} oldest were dropped"
            " (dead_letters.when_full is drop_oldest)"
        )


class TooManyTargets(Event, frozen=True):
    """Documents would have made more indexes or collections on this day than `max_targets`. Logged once a day."""

    level: ClassVar[str] = "warning"
    pipeline: str
    sink: str
    documents: int

    def text(self) -> str:
        return (
            f"{self.pipeline} to {self.sink}: {self.documents} documents name more indexes or collections than"
            " max_targets allows on a day; these and further ones go to the fallback name; nothing is lost"
        )


class StateUnwritable(Event, frozen=True):
    """The state cannot be written; shipping waits, nothing is lost."""

    level: ClassVar[str] = "error"
    reason: str

    def text(self) -> str:
        return f"{self.reason}; shipping waits until then and nothing is lost"


class RiskySetting(Event, frozen=True):
    """A setting is allowed, and another one would be safer. Logged at each start."""

    level: ClassVar[str] = "warning"
    where: str
    reason: str

    def text(self) -> str:
        return f"{self.where}: {self.reason}"


class Draining(Event, frozen=True):
    """The sidecar was asked to end: it reads every file to its end and delivers."""

    reason: str
    timeout_s: float

    def text(self) -> str:
        return f"{self.reason}: reads every file to its end and delivers, within {self.timeout_s:g} s"


class Parked(Event, frozen=True):
    """The configuration cannot be used; the sidecar waits for another one and does nothing."""

    level: ClassVar[str] = "error"
    problem: str

    def text(self) -> str:
        return f"{self.problem}; nothing is shipped until that is mended, and nothing is lost"


class ConfigurationKept(Event, frozen=True):
    """The configuration has changed for the worse; the old one goes on."""

    level: ClassVar[str] = "error"
    problem: str

    def text(self) -> str:
        return f"the new configuration cannot be used, the old one goes on: {self.problem}"


class Reloaded(Event, frozen=True):
    """The configuration has changed, and is in force."""

    pipelines: str

    def text(self) -> str:
        return f"the configuration has changed: follows {self.pipelines}"


class NoSocket(Event, frozen=True):
    """Other commands and probes cannot ask this sidecar."""

    level: ClassVar[str] = "warning"
    reason: str

    def text(self) -> str:
        return f"no socket in the state directory ({self.reason}); probes and `sidecar drain` cannot ask this sidecar"


class NoListener(Event, frozen=True):
    """Metrics and probes over HTTP cannot be had."""

    level: ClassVar[str] = "warning"
    address: str
    reason: str

    def text(self) -> str:
        return f"nothing listens on {self.address} ({self.reason}); shipping goes on without metrics over HTTP"


class MetricsNotSent(Event, frozen=True):
    """The receiver of our own metrics did not take them; the next ones hold all that these did."""

    level: ClassVar[str] = "warning"
    endpoint: str
    reason: str

    def text(self) -> str:
        return (
            f"the metrics could not be sent to {self.endpoint} ({self.reason}); shipping goes on, the next ones come"
        )


class Waiting(Event, frozen=True):
    """Asked to end together with the application: it reads on until that has ended or is quiet."""

    reason: str
    longest_s: float

    def text(self) -> str:
        return f"{self.reason}: reads on until the application has ended, for {self.longest_s:g} s at most"


class Crashed(Event, frozen=True):
    """A thread of ours failed in a way that nobody foresaw."""

    level: ClassVar[str] = "error"
    where: str
    reason: str

    def text(self) -> str:
        return f"{self.where} failed: {self.reason}; this is a fault of the sidecar, please report it"


class Balance(Event, frozen=True):
    """What became of every byte for one sink, as the last word."""

    sink: str
    seen: int
    stored: int
    dead_letters: int
    filtered: int
    skipped: int
    lost: int
    unsettled: int
    lines_stored: int
    lines_dead: int

    def text(self) -> str:
        return (
            f"{self.sink}: {self.seen} bytes seen = {self.stored} stored + {self.dead_letters} in dead letters"
            f" + {self.filtered} filtered + {self.skipped} skipped + {self.lost} lost"
            f" + {self.unsettled} not yet delivered"
            f" ({self.lines_stored} lines stored, {self.lines_dead} in dead letters)"
        )


class Log:
    """Writes events to stderr: JSON lines, or coloured text on a terminal. `level` is the least that is written.

    The same from the same place is written a few times a minute, and then how many more there were; what only those
    read who asked for it (debug) is written always.
    """

    def __init__(self, clock: Clock, level: str = "info", stream: TextIO | None = None) -> None:
        self._clock = clock
        self._least = LEVELS.index(level)
        self._stream = stream or sys.stderr
        self._moderation: Moderation[Event] = Moderation(clock, self._write)
        self._is_over = False
        self._turn = threading.Lock()

    def least(self, level: str) -> None:
        """Write nothing below this level from now on."""
        self._least = LEVELS.index(level)

    def emit(self, event: Event) -> None:
        """Write one event, now or later. Never raises: who cannot write a log goes on shipping."""
        if LEVELS.index(event.level) < self._least:
            return
        with self._turn:
            if self._is_over:
                return
            if event.level == "debug":
                self._write(event)
            else:
                self._moderation.hear(_cause(event), event)

    def tell_more(self) -> None:
        """Write how many more there were, of what was held back for long enough. Call it now and then."""
        with self._turn:
            self._moderation.due()

    def end(self, last: Iterable[Event]) -> None:
        """Write what was held back, these as the last words, and nothing after them."""
        with self._turn:
            self._moderation.rest()
            for event in last:
                if LEVELS.index(event.level) >= self._least:
                    self._write(event)
            self._is_over = True

    def _write(self, event: Event, more: int = 0) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(self._line(event, more) + "\n")
            self._stream.flush()

    def _line(self, event: Event, more: int) -> str:
        when, said = iso(self._clock.now()), event.text() + (f" (and {more:,} more)" if more else "")
        if self._stream.isatty():
            head = f"\x1b[2m{when[11:19]}\x1b[0m \x1b[{_COLOURS[event.level]}m{event.level:7}\x1b[0m"
            return f"{head} {printable(said)}"
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in type(event).__name__).lstrip("_")
        fields = {key: _clean(value) for key, value in msgspec.structs.asdict(event).items()}
        if more:
            fields["more"] = more
        return json.dumps({"time": when, "level": event.level, "event": name, "message": _clean(said), **fields})


def _cause(event: Event) -> tuple[object, ...]:
    """What an event has in common with its like; names of files do not count, of which there may be any number."""
    return (type(event), *(getattr(event, name, "") for name in ("pipeline", "sink", "enricher", "where")))


def fault_of(error: BaseException) -> str:
    """The class of an unforeseen fault and where it arose. Its message could hold what the application wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def _clean(value: object) -> object:
    """A name of a file may be any bytes; what is not UTF-8 of it is written as `\\xff`."""
    if isinstance(value, str):
        return value.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return value
