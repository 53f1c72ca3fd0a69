"""Which of a pipeline's parsers takes which line, for people who try their rules; `run` has no need to know."""

from __future__ import annotations

import time

from sidecar.config.pipeline import PipelineSettings
from sidecar.lib.clock import Clock
from sidecar.model.lines import LineBatch
from sidecar.parse import registry


class ParserProbe:
    """The parsers of a pipeline one by one. `seconds`: CPU time of each so far; `lines`: how many it looked at."""

    def __init__(self, pipeline: PipelineSettings, clock: Clock) -> None:
        self._parsers = [
            (wanted.type, registry.create_parser([wanted], pipeline.timestamp, frozenset(), clock))
            for wanted in pipeline.parser
        ]
        self.seconds: dict[str, float] = {}
        self.lines: dict[str, int] = {}

    def of(self, lines: LineBatch) -> list[str]:
        """The name of the first parser that can read each line, "" for none."""
        names = [""] * lines.count
        left = list(range(lines.count))
        for name, parser in self._parsers:
            if not left:
                break
            began = time.thread_time()
            errors = parser.parse(lines if len(left) == lines.count else lines.select(left)).errors
            self.seconds[name] = self.seconds.get(name, 0.0) + time.thread_time() - began
            self.lines[name] = self.lines.get(name, 0) + len(left)
            for place, index in enumerate(left):
                if place not in errors:
                    names[index] = name
            left = [left[place] for place in sorted(errors)]
        return names
