"""The rooms of a pipeline with some transforms, and what becomes of lines in them."""

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


def rooms(*transforms: Any, parser: Any = "json", **settings: Any) -> Stages:
    """The rooms of a pipeline that has these transforms."""
    given = {"paths": ["/var/log/app/*.log"], "parser": parser, "transforms": list(transforms), **settings}
    return build_stages(PipelineSettings.model_validate(given), ManualClock(), "web-1", {})


def chunk(lines: Sequence[str]) -> Chunk:
    """These lines, as they stand at the beginning of a file."""
    data = "".join(f"{line}\n" for line in lines).encode()
    return Chunk(GENERATION, 0, data, len(data))


def transformed(lines: Sequence[str], *transforms: Any, parser: Any = "json", **settings: Any) -> RecordBatch:
    """The records that become of these lines."""
    return rooms(*transforms, parser=parser, **settings).documents(chunk(lines))[1]


def members(line: str, *transforms: Any) -> str:
    """The members that become of one JSON object."""
    return transformed([line], *transforms).bodies[0]


def documents(lines: Sequence[str], *transforms: Any, parser: Any = "json", **settings: Any) -> list[dict[str, Any]]:
    """The finished documents."""
    found = rooms(*transforms, parser=parser, **settings).documents(chunk(lines))[2]
    return [json.loads(text) for text in found.json_lines()]
