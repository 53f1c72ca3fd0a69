"""The configuration: one root model, read from YAML, environment and command line, with every problem said at once.

The environment wins over the file, the command line over both. A key or variable that nobody knows is an error
with "did you mean"; no secret is ever shown.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializeAsAny,
    model_validator,
)

from sidecar.config import sources
from sidecar.config.admin import AdminSettings, MetricsSettings
from sidecar.config.limits import DeadLetterSettings, DrainSettings, ResourceLimits
from sidecar.config.paths import default_state_directory
from sidecar.config.pipeline import PipelineSettings
from sidecar.errors import ConfigurationError
from sidecar.lib.settings_model import SettingsModel
from sidecar.sinks import registry
from sidecar.sinks.contract import SinkSettings


def _sink(value: object, info: Any) -> object:
    return registry.settings_for(value) if isinstance(value, str | dict) else value


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][^\s\x00-\x1f]*$")]


AnySink = Annotated[
    SerializeAsAny[SinkSettings], BeforeValidator(_sink, json_schema_input_type=str | dict[str, object])
]


def _not_empty(value: dict[str, Any]) -> dict[str, Any]:
    if not value:
        raise ValueError("there is none; name at least one")
    return value


class Settings(SettingsModel):
    """The whole configuration."""

    state_dir: Path | None = None
    """Directory of checkpoints, dead letters and balance. `/var/lib/sidecar` where that is writable, else
    `log-sidecar` in the user's XDG state directory."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that the sidecar writes to its own log on stderr."""

    admin: AdminSettings = AdminSettings()
    """Metrics and probes over HTTP."""

    metrics: MetricsSettings = MetricsSettings()
    """Metrics that are sent."""

    limits: ResourceLimits = ResourceLimits()
    """What the sidecar may take."""

    dead_letters: DeadLetterSettings = DeadLetterSettings()
    """What a destination refused, kept in the state."""

    drain: DrainSettings = DrainSettings()
    """How it ends."""

    sinks: Annotated[dict[Name, AnySink], AfterValidator(_not_empty)]
    """Destinations by name: a URL, or a mapping with `type` and that sink's settings."""

    pipelines: Annotated[dict[Name, PipelineSettings], AfterValidator(_not_empty)]
    """Pipelines by name."""

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        problems = []
        takers: dict[str, list[str]] = {name: [] for name in self.sinks}
        for name, pipeline in self.pipelines.items():
            for sink in pipeline.sinks or ():
                if sink not in self.sinks:
                    problems.append(f"pipelines.{name}.sinks: {sources.unknown_name('sink', sink, self.sinks)}")
            for sink in self.sinks_of(name):
                takers.get(sink, []).append(name)
        for sink, names in takers.items():
            if self.sinks[sink].single_pipeline and len(names) > 1:
                problems.append(
                    f"sinks.{sink}: a {self.sinks[sink].type} sink takes the lines of one pipeline,"
                    f" but {' and '.join(names)} name it; give each its own"
                )
        if problems:
            raise ConfigurationError("contradictions", problems=tuple(problems))
        return self

    def sinks_of(self, pipeline: str) -> tuple[str, ...]:
        """The names of the sinks that a pipeline ships to."""
        named = self.pipelines[pipeline].sinks
        return tuple(dict.fromkeys(self.sinks if named is None else named))

    def state_directory(self) -> Path:
        """The directory of the state, with its default resolved."""
        return self.state_dir or default_state_directory(os.environ)
