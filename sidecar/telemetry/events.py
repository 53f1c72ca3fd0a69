"""What the sidecar says about itself: typed happenings, one class for one log line.

Warning: nothing is lost and we recover. Error: something is lost, or a person is needed. No event holds the
text of the application's log or a secret.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import PurePath
from typing import ClassVar

import msgspec


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
        return f"{self.pipeline}: cannot read {self.path!a} ({self.reason}); other files are read as before"


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
    """A sink is unavailable or rejects all documents. The files wait."""

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


class TransformFailed(Event, frozen=True):
    """A transform could not do its work on records; they are shipped as they were. Told once for each transform."""

    level: ClassVar[str] = "warning"
    pipeline: str
    transform: str
    records: int

    def text(self) -> str:
        return (
            f"{self.pipeline}: {self.transform} could not do its work on {self.records} records; they are shipped as"
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
    """The changed configuration is invalid; the old one stays in force."""

    level: ClassVar[str] = "error"
    problem: str

    def text(self) -> str:
        return f"the new configuration cannot be used, the old one stays in force: {self.problem}"


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
    """Metrics and probes over HTTP are not available."""

    level: ClassVar[str] = "warning"
    address: str
    reason: str

    def text(self) -> str:
        return f"nothing listens on {self.address} ({self.reason}); shipping continues without metrics over HTTP"


class MetricsNotSent(Event, frozen=True):
    """The receiver of our own metrics did not take them; the next ones hold all that these did."""

    level: ClassVar[str] = "warning"
    endpoint: str
    reason: str

    def text(self) -> str:
        return f"the metrics could not be sent to {self.endpoint} ({self.reason}); the next ones are tried"


class Waiting(Event, frozen=True):
    """Asked to end together with the application: it reads on until that has ended or is quiet."""

    reason: str
    longest_s: float

    def text(self) -> str:
        return f"{self.reason}: reads on until the application has ended, for {self.longest_s:g} s at most"


class Crashed(Event, frozen=True):
    """A thread of the sidecar failed in an unforeseen way."""

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


def describe_crash(error: BaseException) -> str:
    """The class of an unforeseen fault and where it arose. Its message could hold what the application wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
