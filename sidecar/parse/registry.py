"""Creates the parser of a pipeline from its settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sidecar.lib.clock import Clock
from sidecar.parse.access_log import apache, nginx
from sidecar.parse.chain import Parser, ParserChain
from sidecar.parse.container_messages import STREAM, MessageParser
from sidecar.parse.cri import CriParser
from sidecar.parse.csv import CsvParser
from sidecar.parse.dissect import Dissection, DissectParser
from sidecar.parse.docker import DockerParser
from sidecar.parse.format_parser import FormatParser
from sidecar.parse.formats import FORMATS
from sidecar.parse.journald import JournaldParser, parse_entry
from sidecar.parse.json import JsonParser
from sidecar.parse.logfmt import LogfmtParser
from sidecar.parse.plain import PlainTextParser
from sidecar.parse.plugin import PluginParser
from sidecar.parse.regex import RegexParser
from sidecar.parse.settings import (
    AnyParserSettings,
    ContainerSettings,
    CsvSettings,
    DissectSettings,
    GrokSettings,
    JsonSettings,
    LogfmtSettings,
    PluginParserSettings,
    RegexSettings,
    TimestampSettings,
)
from sidecar.parse.time.format_times import FormatTimes
from sidecar.parse.time.timestamps import Timestamps
from sidecar.parse.time.zones import Zones
from sidecar.parse.typed_fields import TypedFields

_ACCESS_LOGS: dict[str, Callable[[Zones], Parser]] = {"nginx": nginx, "apache": apache}
_CONTAINERS: dict[str, Callable[[MessageParser], Parser]] = {"cri": CriParser, "docker": DockerParser}


def create_parser(
    chain: Sequence[AnyParserSettings], timestamp: TimestampSettings, reserved: frozenset[str], clock: Clock
) -> Parser:
    """Return the parser of a pipeline: a `ParserChain` if several are configured.

    `reserved`: root names of the fields that the sidecar sets. `auto` must have been replaced by the detected parser.
    """
    parsers = [_create_one(settings, timestamp, reserved, clock) for settings in chain]
    return parsers[0] if len(parsers) == 1 else ParserChain(parsers)


def _create_one(
    settings: AnyParserSettings, timestamp: TimestampSettings, reserved: frozenset[str], clock: Clock
) -> Parser:
    if isinstance(settings, ContainerSettings):
        inner = _create_one(settings.content, timestamp, reserved | {STREAM}, clock) if settings.content else None
        return _CONTAINERS[settings.type](MessageParser(inner))
    zones = Zones(timestamp.zone, timestamp.zones)
    timestamps = Timestamps(timestamp.formats, zones, clock)
    if isinstance(settings, JsonSettings):
        return JsonParser(timestamps, reserved, timestamp.field, settings.target)
    if isinstance(settings, PluginParserSettings):
        json_parser = JsonParser(timestamps, reserved, timestamp.field)
        return PluginParser(settings.type, settings.create(), json_parser)
    if isinstance(settings, RegexSettings):
        return RegexParser(settings.pattern, TypedFields(settings.types, timestamps, timestamp.field))
    if isinstance(settings, GrokSettings):
        expanded = settings.expand()
        typed_fields = TypedFields({**expanded.kinds, **settings.types}, timestamps, timestamp.field)
        return RegexParser(
            expanded.pattern, typed_fields, expanded.paths, anywhere=True, keeps_empty=False, layout=expanded.layout
        )
    if isinstance(settings, DissectSettings):
        typed_fields = TypedFields(settings.types, timestamps, timestamp.field)
        return DissectParser(Dissection.from_pattern(settings.pattern), settings.append_separator, typed_fields)
    if isinstance(settings, CsvSettings):
        typed_fields = TypedFields(settings.types, timestamps, timestamp.field)
        return CsvParser(settings.columns, settings.delimiter, typed_fields)
    if isinstance(settings, LogfmtSettings):
        return LogfmtParser(TypedFields(settings.types, timestamps, timestamp.field))
    if settings.type == "journald":
        return JournaldParser(timestamps, PluginParser(settings.type, parse_entry, JsonParser(timestamps, reserved)))
    return _create_simple(settings.type, zones, clock)


def _create_simple(name: str, zones: Zones, clock: Clock) -> Parser:
    if name == "plain":
        return PlainTextParser()
    if name in _ACCESS_LOGS:
        return _ACCESS_LOGS[name](zones)
    return FormatParser(FORMATS[name], FormatTimes(FORMATS[name].to_iso, zones, clock))
