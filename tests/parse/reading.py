"""Lines as a parser gets them, and what it makes of them."""

from __future__ import annotations

import json
from typing import Any

from sidecar.config.pipeline import Pipeline
from sidecar.decode.framing import Framing
from sidecar.model.file import Generation
from sidecar.model.lines import Chunk, Lines
from sidecar.model.records import Records
from sidecar.parse.registry import create
from sidecar.parse.settings import Timestamp
from sidecar.testing import ManualClock

GENERATION = Generation(35, "app", "/a.log", 0.0)


def framed(*lines: str, events: tuple[int, ...] | None = None) -> Lines:
    """The lines of a file, or its events where those begin at these bytes."""
    data = "".join(f"{line}\n" for line in lines).encode()
    return Framing().lines(Chunk(GENERATION, 0, data, len(data), events=events))


def parsed(parser: dict[str, Any], *lines: str) -> Records:
    """What a pipeline with this parser makes of the lines."""
    settings = Pipeline.model_validate({"paths": ["/a.log"], "parser": parser})
    return create(settings.parser, Timestamp(), frozenset(), ManualClock()).parse(framed(*lines))


def fields(records: Records) -> list[Any]:
    """The fields of each record."""
    return [json.loads("{" + body + "}") for body in records.members]
