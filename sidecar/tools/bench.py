"""Measures how fast this machine ships the lines of a file, and the CPU time of each stage.

It uses the same stages as `run`, but one thread runs them in turn, so that the CPU time of each stage can be
measured. With `run`, several threads wait for the sink.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from sidecar.config.pipeline import PipelineSettings
from sidecar.errors import ConfigurationError, Retryable
from sidecar.lib.clock import SystemClock
from sidecar.model.batch import Batch
from sidecar.model.documents import BulkFraming, Documents, EncodedDocuments
from sidecar.model.lines import Chunk
from sidecar.pipeline.builder import build_stages
from sidecar.sinks import registry
from sidecar.sinks.contract import BulkEncodingSink, ResumableSink, Sink, SinkSettings
from sidecar.tools.sample_file import read_chunks

_DEFAULT_FRAMING = BulkFraming('{"create":{"_id":"', '"}}\n')
"""Without a sink, documents are encoded for the bulk API of Elasticsearch."""


class BenchResult(msgspec.Struct):
    """The result of a measurement."""

    lines: int = 0
    bytes: int = 0
    unparsed: int = 0
    in_one_pass: int = 0
    """Lines that were parsed in one pass over their chunk, which is faster than parsing each line."""

    stored: int = 0
    """Documents that the sink stored."""

    wall_s: float = 0.0
    """Duration of the measurement."""

    stages: dict[str, float] = {}
    """CPU seconds of each stage, in the order in which a line passes them."""


class BenchRun:
    """Ships a file repeatedly, each time as a new file. Without a `sink`, the documents are built and discarded."""

    def __init__(
        self, pipeline: PipelineSettings, environ: Mapping[str, str], sink: SinkSettings | None = None
    ) -> None:
        self._stages = build_stages(pipeline, SystemClock(), "this-host", environ)
        self._settings = sink
        self._sink = registry.create_sink(sink) if sink else None
        self._envelope = _framing_of(self._sink)
        self._batch: list[Documents] = []
        self._size = 0
        self.figures = BenchResult()

    def run(self, file: Path, seconds: float) -> BenchResult:
        """Ship the file for at least this many seconds, at least once, and return the result.

        Raise `ConfigurationError` if the file contains no line, `DeliveryError` if a document was not stored.
        """
        started_at = time.monotonic()
        with self._open_sink():
            while not self.figures.wall_s or self.figures.wall_s < seconds:
                before = self.figures.lines
                self._run_once(file)
                if self.figures.lines == before:
                    raise ConfigurationError(
                        "contains no line", location=str(file), hint="choose a file with log lines"
                    )
                self.figures.wall_s = time.monotonic() - started_at
        return self.figures

    @contextmanager
    def _open_sink(self) -> Iterator[None]:
        sink = self._sink
        if sink is None:
            yield
            return
        with closing(sink):
            if isinstance(sink, ResumableSink):
                sink.resume(None)
            sink.open()
            yield

    def _run_once(self, file: Path) -> None:
        clock = _Laps(self.figures.stages)
        for chunk in read_chunks(file, self._stages.reader):
            clock.lap("read")
            self._process(chunk, clock)
        self._deliver(clock)

    def _process(self, chunk: Chunk, clock: _Laps) -> None:
        stages, figures = self._stages, self.figures
        lines = stages.framing.frame(chunk)
        clock.lap("decode")
        records = stages.parser.parse(lines)
        clock.lap("parse")
        for step in stages.steps:
            records = step.run(records)
            clock.lap(step.name)
        documents = stages.finisher.build(records)
        clock.lap("transforms")
        if self._envelope:
            documents = EncodedDocuments.from_documents(documents, self._envelope)
            clock.lap("render")
        figures.lines += lines.count
        figures.bytes += chunk.end - chunk.offset
        figures.unparsed += len(records.errors)
        figures.in_one_pass += lines.count if records.root_names is not None else 0
        self._batch.append(documents)
        self._size += len(chunk.data)
        if self._settings is None or self._size >= self._settings.batch_bytes:
            self._deliver(clock)

    def _deliver(self, clock: _Laps) -> None:
        parts, self._batch, self._size = [part for part in self._batch if len(part)], [], 0
        if self._sink is None or not parts:
            return
        batch = Batch(parts)
        result = self._sink.write(batch)
        clock.lap("deliver")
        if len(result.stored) != len(batch):
            error = result.error or next((Retryable(rejection.reason) for rejection in result.rejected), None)
            missing = f"{len(batch) - len(result.stored)} of {len(batch)} documents were not stored"
            raise Retryable(f"{missing}: {error.message if error else 'the sink gave no reason'}")
        self.figures.stored += len(batch)


class _Laps:
    """Adds up the CPU time of this thread by stage."""

    def __init__(self, into: dict[str, float]) -> None:
        self._into = into
        self._at = time.thread_time()

    def lap(self, name: str) -> None:
        """Add the CPU time since the last call to the stage with this name."""
        now = time.thread_time()
        self._into[name] = self._into.get(name, 0.0) + now - self._at
        self._at = now


def _framing_of(sink: Sink | None) -> BulkFraming | None:
    if sink is None:
        return _DEFAULT_FRAMING
    return sink.envelope if isinstance(sink, BulkEncodingSink) else None
