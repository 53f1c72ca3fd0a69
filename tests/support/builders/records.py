"""Chunks, lines and records of one file, and the stages of a pipeline that make them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sidecar.config.pipeline import PipelineSettings
from sidecar.decode.framing import Framer
from sidecar.model.file import Generation
from sidecar.model.lines import Chunk, LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.chain import Parser
from sidecar.parse.registry import create_parser
from sidecar.parse.settings import TimestampSettings
from sidecar.pipeline.builder import build_stages, make_grouping
from sidecar.pipeline.stages import Stages
from sidecar.testing import ManualClock

GENERATION = Generation(35, "app", "/var/log/app/a.log", 0.0)
"""The generation of everything that is built here."""


def chunk(content: bytes | Sequence[str], offset: int = 0, **attributes: Any) -> Chunk:
    """Return bytes, or lines without their line ends, as the chunk at this offset of the file."""
    data = content if isinstance(content, bytes) else "".join(f"{line}\n" for line in content).encode()
    return Chunk(GENERATION, offset, data, offset + len(data), **attributes)


def framed(*lines: str, events: Sequence[int] | None = None) -> LineBatch:
    """Return the lines of a file, or its events if `events` are the offsets where they begin."""
    return Framer().frame(chunk(lines, event_starts=events))


def framed_events(pipeline: PipelineSettings, content: bytes | Sequence[str]) -> LineBatch:
    """Return the events into which the pipeline groups the lines of a file that does not grow any more."""
    grouping = make_grouping(pipeline)
    assert grouping
    whole = chunk(content)
    return Framer().frame(whole.divide(grouping.split_events(whole.data, closed=True)))


def stages(
    *transforms: Any, parser: Any = "json", environ: Mapping[str, str] | None = None, **settings: Any
) -> Stages:
    """Return the stages of a pipeline with this parser and these transforms."""
    pipeline = {"paths": ["/var/log/app/*.log"], "parser": parser, "transforms": list(transforms), **settings}
    return build_stages(PipelineSettings.model_validate(pipeline), ManualClock(), "web-1", environ or {})


def make_parser(parser: Any, **timestamp: Any) -> Parser:
    """Return the parser of a pipeline that names it so, without reserved fields."""
    settings = PipelineSettings.model_validate({"paths": ["/var/log/app/*.log"], "parser": parser})
    return create_parser(settings.parser, TimestampSettings(**timestamp), frozenset(), ManualClock())


def parsed(parser: Any, *lines: str) -> RecordBatch:
    """Return what this parser makes of the lines."""
    return make_parser(parser).parse(framed(*lines))


def transformed(lines: Sequence[str], *transforms: Any, parser: Any = "json", **settings: Any) -> RecordBatch:
    """Return the records of these lines after the transforms."""
    return stages(*transforms, parser=parser, **settings).documents(chunk(lines))[1]


def members(line: str, *transforms: Any) -> str:
    """Return the members of one JSON object after the transforms."""
    return transformed([line], *transforms).bodies[0]


def fields(records: RecordBatch) -> list[Any]:
    """Return the fields of each record."""
    return [json.loads(f"{{{body}}}") for body in records.bodies]


def documents(lines: Sequence[str], *transforms: Any, parser: Any = "json", **settings: Any) -> list[dict[str, Any]]:
    """Return the finished documents of these lines."""
    built = stages(*transforms, parser=parser, **settings).documents(chunk(lines))[2]
    return [json.loads(text) for text in built.json_lines()]
