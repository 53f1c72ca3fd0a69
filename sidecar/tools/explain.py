"""What the sidecar would make of sample lines: the rooms without a file to follow, a state or a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from sidecar.config.pipeline import PipelineSettings
from sidecar.config.settings import Settings
from sidecar.lib.charset import lookup
from sidecar.lib.clock import Clock
from sidecar.model.batch import Batch
from sidecar.model.file import Generation
from sidecar.model.lines import Chunk, LineBatch
from sidecar.model.records import RecordBatch
from sidecar.pipeline.builder import build_stages, make_grouping
from sidecar.pipeline.stages import Stages
from sidecar.sinks import registry
from sidecar.tools.parser_stats import ParserProbe


@dataclass(frozen=True, slots=True)
class ExplainedEvent:
    """What would become of one line or event: `outcome` is "document", "skipped" or "filtered".

    `offset` and `end` are byte offsets in the sample; `lines` is how many lines the event was made of, `parser` which
    one took it ("" for none). `fields` are the paths of the document's fields with their JSON types, `redacted` those
    of which something was taken out. `target` says for each sink where the document would go.
    """

    offset: int
    end: int
    line: str
    outcome: str
    reason: str = ""
    document: str = ""
    id: str = ""
    event_time: str = ""
    error: str = ""
    target: Mapping[str, str] | None = None
    lines: int = 1
    parser: str = ""
    fields: Mapping[str, str] | None = None
    redacted: Sequence[str] = ()


def explain(settings: Settings, pipeline: str, path: str, data: bytes, clock: Clock) -> Iterator[ExplainedEvent]:
    """Each line of `data`, as if it stood at the beginning of the file `path` of this pipeline."""
    rooms = build_stages(settings.pipelines[pipeline], clock, "this-host", {})
    generation = Generation(0, pipeline, path, clock.now())
    lines = rooms.framing.frame(_chunk(settings.pipelines[pipeline], generation, data))
    records, redacted = _redactions(rooms, lines)
    takers = dict(zip(lines.starts, ParserProbe(settings.pipelines[pipeline], clock).of(lines), strict=True))
    documents = rooms.finisher.build(records)
    targets = {name: _targets(settings, name, Batch([documents])) for name in settings.sinks_of(pipeline)}
    shown = [ExplainedEvent(gap.start, gap.end, "", "skipped", gap.reason) for gap in lines.skipped]
    wrote = dict(zip(lines.starts, lines.texts, strict=True))
    shown += [
        ExplainedEvent(gap.start, gap.end, wrote[gap.start], "filtered", gap.reason, parser=takers[gap.start],
                lines=wrote[gap.start].count("\n") + 1)
        for gap in records.filtered
    ]  # fmt: skip
    texts, ids, times, raw = documents.json_lines(), documents.ids(), documents.timestamps(), records.lines.texts
    layout = lines.ranges()
    for index, start in enumerate(documents.starts):
        end = layout.end_of(start)
        places = {name: where[index] for name, where in targets.items()}
        shown.append(
            ExplainedEvent(
                start, end, raw[index], "document", _annotations(records.lines, index), texts[index], ids[index],
                times[index], records.errors.get(index, ""), places, raw[index].count("\n") + 1, takers[start],
                {path: _kind(value) for path, value in flatten(texts[index]).items()}, redacted.get(start, ()),
            )
        )  # fmt: skip
    yield from sorted(shown, key=lambda item: item.offset)


def _chunk(pipeline: PipelineSettings, generation: Generation, data: bytes) -> Chunk:
    """All of the sample, its events as the reader would find them."""
    charset = lookup(pipeline.encoding).resolve(data)
    chunk = Chunk(
        generation, 0, data, len(data), is_unterminated=not charset.ends_line(data, len(data)), encoding=charset.name
    )
    grouping = make_grouping(pipeline)
    if grouping is None:
        return chunk
    found = charset.split_events(grouping, data[: charset.find_last_line_end(data, 0, 0)], 0, closed=True)
    return replace(chunk, event_starts=found.starts or (0,), split_events=found.split)


def _redactions(rooms: Stages, lines: LineBatch) -> tuple[RecordBatch, dict[int, list[str]]]:
    """The records, and by offset the paths of the fields that a redaction has changed."""
    changed: dict[int, list[str]] = {}
    before: dict[int, str] = {}
    for stage, records in rooms.stages(lines):
        if stage == "redact":
            for start, body in zip(records.starts, records.bodies, strict=True):
                if before[start] != body:
                    old, new = flatten(f"{{{before[start]}}}"), flatten(f"{{{body}}}")
                    paths = [path for path, value in old.items() if path not in new or new[path] != value]
                    changed[start] = [*changed.get(start, []), *paths]
        before = dict(zip(records.starts, records.bodies, strict=True))
    return records, changed


def flatten(document: str) -> dict[str, Any]:
    """The values of a JSON object by dotted path; arrays are values. Empty if it cannot be read."""
    try:
        whole = msgspec.json.decode(document)
    except (msgspec.MsgspecError, RecursionError):
        return {}
    found: dict[str, Any] = {}
    waiting = [("", whole)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict) and value:
            inner = [(f"{path}.{name}" if path else name, each) for name, each in value.items()]
            waiting += reversed(inner)
        elif path:
            found[path] = value
    return found


_KINDS = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "null")


def _annotations(lines: LineBatch, index: int) -> str:
    if index in lines.invalid:
        return "not valid in its encoding: goes to the dead letters"
    return ", ".join(lines.annotations.get(index, {}))


def _targets(settings: Settings, sink: str, batch: Batch) -> list[str]:
    """Where each document would go. A sink without a choice has one target for all."""
    target_of = getattr(registry.create_sink(settings.sinks[sink]), "targets", None)
    return list(target_of(batch)) if target_of else [settings.sinks[sink].destination()] * len(batch)
