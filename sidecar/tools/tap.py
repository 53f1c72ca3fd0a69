"""Shows the lines of a file at a stage of their pipeline, without a running sidecar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sidecar.config.settings import Settings
from sidecar.lib.clock import Clock
from sidecar.pipeline.builder import build_stages
from sidecar.pipeline.tap import Matcher, Stage, TappedChunk, render_chunk
from sidecar.tools.sample_file import read_chunks, resolve_parser_of


def tap_file(
    settings: Settings, pipeline: str, file: Path, stage: Stage, matcher: Matcher | None, clock: Clock
) -> Iterator[dict[str, Any]]:
    """Yield each record of the file that matches, as the pipeline would make it.

    Raise `ConfigurationError` if the file cannot be read.
    """
    rules = resolve_parser_of(file, settings.pipelines[pipeline], clock)
    stages = build_stages(rules, clock, "this-host", {})
    for chunk in read_chunks(file, stages.reader):
        parsed, (_, records, documents) = stages.trace(chunk)
        rendered = render_chunk(TappedChunk(pipeline, parsed, records, documents), 0, stage, matcher)
        for event in rendered.events:
            yield event._asdict()
