"""Finds out which parser of a pipeline parses which line, and its CPU time, for `explain` and statistics."""

from __future__ import annotations

import time

from sidecar.config.pipeline import PipelineSettings
from sidecar.lib.clock import Clock
from sidecar.model.lines import LineBatch
from sidecar.parse import registry


class ParserProbe:
    """Runs the parsers of a pipeline one by one."""

    def __init__(self, pipeline: PipelineSettings, clock: Clock) -> None:
        self._parsers = [
            (settings.type, registry.create_parser([settings], pipeline.timestamp, frozenset(), clock))
            for settings in pipeline.parser
        ]
        self.seconds: dict[str, float] = {}
        """CPU time of each parser so far."""

        self.lines: dict[str, int] = {}
        """Lines that each parser tried so far."""

    def first_matches(self, lines: LineBatch) -> list[str]:
        """Return for each line the name of the first parser that can parse it, "" if none can."""
        names = [""] * lines.count
        remaining = list(range(lines.count))
        for name, parser in self._parsers:
            if not remaining:
                break
            started_at = time.thread_time()
            errors = parser.parse(lines if len(remaining) == lines.count else lines.select(remaining)).errors
            self.seconds[name] = self.seconds.get(name, 0.0) + time.thread_time() - started_at
            self.lines[name] = self.lines.get(name, 0) + len(remaining)
            for position, index in enumerate(remaining):
                if position not in errors:
                    names[index] = name
            remaining = [remaining[position] for position in sorted(errors)]
        return names
