"""Collects statistics of one file: its lines pass the stages of a pipeline, but are not delivered."""

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
from sidecar.tools.sample_file import read_chunks, resolve_parser_of

_MAX_SAMPLES = 3
_MAX_SHOWN_CHARACTERS = 200


class Unparsed(msgspec.Struct, frozen=True):
    """A line or event that no parser could parse."""

    offset: int
    text: str
    """The beginning of its text."""

    error: str


class FileStats(msgspec.Struct):
    """Statistics of one file in one pipeline."""

    bytes: int = 0
    events: int = 0
    """Lines, or multiline events."""

    documents: int = 0
    timed: int = 0
    """Events with a timestamp."""

    unparsed: int = 0
    """Events that no parser could parse."""

    parsers: dict[str, int] = {}
    """Events that each parser parsed."""

    microseconds: dict[str, float] = {}
    """CPU time of each parser per event that it tried."""

    filtered: dict[str, int] = {}
    """Filtered events by rule."""

    skipped: dict[str, int] = {}
    """Skipped ranges of bytes by reason."""

    samples: list[Unparsed] = []
    """The first events that no parser could parse."""

    @property
    def slowest(self) -> str:
        """The parser that needs the most CPU time per event; "" if no parser was tried."""
        return max(self.microseconds, key=lambda name: self.microseconds[name], default="")


def collect_stats(pipeline: PipelineSettings, file: Path, clock: Clock) -> FileStats:
    """Return the statistics of the whole file. Raise `ConfigurationError` if it cannot be read."""
    pipeline = resolve_parser_of(file, pipeline, clock)
    stages, probe, stats = build_stages(pipeline, clock, "this-host", {}), ParserProbe(pipeline, clock), FileStats()
    stats.parsers = {parser.type: 0 for parser in pipeline.parser}
    for chunk in read_chunks(file, stages.reader):
        _add(stats, stages, probe, chunk)
    stats.microseconds = {name: 1e6 * spent / probe.lines[name] for name, spent in probe.seconds.items()}
    return stats


def _add(stats: FileStats, stages: Stages, probe: ParserProbe, chunk: Chunk) -> None:
    lines = stages.framing.frame(chunk)
    stats.bytes += chunk.end - chunk.offset
    stats.events += lines.count
    for name in probe.first_matches(lines):
        if name:
            stats.parsers[name] += 1
    for stage, records in stages.stages(lines):
        if stage == "parser":
            _count_failures(stats, records)
    stats.documents += len(stages.finisher.build(records))
    stats.timed += len(records.times) - records.times.count("")
    for gaps, counts in ((records.filtered, stats.filtered), (lines.skipped, stats.skipped)):
        for gap in gaps:
            counts[gap.reason] = counts.get(gap.reason, 0) + 1


def _count_failures(stats: FileStats, records: RecordBatch) -> None:
    stats.unparsed += len(records.errors)
    for index in sorted(records.errors)[: _MAX_SAMPLES - len(stats.samples)]:
        text = records.lines.texts[index][:_MAX_SHOWN_CHARACTERS]
        stats.samples.append(Unparsed(records.starts[index], text, records.errors[index]))
