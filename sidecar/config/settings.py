"""The root model of the configuration. `load` in `loader.py` reads it from its sources."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from sidecar.config.admin import AdminSettings, MetricsSettings
from sidecar.config.limits import DeadLetterSettings, DrainSettings, ResourceLimits
from sidecar.config.messages import Key, as_validation_error, suggest, validation_error
from sidecar.config.paths import default_state_directory
from sidecar.config.pipeline import PipelineSettings
from sidecar.config.shell_syntax import find_in_sink
from sidecar.errors import ConfigurationError
from sidecar.lib.declarations import AfterValidator, BeforeValidator, Field, SerializeAsAny, model_validator
from sidecar.lib.plain_settings import is_plain
from sidecar.lib.settings_model import LocalPath, SettingsModel, ShortForm, one_of
from sidecar.sinks import registry
from sidecar.sinks.contract import SinkSettings

if TYPE_CHECKING or not is_plain():
    from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
else:
    from sidecar.lib.plain_settings import BaseSettings, SettingsConfigDict


def _parse_sink(value: object) -> object:
    if isinstance(value, SinkSettings):
        return value
    if not isinstance(value, str | dict) or (isinstance(value, str) and ":" not in value):
        raise validation_error([((), "must be a URL such as elasticsearch://host:9200/logs, or a mapping")])
    if problems := list(find_in_sink(value)):
        raise validation_error(problems)
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind not in registry.BUILT_IN and kind not in (names := registry.names()):
        raise validation_error([(("type",), f': there is no sink "{kind}"{suggest(kind, names)}')])
    try:
        return registry.settings_for(value)
    except ConfigurationError as error:
        raise as_validation_error(error) from None


def _normalize_log_level(value: object) -> object:
    """Return the level in lower case, and `warning` for `warn`, because other programs accept these spellings."""
    level = value.lower() if isinstance(value, str) else value
    return "warning" if level == "warn" else level


_LOG_LEVEL = ShortForm(
    _normalize_log_level, schema=lambda: one_of(["warn", "DEBUG", "INFO", "WARN", "WARNING", "ERROR"])
)

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][^\s\x00-\x1f]*$")]


AnySink = Annotated[
    SerializeAsAny[SinkSettings], BeforeValidator(_parse_sink, json_schema_input_type=str | dict[str, object])
]


def _check_not_empty(value: dict[str, Any]) -> dict[str, Any]:
    if not value:
        raise validation_error([((), "is empty; add at least one entry")])
    return value


class Settings(SettingsModel, BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", defer_build=True, validate_default=False, arbitrary_types_allowed=False
    )

    state_dir: LocalPath | None = None
    """Directory for checkpoints, dead letters and the byte balance. By default `/var/lib/sidecar` if that is
    writable, else `log-sidecar` in the user's XDG state directory."""

    log_level: Annotated[Literal["debug", "info", "warning", "error"], _LOG_LEVEL] = "info"
    """The minimum severity of events that the sidecar logs to stderr."""

    log_format: Literal["auto", "json", "text"] = "auto"
    """Format of the sidecar's own log: `json`, one object a line; `text`; or `auto`, which is `text` on a terminal
    and else `json`. Text on a terminal has colors unless the variable `NO_COLOR` is set."""

    admin: AdminSettings = AdminSettings()
    """HTTP server for metrics, probes and the status page."""

    metrics: MetricsSettings = MetricsSettings()
    """The receiver to which the sidecar pushes its own metrics."""

    limits: ResourceLimits = ResourceLimits()
    """Limits of memory, open files and deleted files."""

    dead_letters: DeadLetterSettings = DeadLetterSettings()
    """Documents that a sink rejected, which are kept in the state directory."""

    drain: DrainSettings = DrainSettings()
    """Settings of the shutdown."""

    sinks: Annotated[dict[Name, AnySink], AfterValidator(_check_not_empty)]
    """Sinks by name: a URL, or a mapping with `type` and the settings of that sink."""

    pipelines: Annotated[dict[Name, PipelineSettings], AfterValidator(_check_not_empty)]
    """Pipelines by name."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing but the given values, so that settings in tests and tools do not depend on the environment."""
        return (init_settings,)

    @classmethod
    def from_sources(cls, sources: tuple[PydanticBaseSettingsSource, ...]) -> Settings:
        """Return the settings of these sources; an earlier one takes precedence. Raise `ValidationError`."""
        build: dict[str, Any] = {"_build_sources": (sources, {})}
        return cls(**build)

    @model_validator(mode="after")
    def _check_sinks(self) -> Settings:
        problems: list[tuple[Key, str]] = []
        pipelines: dict[str, list[str]] = {name: [] for name in self.sinks}
        for name, pipeline in self.pipelines.items():
            for sink in pipeline.sinks or ():
                if sink not in self.sinks:
                    cause = f': there is no sink "{sink}"{suggest(sink, self.sinks)}'
                    problems.append((("pipelines", name, "sinks"), cause))
            for sink in self.sinks_of(name):
                pipelines.get(sink, []).append(name)
        for sink, names in pipelines.items():
            if self.sinks[sink].single_pipeline and len(names) > 1:
                cause = (
                    f": a {self.sinks[sink].type} sink accepts the lines of one pipeline only,"
                    f" but {' and '.join(names)} use it; configure a separate sink for each pipeline"
                )
                problems.append((("sinks", sink), cause))
        problems += self._dead_letter_problems()
        if problems:
            raise validation_error(problems)
        return self

    def _dead_letter_problems(self) -> list[tuple[Key, str]]:
        name = self.dead_letters.to
        if name is None:
            return []
        if name not in self.sinks:
            return [(("dead_letters", "to"), f': there is no sink "{name}"{suggest(name, self.sinks)}')]
        if self.sinks[name].single_pipeline:
            return [(("dead_letters", "to"), f": a {self.sinks[name].type} sink cannot get dead letters")]
        alone = [pipeline for pipeline in self.pipelines if not self.sinks_of(pipeline)]
        cause = ": the only sink is that of dead_letters.to; add a sink for the lines"
        return [(("pipelines", pipeline, "sinks"), cause) for pipeline in alone]

    def sinks_of(self, pipeline: str) -> tuple[str, ...]:
        """Return the names of the sinks that a pipeline ships to."""
        named = self.pipelines[pipeline].sinks
        return tuple(dict.fromkeys(self._default_sinks() if named is None else named))

    def _default_sinks(self) -> list[str]:
        return [name for name in self.sinks if name != self.dead_letters.to]

    def state_directory(self) -> Path:
        """Return the state directory: the configured one, or the default."""
        return self.state_dir or default_state_directory(os.environ)
