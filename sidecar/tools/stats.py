"""What becomes of a whole file in one pipeline, in figures: the rooms of `run` without a destination."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sidecar.config.pipeline import PipelineSettings
from sidecar.lib.clock import Clock
from sidecar.model.lines import Chunk
from sidecar.model.records import RecordBatch
from sidecar.pipeline.builder import build_stages
from sidecar.pipeline.stages import Stages
from sidecar.tools.parser_stats import ParserProbe
from sidecar.tools.sample_file import read_chunks

_SAMPLES = 3
_SHOWN = 200


class Unparsed(msgspec.Struct, frozen=True):
    """A line or event that no parser took: its byte offset, the beginning of its text, and why."""

    offset: int
    text: str
    error: str


class FileStats(msgspec.Struct):
    """`events` are lines, or events of several; `parsers` is how many each parser took, and `microseconds` the CPU
    time of each parser for an event that it looked at. `timed` events contain a time.
    `filtered` and `skipped` are by rule. `samples` are the first that no parser took."""

    bytes: int = 0
    events: int = 0
    documents: int = 0
    timed: int = 0
    unparsed: int = 0
    parsers: dict[str, int] = {}
    microseconds: dict[str, float] = {}
    filtered: dict[str, int] = {}
    skipped: dict[str, int] = {}
    samples: list[Unparsed] = []

    @property
    def slowest(self) -> str:
        """The name of the parser that takes longest for an event, "" where there was none."""
        return max(self.microseconds, key=lambda name: self.microseconds[name], default="")


def collect_stats(pipeline: PipelineSettings, file: Path, clock: Clock) -> FileStats:
    """All of the file. Raises `ConfigurationError` if it cannot be read."""
    rooms, takers, found = build_stages(pipeline, clock, "this-host", {}), ParserProbe(pipeline, clock), FileStats()
    found.parsers = {wanted.type: 0 for wanted in pipeline.parser}
    for chunk in read_chunks(file, rooms.reader):
        _add(found, rooms, takers, chunk)
    found.microseconds = {name: 1e6 * spent / takers.lines[name] for name, spent in takers.seconds.items()}
    return found


def _add(found: FileStats, rooms: Stages, takers: ParserProbe, chunk: Chunk) -> None:
    lines = rooms.framing.frame(chunk)
    found.bytes += chunk.end - chunk.offset
    found.events += lines.count
    for name in takers.of(lines):
        if name:
            found.parsers[name] += 1
    for stage, records in rooms.stages(lines):
        if stage == "parser":
            _count_failures(found, records)
    found.documents += len(rooms.finisher.build(records))
    found.timed += len(records.times) - records.times.count("")
    for gaps, counts in ((records.filtered, found.filtered), (lines.skipped, found.skipped)):
        for gap in gaps:
            counts[gap.reason] = counts.get(gap.reason, 0) + 1


def _count_failures(found: FileStats, records: RecordBatch) -> None:
    found.unparsed += len(records.errors)
    for index in sorted(records.errors)[: _SAMPLES - len(found.samples)]:
        text = records.lines.texts[index][:_SHOWN]
        found.samples.append(Unparsed(records.starts[index], text, records.errors[index]))
