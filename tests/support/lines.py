"""Lines as a parser gets them, and what it makes of them."""

from __future__ import annotations

import json
from typing import Any

from sidecar.config.pipeline import PipelineSettings
from sidecar.decode.framing import Framer
from sidecar.model.file import Generation
from sidecar.model.lines import Chunk, LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.registry import create_parser
from sidecar.parse.settings import TimestampSettings
from sidecar.testing import ManualClock

GENERATION = Generation(35, "app", "/a.log", 0.0)


def framed(*lines: str, events: tuple[int, ...] | None = None) -> LineBatch:
    """The lines of a file, or its events where those begin at these bytes."""
    data = "".join(f"{line}\n" for line in lines).encode()
    return Framer().frame(Chunk(GENERATION, 0, data, len(data), event_starts=events))


def parsed(parser: dict[str, Any], *lines: str) -> RecordBatch:
    """What a pipeline with this parser makes of the lines."""
    settings = PipelineSettings.model_validate({"paths": ["/a.log"], "parser": parser})
    return create_parser(settings.parser, TimestampSettings(), frozenset(), ManualClock()).parse(framed(*lines))


def fields(records: RecordBatch) -> list[Any]:
    """The fields of each record."""
    return [json.loads("{" + body + "}") for body in records.bodies]
