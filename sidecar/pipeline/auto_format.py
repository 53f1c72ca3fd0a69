"""Detects the format of each file of a pipeline with `parser: auto`, from the first events of the file.

The format decides where events end and which documents they become. So it is recorded in the state before anything
of the file is sent, and never changes. If the process ends earlier, it has sent nothing, and the next process detects
the format.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sidecar.config.pipeline import PipelineSettings
from sidecar.decode.settings import detected_multiline
from sidecar.lib.charset import lookup
from sidecar.lib.clock import Clock
from sidecar.lib.declarations import ValidationError
from sidecar.model.fingerprint import FINGERPRINT_BYTES
from sidecar.parse.settings import TimestampSettings, detected_parser
from sidecar.pipeline.detection import SAMPLE_BYTES, Multiline, Proposal, fits, propose, surely_fits
from sidecar.pipeline.format_name import name_format
from sidecar.pipeline.stages import Stages
from sidecar.state.ledger import Ledger
from sidecar.tail.cursor import Cursor
from sidecar.tail.tracked_file import TrackedFile
from sidecar.telemetry import events

MAX_WAIT_S = 2.0
"""Maximum time for which the first lines of a file wait for more lines before the format is detected."""

_DETECTED = ("parser", "multiline", "timestamp")
"""The settings of a pipeline that a format contains."""

_MAX_TRIED = 8
_MAX_UNRECORDED = 64
"""Maximum number of formats that are recorded in one transaction."""

_BLANK = b" \t\r\n\0"
_MAX_BLANK_BLOCKS = 256
"""Maximum number of blank blocks of `SAMPLE_BYTES` before the first text. A file with more is read as plain text."""

_MAX_FORMATS = 64
"""Maximum number of formats whose stages are kept in memory."""


class AutoStages:
    """Selects the stages by the format of each file. Only the shipper's thread may use it.

    `build` builds the stages for the settings of a format.
    """

    def __init__(
        self, name: str, pipeline: PipelineSettings, ledger: Ledger, clock: Clock, emit: events.Emit,
        build: Callable[[PipelineSettings], Stages],
    ) -> None:  # fmt: skip
        self._name, self._pipeline = name, pipeline
        self._ledger, self._clock, self._emit, self._build = ledger, clock, emit, build
        self._charset = lookup(pipeline.encoding)
        self._stages: dict[str, Stages] = {}
        self._unrecorded: dict[int, tuple[TrackedFile, str]] = {}
        """By generation: the file, and its format that is not in the state yet."""

        self._recent = deque(ledger.recent_formats(name, _MAX_TRIED), maxlen=_MAX_TRIED)
        """Formats of other files, which are tried before a format is detected."""

    def select(self, cursor: Cursor) -> Stages | None:
        """Return the stages for the format of the file; see `StageSelector`. Raise `StateError` if the format
        cannot be recorded, `Truncated` if the file was truncated, and `OSError` as pread(2) does.
        """
        file = cursor.file
        if file.format is None:
            if file.generation.id not in self._unrecorded:
                sample = self._take_sample(cursor)
                if sample is None:
                    return None
                if not sample:
                    return self._stages_of(_PLAIN)  # blank lines, whatever the format of later lines is
                self._unrecorded[file.generation.id] = file, self._detect(file, sample)
                if cursor.limit is None and len(self._unrecorded) < _MAX_UNRECORDED:
                    # Files that are ready as well are detected first, and all formats recorded in one transaction.
                    cursor.due = self._clock.monotonic()
                    return None
            self._record()
        return self._stages_of(file.format or "")

    def _take_sample(self, cursor: Cursor) -> bytes | None:
        """Return the first lines of the file in UTF-8, no bytes if they are blank and complete, or None if it is too
        early to detect a format.
        """
        cursor.due, cursor.is_searching = None, False
        file = cursor.file
        data = _read_beginning(file)
        is_complete = len(data) == SAMPLE_BYTES or file.is_last_line_complete
        sample = _cut_sample(data, self._pipeline, may_be_unterminated=is_complete)
        if not is_complete and not sample:
            return None
        is_read_in_part = cursor.offset > 0 or cursor.limit is not None
        if not (is_complete or is_read_in_part):
            cursor.due = self._due_of(file)
        return sample if cursor.due is None else None

    def _due_of(self, file: TrackedFile) -> float | None:
        """Return when to stop waiting for more lines (monotonic clock); None if the first lines need not wait."""
        appeared = file.find_first_seen(0)
        if appeared is None or self._clock.now() - file.modified >= MAX_WAIT_S:
            return None
        due = appeared + MAX_WAIT_S
        return due if due > self._clock.monotonic() else None

    def _detect(self, file: TrackedFile, sample: bytes) -> str:
        """Return the last format of the path if it fits, else another one of the pipeline that surely fits, else a
        newly detected one. To test a known format is much faster than a detection.
        """
        last = self._ledger.latest_format(self._name, file.generation.path)
        if last is not None and fits(msgspec.json.decode(last), sample, self._clock):
            return last
        for text in self._recent:
            if text != last and surely_fits(msgspec.json.decode(text), sample, self._clock):
                return text
        text = _encode_format(_propose(self._pipeline, sample, self._clock))
        if text not in self._recent:
            self._recent.appendleft(text)
        return text

    def _record(self) -> None:
        """Record the detected formats. If another sink has recorded a format meanwhile, use that."""
        recorded = self._ledger.record_formats({number: text for number, (_, text) in self._unrecorded.items()})
        for number, (file, _) in self._unrecorded.items():
            file.format = recorded.get(number) or self._ledger.format_of(number)
            if number in recorded:
                self._emit(events.FormatDetected(self._name, file.name, name_format(recorded[number])))
        self._unrecorded.clear()

    def _stages_of(self, text: str) -> Stages:
        if text not in self._stages:
            if len(self._stages) >= _MAX_FORMATS:
                self._stages.clear()
            self._stages[text] = self._build(_apply_format(self._pipeline, text))
        return self._stages[text]


def resolve_parser(pipeline: PipelineSettings, head: bytes, clock: Clock) -> PipelineSettings:
    """Return the settings with the format of a file that begins with these bytes, if its parser is to be detected."""
    if not pipeline.is_auto:
        return pipeline
    sample = _cut_sample(head[:SAMPLE_BYTES], pipeline, may_be_unterminated=True)
    return _apply_format(pipeline, _encode_format(_propose(pipeline, sample, clock)) if sample else _PLAIN)


def _read_beginning(file: TrackedFile) -> bytes:
    """Return the first bytes of the file after any leading holes and blank blocks. Raise `Truncated`."""
    data = file.pread(SAMPLE_BYTES, 0)[: file.size]
    file.check_head(0, data[:FINGERPRINT_BYTES])
    start = 0
    for _ in range(_MAX_BLANK_BLOCKS):
        if len(data) < SAMPLE_BYTES or data.strip(_BLANK):
            break
        start = file.find_data(start + len(data))
        data = file.pread(SAMPLE_BYTES, start)[: max(0, file.size - start)]
    return data


def _cut_sample(data: bytes, pipeline: PipelineSettings, *, may_be_unterminated: bool) -> bytes:
    """Return the whole lines in UTF-8, or no bytes if all of them are empty."""
    charset = lookup(pipeline.encoding).resolve(data)
    end = charset.find_last_line_end(data, 0, 0)
    if not end and may_be_unterminated:
        data, end = data + charset.newline, len(data) + charset.width
    text = charset.decode(charset.strip_bom(data[:end], 0), 0, "replace").lstrip("\0")
    return text.encode() if text.encode().strip(_BLANK) else b""


def _propose(pipeline: PipelineSettings, sample: bytes, clock: Clock) -> Proposal:
    joining = pipeline.multiline
    multiline: Multiline = joining.given_options() if joining else None
    return propose(sample, clock, multiline)


def _encode_format(proposal: Proposal) -> str:
    parts = {name: proposal.pipeline[name] for name in _DETECTED if name in proposal.pipeline}
    return msgspec.json.encode(parts).decode()


_PLAIN = '{"parser":"plain"}'


def _read_format(text: str) -> PipelineSettings:
    """Return a pipeline with the settings of a format. Its parser is `plain` if only a newer version knows them."""
    try:
        return _pipeline_of(msgspec.json.decode(text))
    except (ValidationError, msgspec.MsgspecError, LookupError, TypeError):
        return _pipeline_of(msgspec.json.decode(_PLAIN))


def _pipeline_of(parts: Mapping[str, Any]) -> PipelineSettings:
    parser, multiline, timestamp = parts["parser"], parts.get("multiline"), dict(parts.get("timestamp", {}))
    if "formats" in timestamp:
        timestamp["formats"] = tuple(timestamp["formats"])
    return PipelineSettings(
        paths=("-",),
        parser=tuple(map(detected_parser, parser if isinstance(parser, list) else [parser])),
        multiline=detected_multiline(multiline) if multiline else None,
        timestamp=TimestampSettings(**timestamp),
    )


def _apply_format(pipeline: PipelineSettings, text: str) -> PipelineSettings:
    """Return the settings of the pipeline, with those of the format where the pipeline sets none."""
    detected = _read_format(text)
    unset = detected.timestamp.model_fields_set - pipeline.timestamp.model_fields_set
    timestamp = pipeline.timestamp.model_copy(update={name: getattr(detected.timestamp, name) for name in unset})
    multiline = pipeline.multiline or detected.multiline
    return pipeline.model_copy(update={"parser": detected.parser, "multiline": multiline, "timestamp": timestamp})
