"""Finds sinks by name or URL: built-in sinks, and plug-ins by entry point. No sink is imported before it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, cast

from sidecar.errors import ConfigurationError
from sidecar.lib.plugins import PluginGroup, PluginInfo, summary_of
from sidecar.lib.suggestions import suggestion_for
from sidecar.sinks.contract import Sink, SinkSettings, SinkType

PLUGINS = PluginGroup("log_sidecar.sinks", "sink")
"""Plug-ins: name → class of the sink."""

BUILT_IN = {
    "elasticsearch": "sidecar.sinks.elasticsearch.sink:ElasticsearchSink",
    "opensearch": "sidecar.sinks.elasticsearch.sink:ElasticsearchSink",
    "mongodb": "sidecar.sinks.mongodb.sink:MongoDBSink",
    "kafka": "sidecar.sinks.kafka.sink:KafkaSink",
    "sqlite": "sidecar.sinks.sqlite:SQLiteSink",
    "file": "sidecar.sinks.file:FileSink",
    "stdout": "sidecar.sinks.stdout:StdoutSink",
}

_SETTINGS = {
    "elasticsearch": "sidecar.sinks.elasticsearch.settings:ElasticsearchSettings",
    "opensearch": "sidecar.sinks.elasticsearch.settings:ElasticsearchSettings",
    "mongodb": "sidecar.sinks.mongodb.settings:MongoDBSettings",
    "kafka": "sidecar.sinks.kafka.settings:KafkaSettings",
}
"""Settings that are imported without the client of their sink, which takes longer."""

SCHEMES = {
    "elasticsearch": "elasticsearch",
    "elasticsearch+https": "elasticsearch",
    "opensearch": "opensearch",
    "opensearch+https": "opensearch",
    "mongodb": "mongodb",
    "mongodb+srv": "mongodb",
    "kafka": "kafka",
    "kafka+ssl": "kafka",
    "sqlite": "sqlite",
    "file": "file",
    "stdout": "stdout",
}

_MISTAKEN_SCHEMES = {
    "http": "elasticsearch",
    "https": "elasticsearch+https",
    "elasticsearch+http": "elasticsearch",
    "opensearch+http": "opensearch",
    "es": "elasticsearch",
    "mongo": "mongodb",
    "kafkas": "kafka+ssl",
    "kafka+tls": "kafka+ssl",
}
"""Common mistakes → the scheme to suggest."""


def names() -> list[str]:
    """Return the names of all sinks that are installed."""
    return [*BUILT_IN, *_plugin_names()]


def resolve(name: str) -> SinkType:
    """Return the sink with this name.

    Raise `ConfigurationError` if the name is unknown, with a suggestion, or if a plug-in cannot be imported.
    """
    if name in BUILT_IN:
        return cast(SinkType, _import(BUILT_IN[name]))
    if name in _plugin_names():
        return _load_plugin(name)
    raise ConfigurationError(f'there is no sink "{name}"{_suggestion(name, names())}')


def settings_class(name: str) -> type[SinkSettings]:
    """Return the class of the settings of the sink with this name. Raise `ConfigurationError` as `resolve` does."""
    return cast(type[SinkSettings], _import(_SETTINGS[name])) if name in _SETTINGS else resolve(name).settings


def settings_class_for_url(url: str) -> type[SinkSettings]:
    """Return the class of the settings for the scheme of a URL.

    Raise `ConfigurationError`, whose message shows only the scheme.
    """
    scheme = url.partition(":")[0].lower()
    if not scheme:
        raise ConfigurationError("is not a URL", hint="write it as scheme://host:port/name")
    if scheme in SCHEMES:
        return settings_class(SCHEMES[scheme])
    known, broken = list(SCHEMES), []
    for name in _plugin_names():
        try:
            sink = _load_plugin(name)
        except ConfigurationError as error:
            broken.append(error.message)
            continue
        if scheme in sink.settings.schemes:
            return sink.settings
        known += sink.settings.schemes
    meant = _MISTAKEN_SCHEMES.get(scheme)
    suggestion = f'; did you mean "{meant}"?' if meant else _suggestion(scheme, known)
    reasons = "".join(f"; {reason}" for reason in broken)
    raise ConfigurationError(f'no sink has URLs that begin with "{scheme}:"{suggestion}{reasons}')


def settings_for(value: str | Mapping[str, Any]) -> SinkSettings:
    """Return the settings for a URL (the short form), or for a mapping with `type` or `url`.

    Raise `ConfigurationError`, or pydantic's `ValidationError` for single fields.
    """
    if isinstance(value, str):
        return settings_class_for_url(value).from_url(value)
    kind, url = value.get("type"), value.get("url")
    if isinstance(kind, str):
        return settings_class(kind).model_validate(value)
    if isinstance(url, str):
        return settings_class_for_url(url).model_validate(value)
    raise ConfigurationError("needs a `type` or a `url`", hint=f"types are {', '.join(sorted(names()))}")


def create_sink(settings: SinkSettings) -> Sink:
    """Return the sink for these settings, not yet connected."""
    return resolve(settings.type)(settings)


def catalogue() -> Iterator[PluginInfo]:
    """Yield every installed sink. If it cannot be imported, its summary is the reason."""
    for name in BUILT_IN:
        yield PluginInfo(name, "built in", summary_of(resolve(name)))
    yield from (info for info in PLUGINS.catalogue() if info.name not in BUILT_IN)


def _import(reference: str) -> object:
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)


def _plugin_names() -> list[str]:
    return [name for name in PLUGINS.names() if name not in BUILT_IN]


def _load_plugin(name: str) -> SinkType:
    sink = PLUGINS.load(name)
    missing = [attribute for attribute in ("settings", "concurrency") if not hasattr(sink, attribute)]
    if missing:
        raise ConfigurationError(
            f'the sink "{name}" has no `{missing[0]}`',
            hint="its entry point must refer to a class with `settings` and `concurrency`",
        )
    return cast(SinkType, sink)


def _suggestion(name: str, known: list[str]) -> str:
    return suggestion_for(name, known) or f"; known are {', '.join(sorted(known))}"
