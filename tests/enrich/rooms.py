"""The rooms of a pipeline with some enrichers, and what becomes of lines in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sidecar.config.pipeline import PipelineSettings
from sidecar.model.file import Generation
from sidecar.model.lines import Chunk
from sidecar.model.records import RecordBatch
from sidecar.pipeline.builder import build_stages
from sidecar.pipeline.stages import Stages
from sidecar.testing import ManualClock

GENERATION = Generation(35, "app", "/var/log/app/a.log", 0.0)


def rooms(*enrich: Any, parser: Any = "json", **settings: Any) -> Stages:
    """The rooms of a pipeline that has these enrichers."""
    given = {"paths": ["/var/log/app/*.log"], "parser": parser, "enrich": list(enrich), **settings}
    return build_stages(PipelineSettings.model_validate(given), ManualClock(), "web-1", {})


def chunk(lines: Sequence[str]) -> Chunk:
    """These lines, as they stand at the beginning of a file."""
    data = "".join(f"{line}\n" for line in lines).encode()
    return Chunk(GENERATION, 0, data, len(data))


def enriched(lines: Sequence[str], *enrich: Any, parser: Any = "json", **settings: Any) -> RecordBatch:
    """The records that become of these lines."""
    return rooms(*enrich, parser=parser, **settings).documents(chunk(lines))[1]


def members(line: str, *enrich: Any) -> str:
    """The members that become of one JSON object."""
    return enriched([line], *enrich).members[0]


def documents(lines: Sequence[str], *enrich: Any, parser: Any = "json", **settings: Any) -> list[dict[str, Any]]:
    """The finished documents."""
    found = rooms(*enrich, parser=parser, **settings).documents(chunk(lines))[2]
    return [json.loads(text) for text in found.texts()]
