"""The log events of the sidecar, one class for each kind of log line.

Warning: nothing is lost and the sidecar recovers. Error: log lines are lost, or an operator has to act. No event
contains a secret or text of the application's log.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import ClassVar

import msgspec

_NO_PERMISSION = os.strerror(errno.EACCES)


class Event(msgspec.Struct, frozen=True):
    """One event. Its fields become fields of the log line; the docstring of its class is its meaning."""

    level: ClassVar[str] = "info"

    def text(self) -> str:
        """Return the message of the log line: one sentence."""
        raise NotImplementedError


Emit = Callable[[Event], None]


class Started(Event, frozen=True):
    """The sidecar has started to tail its files."""

    version: str
    state_dir: str
    pipelines: str

    def text(self) -> str:
        return f"log-sidecar {self.version} tails {self.pipelines}; state in {self.state_dir}"


class NothingMatches(Event, frozen=True):
    """No file matches a path of a pipeline."""

    level: ClassVar[str] = "warning"
    pipeline: str
    path: str
    reason: str
    is_waiting: bool
    """Whether the sidecar waits for a file."""

    def text(self) -> str:
        waiting = "; the sidecar waits for a file" if self.is_waiting else ""
        return f"{self.pipeline}: no file matches {self.path!a}: {self.reason}{waiting}"


class OpenFilesLimited(Event, frozen=True):
    """Fewer log files are kept open than `limits.open_files` allows, because the system allows fewer descriptors."""

    level: ClassVar[str] = "warning"
    limit: int
    wanted: int

    def text(self) -> str:
        return (
            f"keeps at most {self.limit} log files open instead of {self.wanted}, because the limit of file "
            "descriptors is too low; raise it (ulimit -n) or lower limits.open_files"
        )


class FileFollowed(Event, frozen=True):
    """The sidecar has started to tail a file."""

    level: ClassVar[str] = "debug"
    pipeline: str
    path: str
    offset: int

    def text(self) -> str:
        return f"{self.pipeline}: tails {self.path!a} from byte {self.offset}"


class FormatDetected(Event, frozen=True):
    """The parser of a file was detected, because its pipeline has `parser: auto`."""

    pipeline: str
    path: str
    parser: str

    def text(self) -> str:
        return f"{self.pipeline}: {self.path!a} is read with the parser {self.parser}"


class FileRefused(Event, frozen=True):
    """A path matches, but is a link, a FIFO or a device, or cannot be opened."""

    level: ClassVar[str] = "warning"
    pipeline: str
    path: str
    reason: str

    def text(self) -> str:
        advice = "; change its mode or owner" if self.reason == _NO_PERMISSION else ""
        return f"{self.pipeline}: cannot read {self.path!a} ({self.reason}){advice}; other files are not affected"


class CopyTaken(Event, frozen=True):
    """A file was truncated or deleted; its unread lines are read from a copy of it."""

    pipeline: str
    path: str
    copy: str

    def text(self) -> str:
        return f"{self.pipeline}: {self.path!a} was rotated by copy; its unread lines are read from {self.copy!a}"


class FilesGone(Event, frozen=True):
    """Files of an earlier run are gone. It is unknown what was written to them while the sidecar was down."""

    level: ClassVar[str] = "warning"
    pipeline: str
    path: str
    offset: int
    files: int

    def text(self) -> str:
        others = f" and {self.files - 1} more" if self.files > 1 else ""
        return (
            f"{self.pipeline}: {self.path!a}{others} disappeared while the sidecar was down; lines that were written"
            f" after byte {self.offset}, if any, are lost"
        )


class FileCut(Event, frozen=True):
    """A file has lost its end, as after a power failure. Reading continues after the part that is left."""

    level: ClassVar[str] = "warning"
    pipeline: str
    path: str
    kept: int
    read: int

    def text(self) -> str:
        return (
            f"{self.pipeline}: {self.path!a} has lost its end, as after a power failure: of {self.read} bytes that"
            f" were read, the first {self.kept} are unchanged; reading continues after these, and what followed them"
            " before is not known"
        )


class LinkRefused(Event, frozen=True):
    """The sidecar cannot create the hard link that keeps the content of a file if the file is deleted."""

    level: ClassVar[str] = "warning"
    pipeline: str
    path: str
    reason: str

    def text(self) -> str:
        return (
            f"{self.pipeline}: cannot create a hard link to {self.path!a} ({self.reason}); if the file is deleted and"
            " the sidecar restarts, its unread lines are lost"
        )


class NotificationsUnavailable(Event, frozen=True):
    """The kernel does not report new files, so only scans find them."""

    level: ClassVar[str] = "warning"
    reason: str

    def text(self) -> str:
        return f"no file notifications ({self.reason}); new files are found by a scan once a second"


class BytesLost(Event, frozen=True):
    """Bytes disappeared before they could be read."""

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
    """A sink is unavailable or rejects all documents. Its checkpoints stay until it accepts documents again."""

    level: ClassVar[str] = "warning"
    pipeline: str
    sink: str
    reason: str

    def text(self) -> str:
        # A sink without a configured name is named by its URL, with which the reason begins.
        reason = self.reason.removeprefix(f"{_place(self.sink)} ")
        return f"{self.pipeline} to {_place(self.sink)} {reason}; retries from its checkpoints"


class SinkMisconfigured(SinkDown, frozen=True):
    """A sink rejects credentials, target or requests. An operator has to change a setting or a permission."""

    level: ClassVar[str] = "error"


class SinkInterrupted(Event, frozen=True):
    """A sink does not accept documents for a moment, for example while its database elects a primary."""

    pipeline: str
    sink: str
    reason: str

    def text(self) -> str:
        return f"{self.pipeline} to {_place(self.sink)} {self.reason}; retries"


class SinkUp(Event, frozen=True):
    """A sink accepts documents, for the first time or again."""

    pipeline: str
    sink: str

    def text(self) -> str:
        return f"{self.pipeline} to {_place(self.sink)} the sink accepts documents"


class TargetUnavailable(Event, frozen=True):
    """An index or collection accepts no documents. Lines for it stay in their files; all others are delivered."""

    level: ClassVar[str] = "warning"
    pipeline: str
    sink: str
    target: str
    reason: str

    def text(self) -> str:
        what = f"documents for {self.target}" if self.target else "some documents"
        return (
            f"{self.pipeline} to {_place(self.sink)} {what} are not accepted, so their lines stay in the log files"
            f" and are sent again later (all others are delivered): {self.reason}"
        )


class TargetMisconfigured(TargetUnavailable, frozen=True):
    """An index or collection accepts no documents until an operator changes a setting or permission."""

    level: ClassVar[str] = "error"


class TargetAvailable(Event, frozen=True):
    """All documents that waited for an index or collection are delivered."""

    pipeline: str
    sink: str
    target: str

    def text(self) -> str:
        what = f"for {self.target} " if self.target else ""
        return f"{self.pipeline} to {_place(self.sink)} the documents {what}that waited are delivered"


class Rejected(Event, frozen=True):
    """The sink rejected documents, which are kept as dead letters."""

    level: ClassVar[str] = "error"
    pipeline: str
    sink: str
    documents: int
    kind: str
    reason: str

    def text(self) -> str:
        return (
            f"{self.pipeline} to {_place(self.sink)} {_count(self.documents, 'document')} rejected"
            f" ({self.kind}: {self.reason}); see `sidecar dead-letters list`"
        )


class LinesNotParsed(Event, frozen=True):
    """More than a tenth of the recent lines were not parsed. Logged once for each pipeline and sink."""

    level: ClassVar[str] = "warning"
    pipeline: str
    path: str
    share: str

    def text(self) -> str:
        return (
            f"{self.pipeline}: {self.share} of the recent lines were not parsed and are shipped as message;"
            f" run `sidecar explain --detect {self.path!a}` to find a parser for them"
        )


class TransformFailed(Event, frozen=True):
    """A transform failed on records; they are shipped without the failed change. Logged once for each transform."""

    level: ClassVar[str] = "warning"
    pipeline: str
    transform: str
    records: int

    def text(self) -> str:
        return (
            f"{self.pipeline}: {self.transform} failed on {_count(self.records, 'record')}, shipped without the"
            " failed change, with the reason in error.message"
        )


class DeadLettersDropped(Event, frozen=True):
    """The dead letters were full, so the oldest were dropped, as configured."""

    level: ClassVar[str] = "error"
    pipeline: str
    sink: str
    documents: int

    def text(self) -> str:
        return (
            f"{self.pipeline} to {_place(self.sink)} the dead letters are full; the {self.documents} oldest were"
            " dropped (dead_letters.when_full is drop_oldest)"
        )


class DeadLettersNotCopied(Event, frozen=True):
    """Dead letters cannot be copied to the sink of `dead_letters.to` now."""

    level: ClassVar[str] = "warning"
    sink: str
    reason: str

    def text(self) -> str:
        reason = self.reason.removeprefix(f"{_place(self.sink)} ")
        return f"dead letters to {_place(self.sink)} {reason}; they stay in the state and are copied later"


class DeadLettersCopied(Event, frozen=True):
    """The sink of `dead_letters.to` accepts dead letters again."""

    sink: str

    def text(self) -> str:
        return f"dead letters to {_place(self.sink)} the sink accepts documents"


class DeadLetterCopiesRejected(Event, frozen=True):
    """The sink of `dead_letters.to` rejected copies of dead letters. They stay in the state."""

    level: ClassVar[str] = "warning"
    sink: str
    documents: int
    kind: str
    reason: str

    def text(self) -> str:
        cause = f"{self.documents} copies are rejected ({self.kind}: {self.reason})"
        return f"dead letters to {_place(self.sink)} {cause}; the dead letters stay in the state"


class TooManyTargets(Event, frozen=True):
    """The documents of a day need more indexes or collections than `max_targets` allows. Logged once a day."""

    level: ClassVar[str] = "warning"
    pipeline: str
    sink: str
    documents: int

    def text(self) -> str:
        return (
            f"{self.pipeline} to {_place(self.sink)} {_count(self.documents, 'document')} would need more indexes or"
            " collections than max_targets allows per day; later ones too are stored under the fallback name"
        )


class StateUnwritable(Event, frozen=True):
    """The state directory cannot be written, so shipping pauses."""

    level: ClassVar[str] = "error"
    reason: str

    def text(self) -> str:
        return f"{self.reason}; shipping pauses until the state can be written, then continues from its checkpoints"


class RiskySetting(Event, frozen=True):
    """A setting is allowed, but another value would be safer. Logged at each start and reload."""

    level: ClassVar[str] = "warning"
    where: str
    reason: str

    def text(self) -> str:
        return f"{self.where}: {self.reason}"


class Draining(Event, frozen=True):
    """The sidecar shuts down: it reads every file to its end and delivers it."""

    reason: str
    timeout_s: float

    def text(self) -> str:
        return (
            f"{self.reason}: shutting down; reads every file to its end and delivers it, for at most"
            f" {self.timeout_s:g} s; a second signal ends the sidecar at once"
        )


class Parked(Event, frozen=True):
    """The sidecar cannot start with this configuration or state; it waits until that changes."""

    level: ClassVar[str] = "error"
    problem: str

    def text(self) -> str:
        return f"{self.problem}; the sidecar ships nothing until this is fixed, then continues from its checkpoints"


class ConfigurationKept(Event, frozen=True):
    """The changed configuration is invalid, so the old one stays in use."""

    level: ClassVar[str] = "error"
    problem: str

    def text(self) -> str:
        return f"the new configuration cannot be used, the old one stays in use: {self.problem}"


class Reloaded(Event, frozen=True):
    """The changed configuration is in use."""

    pipelines: str

    def text(self) -> str:
        return f"reloaded the configuration: tails {self.pipelines}"


class NoSocket(Event, frozen=True):
    """Other commands and probes cannot reach this sidecar."""

    level: ClassVar[str] = "warning"
    reason: str

    def text(self) -> str:
        return (
            f"no socket in the state directory ({self.reason}); probes and `sidecar drain` cannot reach this sidecar"
        )


class PageOpened(Event, frozen=True):
    """The status page and the metrics can be opened in a browser."""

    url: str

    def text(self) -> str:
        return f"the status page is at {self.url}, the metrics at {self.url}metrics"


class NoListener(Event, frozen=True):
    """Metrics and probes over HTTP are not available."""

    level: ClassVar[str] = "warning"
    address: str
    reason: str

    def text(self) -> str:
        return f"cannot listen on {self.address} ({self.reason}); shipping continues without metrics and HTTP probes"


class MetricsNotSent(Event, frozen=True):
    """The OTLP receiver did not accept the metrics. The next ones include the same counters."""

    level: ClassVar[str] = "warning"
    endpoint: str
    reason: str

    def text(self) -> str:
        return f"cannot send the metrics to {self.endpoint} ({self.reason}); they are sent again at the next interval"


class Waiting(Event, frozen=True):
    """The sidecar got its stop signal together with the application, and tails until the application has ended."""

    reason: str
    longest_s: float

    def text(self) -> str:
        return f"{self.reason}: tails its files until the application has ended, for at most {self.longest_s:g} s"


class Crashed(Event, frozen=True):
    """A thread of the sidecar failed with an unexpected error."""

    level: ClassVar[str] = "error"
    where: str
    reason: str

    def text(self) -> str:
        return f"{self.where} failed: {self.reason}; this is a bug in the sidecar, please report it"


class Balance(Event, frozen=True):
    """The outcome of every byte for one sink; logged at the end of a run."""

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
            f"{_place(self.sink)} {self.seen} bytes seen = {self.stored} stored + {self.dead_letters} in dead letters"
            f" + {self.filtered} filtered + {self.skipped} skipped + {self.lost} lost"
            f" + {self.unsettled} not yet delivered"
            f" ({self.lines_stored} {'line' if self.lines_stored == 1 else 'lines'} stored,"
            f" {self.lines_dead} in dead letters)"
        )


class RunStored(Event, frozen=True):
    """What a single run (`--once`) delivered to one sink, without what earlier runs delivered."""

    sink: str
    lines: int
    """Lines that are stored."""

    duplicates: int
    """Stored lines that the sink already had."""

    bytes: int
    """Bytes of log that have an outcome: stored, dead letter, filtered, skipped or lost."""

    unsettled: int

    unparsed: int
    """Lines that no parser accepted. They are stored as text."""

    has_content: bool
    """Whether files match the paths, and bytes of files were ever seen."""

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to report."""
        return self.has_content or self.bytes > 0

    def text(self) -> str:
        if self.bytes:
            known = f", {self.duplicates:,} of which the sink already had" if self.duplicates else ""
            return f"{_place(self.sink)} this run stored {_count(self.lines, 'line')}{known}{self._advice()}"
        if self.unsettled:
            return (
                f"{_place(self.sink)} this run stored nothing before `drain.timeout` was over; the lines stay in"
                " their files, and the next run ships them"
            )
        return (
            f"{_place(self.sink)} nothing was new, because earlier runs delivered all lines; to ship them again, run"
            " `sidecar checkpoints rewind --all`, and with `--new-ids` if they are to be new documents"
        )

    def _advice(self) -> str:
        if not self.unparsed:
            return ""
        return (
            f"; no parser accepted {_count(self.unparsed, 'line')}, which became `message` as a whole: try other"
            " parsers with `sidecar explain`"
        )


def _place(sink: str) -> str:
    """Return the name of a sink as the beginning of a message. The name may be a URL such as `stdout:`."""
    return f"{sink.removesuffix(':')}:"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
