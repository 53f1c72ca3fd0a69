"""Which sinks there are: built-in ones as lines of data, others by entry point; none is imported before its use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from sidecar.errors import ConfigurationError
from sidecar.lib.suggestions import suggestion_for
from sidecar.sinks.contract import Sink, SinkSettings, SinkType

GROUP = "log_sidecar.sinks"
"""Entry point group of plug-ins: name → class of the sink."""

BUILT_IN = {
    "elasticsearch": "sidecar.sinks.elasticsearch.sink:ElasticsearchSink",
    "mongodb": "sidecar.sinks.mongodb.sink:MongoDBSink",
    "sqlite": "sidecar.sinks.sqlite:SQLiteSink",
    "file": "sidecar.sinks.file:FileSink",
    "stdout": "sidecar.sinks.stdout:StdoutSink",
}

SCHEMES = {
    "elasticsearch": "elasticsearch",
    "elasticsearch+https": "elasticsearch",
    "mongodb": "mongodb",
    "mongodb+srv": "mongodb",
    "sqlite": "sqlite",
    "file": "file",
    "stdout": "stdout",
}

_MISTAKEN_SCHEMES = {
    "http": "elasticsearch",
    "https": "elasticsearch+https",
    "elasticsearch+http": "elasticsearch",
    "opensearch": "elasticsearch",
    "es": "elasticsearch",
    "mongo": "mongodb",
}
"""Schemes that look right, and the ones that are."""


@dataclass(frozen=True, slots=True)
class SinkInfo:
    """One sink for `sidecar plugins`."""

    name: str
    origin: str
    summary: str


def names() -> list[str]:
    """The names of all sinks that are installed."""
    return [*BUILT_IN, *(point.name for point in _plugins() if point.name not in BUILT_IN)]


def resolve(name: str) -> SinkType:
    """The sink with this name. Raises `ConfigurationError` with a suggestion for an unknown one."""
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        return cast(SinkType, getattr(import_module(module), attribute))
    for point in _plugins():
        if point.name == name:
            return cast(SinkType, point.load())
    raise ConfigurationError(f'there is no sink "{name}"{_suggestion(name, names())}')


def for_url(url: str) -> SinkType:
    """The sink that a URL means by its scheme. Raises `ConfigurationError` without showing the rest of the URL."""
    scheme = url.partition(":")[0].lower()
    if scheme in SCHEMES:
        return resolve(SCHEMES[scheme])
    known = list(SCHEMES)
    for point in _plugins():
        sink = cast(SinkType, point.load())
        if scheme in sink.settings.schemes:
            return sink
        known += sink.settings.schemes
    meant = _MISTAKEN_SCHEMES.get(scheme)
    suggestion = f'; did you mean "{meant}"?' if meant else _suggestion(scheme, known)
    raise ConfigurationError(f'no sink has URLs that begin with "{scheme}:"{suggestion}')


def settings_for(value: str | Mapping[str, Any]) -> SinkSettings:
    """Settings from the short form, a URL, or from a mapping with `type` or `url`.

    Raises `ConfigurationError`, or pydantic's `ValidationError` for the fields.
    """
    if isinstance(value, str):
        return for_url(value).settings.from_url(value)
    kind, url = value.get("type"), value.get("url")
    if isinstance(kind, str):
        return resolve(kind).settings.model_validate(value)
    if isinstance(url, str):
        return for_url(url).settings.model_validate(value)
    raise ConfigurationError("needs a `type` or a `url`", hint=f"types are {', '.join(sorted(names()))}")


def create_sink(settings: SinkSettings) -> Sink:
    """The sink for these settings, not yet connected."""
    return resolve(settings.type)(settings)


def catalogue() -> Iterator[SinkInfo]:
    """Every sink that is installed, with where it comes from and what it says of itself."""
    points = {point.name: point for point in _plugins()}
    for name in names():
        distribution = points[name].dist if name not in BUILT_IN else None
        origin = f"{distribution.name} {distribution.version}" if distribution else "built in"
        yield SinkInfo(name, origin, (resolve(name).__doc__ or "").strip().partition("\n")[0])


def _plugins() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda point: point.name)


def _suggestion(name: str, known: list[str]) -> str:
    return suggestion_for(name, known) or f"; known are {', '.join(sorted(known))}"
