"""Explains what the sidecar would do with sample lines: runs the stages without a tracked file, state or network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sidecar.config.pipeline import PipelineSettings
from sidecar.config.settings import Settings
from sidecar.lib.charset import lookup
from sidecar.lib.clock import Clock
from sidecar.lib.jsontext.nested import flatten
from sidecar.model.batch import Batch
from sidecar.model.documents import Documents
from sidecar.model.file import Generation
from sidecar.model.lines import Chunk, LineBatch
from sidecar.model.records import RecordBatch
from sidecar.pipeline.auto_format import resolve_parser
from sidecar.pipeline.builder import build_stages, make_grouping
from sidecar.pipeline.stages import Stages
from sidecar.sinks import registry
from sidecar.sinks.contract import SinkSettings
from sidecar.tools.parser_stats import ParserProbe


@dataclass(frozen=True, slots=True)
class ExplainedEvent:
    """The result for one line or event."""

    offset: int
    """Byte offset in the sample."""

    end: int
    """Byte offset after the line or event."""

    line: str
    """Text of the line or event; "" if it was skipped."""

    outcome: str
    """`document`, `skipped` or `filtered`."""

    reason: str = ""
    """Why it was skipped or filtered; for a document, the fields that the sidecar adds in special cases, such as
    `truncated`, or that it becomes a dead letter."""

    document: str = ""
    """The document as JSON, as the first sink stores it."""

    id: str = ""
    event_time: str = ""
    error: str = ""
    """Why no parser could parse it; "" if one did."""

    target: Mapping[str, str] | None = None
    """For each sink, the target of the document."""

    lines: int = 1
    """Number of lines in the event."""

    parser: str = ""
    """The parser that parsed it; "" if none could."""

    fields: Mapping[str, str] | None = None
    """JSON type of each field of the document, by path."""

    redacted: Sequence[str] = ()
    """Paths of the fields that a redaction changed."""

    documents: Mapping[str, str] | None = None
    """For each other sink whose document differs: its document."""


def explain(settings: Settings, pipeline: str, path: str, data: bytes, clock: Clock) -> Iterator[ExplainedEvent]:
    """Yield the result for each line of `data`, as if `data` were the content of the file `path` of this pipeline."""
    rules = resolve_parser(settings.pipelines[pipeline], data, clock)
    sinks = {name: settings.sinks[name] for name in settings.sinks_of(pipeline)}
    stages_of = {name: _build_stages(rules, clock, sink) for name, sink in sinks.items()}
    stages = next(iter(stages_of.values()))
    generation = Generation(0, pipeline, path, clock.now())
    lines = stages.framing.frame(_chunk(rules, generation, data))
    records, redacted = _redactions(stages, lines)
    probe = ParserProbe(rules, clock)
    parsers = dict(zip(lines.starts, probe.first_matches(lines), strict=True))
    built = {name: each.finisher.build(records) for name, each in stages_of.items()}
    documents = next(iter(built.values()))
    targets = {name: _targets(sink, Batch([built[name]])) for name, sink in sinks.items()}
    stored = {name: _stored_documents(sink, built[name], targets[name]) for name, sink in sinks.items()}
    events = [ExplainedEvent(gap.start, gap.end, "", "skipped", gap.reason) for gap in lines.skipped]
    line_texts = dict(zip(lines.starts, lines.texts, strict=True))
    events += [
        ExplainedEvent(gap.start, gap.end, line_texts[gap.start], "filtered", gap.reason, parser=parsers[gap.start],
                lines=line_texts[gap.start].count("\n") + 1)
        for gap in records.filtered
    ]  # fmt: skip
    texts, ids, times = next(iter(stored.values())), documents.ids(), documents.timestamps()
    raw = records.lines.texts
    layout = lines.ranges()
    for index, start in enumerate(documents.starts):
        end = layout.end_of(start)
        target = {name: of_sink[index] for name, of_sink in targets.items()}
        others = {name: of_sink[index] for name, of_sink in stored.items() if of_sink[index] != texts[index]}
        events.append(
            ExplainedEvent(
                start, end, raw[index], "document", _annotations(records.lines, index), texts[index], ids[index],
                times[index], records.errors.get(index, ""), target, raw[index].count("\n") + 1, parsers[start],
                {path: _kind(value) for path, value in flatten(texts[index]).items()}, redacted.get(start, ()),
                others,
            )
        )  # fmt: skip
    yield from sorted(events, key=lambda event: event.offset)


def _chunk(pipeline: PipelineSettings, generation: Generation, data: bytes) -> Chunk:
    """Return the sample as one chunk, divided into events in the same way as by the reader."""
    charset = lookup(pipeline.encoding).resolve(data)
    chunk = Chunk(
        generation, 0, data, len(data), is_unterminated=not charset.ends_line(data, len(data)), encoding=charset.name
    )
    grouping = make_grouping(pipeline)
    if grouping is None:
        return chunk
    end = charset.find_last_line_end(data, 0, 0)
    events = charset.split_events(grouping, data[:end], 0, closed=True)
    if not events.starts or (end < len(data) and events.block_starts is not None):
        events = events.append(end)
    return chunk.divide(events)


def _redactions(stages: Stages, lines: LineBatch) -> tuple[RecordBatch, dict[int, list[str]]]:
    """Return the records, and for each offset the paths of the fields that a redaction changed."""
    changed: dict[int, list[str]] = {}
    before: dict[int, str] = {}
    for stage, records in stages.stages(lines):
        if stage == "redact":
            for start, body in zip(records.starts, records.bodies, strict=True):
                if before[start] != body:
                    old, new = flatten(f"{{{before[start]}}}"), flatten(f"{{{body}}}")
                    paths = [path for path, value in old.items() if path not in new or new[path] != value]
                    changed[start] = [*changed.get(start, []), *paths]
        before = dict(zip(records.starts, records.bodies, strict=True))
    return records, changed


_KINDS = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "null")


def _annotations(lines: LineBatch, index: int) -> str:
    if index in lines.invalid:
        return "not valid in its encoding: becomes a dead letter"
    return ", ".join(lines.annotations.get(index, {}))


def _build_stages(rules: PipelineSettings, clock: Clock, sink: SinkSettings) -> Stages:
    return build_stages(rules, clock, "this-host", {}, sink_fields=sink.document_fields())


def _targets(sink: SinkSettings, batch: Batch) -> list[str]:
    """Return the target of each document. A sink without targets has one destination for all documents."""
    target_of = getattr(registry.create_sink(sink), "targets", None)
    return list(target_of(batch)) if target_of else [sink.destination()] * len(batch)


def _stored_documents(sink: SinkSettings, documents: Documents, targets: Sequence[str]) -> list[str]:
    return [sink.complete_document(*pair) for pair in zip(documents.json_lines(), targets, strict=True)]
