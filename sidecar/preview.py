"""What the sidecar would make of sample lines: the rooms without a file to follow, a state or a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from sidecar.charset import named
from sidecar.clock import SystemClock
from sidecar.composition import rooms_of
from sidecar.deliver import registry
from sidecar.flow import Batch, Chunk, Generation, Lines
from sidecar.settings import Pipeline, Settings


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of one line: `outcome` is "document", "skipped" or "filtered".

    `offset` and `end` are byte offsets in the sample. `target` says for each sink where the document would go.
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


def preview(settings: Settings, pipeline: str, path: str, data: bytes) -> Iterator[Preview]:
    """Each line of `data`, as if it stood at the beginning of the file `path` of this pipeline."""
    clock = SystemClock()
    rooms = rooms_of(settings.pipelines[pipeline], clock, "this-host", {})
    generation = Generation(0, pipeline, path, clock.now())
    lines = rooms.framing.lines(_chunk(settings.pipelines[pipeline], generation, data))
    records = rooms.records(lines)
    documents = rooms.finisher.documents(records)
    targets = {name: _targets(settings, name, Batch([documents])) for name in settings.sinks_of(pipeline)}
    shown = [Preview(gap.start, gap.end, "", "skipped", gap.reason) for gap in lines.skipped]
    wrote = dict(zip(lines.starts, lines.texts, strict=True))
    shown += [Preview(gap.start, gap.end, wrote[gap.start], "filtered", gap.reason) for gap in records.filtered]
    texts, ids, times, raw = documents.texts(), documents.ids(), documents.event_times(), records.lines.texts
    layout = lines.layout()
    for index, start in enumerate(documents.starts):
        end = layout.end_of(start)
        places = {name: where[index] for name, where in targets.items()}
        shown.append(
            Preview(
                start, end, raw[index], "document", _said(records.lines, index), texts[index], ids[index],
                times[index], records.errors.get(index, ""), places,
            )
        )  # fmt: skip
    yield from sorted(shown, key=lambda item: item.offset)


def _chunk(pipeline: Pipeline, generation: Generation, data: bytes) -> Chunk:
    """All of the sample, its events as the reader would find them."""
    charset = named(pipeline.encoding).of(data)
    chunk = Chunk(
        generation, 0, data, len(data), closed=not charset.ends_line(data, len(data)), encoding=charset.name
    )
    joining = pipeline.joining()
    if joining is None:
        return chunk
    grouping = joining.grouping(pipeline.max_line // charset.shrinks)
    found = charset.events(grouping, data[: charset.after_last(data, 0, 0)], 0, closed=True)
    return replace(chunk, events=found.starts or (0,), split=found.split)


def _said(lines: Lines, index: int) -> str:
    if index in lines.undecodable:
        return "not valid in its encoding: goes to the dead letters"
    return ", ".join(lines.notes.get(index, {}))


def _targets(settings: Settings, sink: str, batch: Batch) -> list[str]:
    """Where each document would go. A sink without a choice has one target for all."""
    target_of = getattr(registry.create(settings.sinks[sink]), "targets", None)
    return list(target_of(batch)) if target_of else [settings.sinks[sink].destination()] * len(batch)
