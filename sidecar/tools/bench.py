"""How fast this machine ships lines like these: the very rooms that `run` uses, timed one by one.

One thread does everything in turn, so that the time of each room is its own CPU time; `run` does the same work, and
waits for sinks in parallel.
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

_PLAIN = BulkFraming('{"create":{"_id":"', '"}}\n')
"""Where nothing is delivered, documents are made ready for Elasticsearch."""


class BenchResult(msgspec.Struct):
    """What was measured. `rooms` are CPU seconds by room, in the order of a line's way; `wall_s` is all the time."""

    lines: int = 0
    bytes: int = 0
    unparsed: int = 0
    at_a_stroke: int = 0
    stored: int = 0
    wall_s: float = 0.0
    rooms: dict[str, float] = {}


class BenchRun:
    """Ships a file again and again, as a new one each time. Without a `sink` documents are made and thrown away."""

    def __init__(
        self, pipeline: PipelineSettings, environ: Mapping[str, str], sink: SinkSettings | None = None
    ) -> None:
        self._rooms = build_stages(pipeline, SystemClock(), "this-host", environ)
        self._settings = sink
        self._sink = registry.create_sink(sink) if sink else None
        self._envelope = _framing_of(self._sink)
        self._batch: list[Documents] = []
        self._size = 0
        self.figures = BenchResult()

    def run(self, file: Path, seconds: float) -> BenchResult:
        """Continue until so many seconds are over; the file is shipped once at least.

        Raises `ConfigurationError` if there is nothing in the file, `DeliveryError` if the sink does not take all.
        """
        began = time.monotonic()
        with self._opened():
            while not self.figures.wall_s or self.figures.wall_s < seconds:
                before = self.figures.lines
                self._once(file)
                if self.figures.lines == before:
                    raise ConfigurationError(
                        "there is no line in it", location=str(file), hint="name a file with log lines"
                    )
                self.figures.wall_s = time.monotonic() - began
        return self.figures

    @contextmanager
    def _opened(self) -> Iterator[None]:
        sink = self._sink
        if sink is None:
            yield
            return
        with closing(sink):
            if isinstance(sink, ResumableSink):
                sink.resume(None)
            sink.open()
            yield

    def _once(self, file: Path) -> None:
        clock = _Laps(self.figures.rooms)
        for chunk in read_chunks(file, self._rooms.reader):
            clock.lap("read")
            self._through(chunk, clock)
        self._deliver(clock)

    def _through(self, chunk: Chunk, clock: _Laps) -> None:
        rooms, figures = self._rooms, self.figures
        lines = rooms.framing.frame(chunk)
        clock.lap("decode")
        records = rooms.parser.parse(lines)
        clock.lap("parse")
        for step in rooms.steps:
            records = step.run(records)
            clock.lap(step.name)
        documents = rooms.finisher.build(records)
        clock.lap("transforms")
        if self._envelope:
            documents = EncodedDocuments.from_documents(documents, self._envelope)
            clock.lap("render")
        figures.lines += lines.count
        figures.bytes += chunk.end - chunk.offset
        figures.unparsed += len(records.errors)
        figures.at_a_stroke += lines.count if records.root_names is not None else 0
        self._batch.append(documents)
        self._size += len(chunk.data)
        if self._settings is None or self._size >= self._settings.batch_bytes:
            self._deliver(clock)

    def _deliver(self, clock: _Laps) -> None:
        parts, self._batch, self._size = [part for part in self._batch if len(part)], [], 0
        if self._sink is None or not parts:
            return
        batch = Batch(parts)
        verdict = self._sink.write(batch)
        clock.lap("deliver")
        if len(verdict.stored) != len(batch):
            first = verdict.error or next((Retryable(each.reason) for each in verdict.rejected), None)
            missing = f"{len(batch) - len(verdict.stored)} of {len(batch)} documents were not taken"
            raise Retryable(f"{missing}: {first.message if first else 'the sink does not say why'}")
        self.figures.stored += len(batch)


class _Laps:
    """CPU time of this thread, by what it did last."""

    def __init__(self, into: dict[str, float]) -> None:
        self._into = into
        self._at = time.thread_time()

    def lap(self, name: str) -> None:
        """What was done since the last lap has this name."""
        now = time.thread_time()
        self._into[name] = self._into.get(name, 0.0) + now - self._at
        self._at = now


def _framing_of(sink: Sink | None) -> BulkFraming | None:
    if sink is None:
        return _PLAIN
    return sink.envelope if isinstance(sink, BulkEncodingSink) else None
