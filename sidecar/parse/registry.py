"""Which parsers there are, and the one that a pipeline asks for."""

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
from sidecar.parse.grok import expand_pattern
from sidecar.parse.json import JsonParser
from sidecar.parse.log_formats import FORMATS
from sidecar.parse.logfmt import LogfmtParser
from sidecar.parse.mysql_slow import MYSQL_SLOW
from sidecar.parse.plain import PlainTextParser
from sidecar.parse.regex import RegexParser
from sidecar.parse.settings import (
    ContainerSettings,
    CsvSettings,
    DissectSettings,
    GrokSettings,
    JsonSettings,
    LogfmtSettings,
    RegexSettings,
    SimpleParserSettings,
    TimestampSettings,
)
from sidecar.parse.time.format_times import FormatTimes
from sidecar.parse.time.timestamps import Timestamps
from sidecar.parse.typed_fields import TypedFields

_SIMPLE: dict[str, Callable[[], Parser]] = {"plain": PlainTextParser, "nginx": nginx, "apache": apache}
_FORMS = {**FORMATS, "mysql_slow": MYSQL_SLOW}
_CONTAINERS: dict[str, Callable[[MessageParser], Parser]] = {"cri": CriParser, "docker": DockerParser}

Wanted = (
    SimpleParserSettings
    | JsonSettings
    | RegexSettings
    | GrokSettings
    | DissectSettings
    | CsvSettings
    | LogfmtSettings
    | ContainerSettings
)


def create_parser(
    wanted: Sequence[Wanted], timestamp: TimestampSettings, reserved: frozenset[str], clock: Clock
) -> Parser:
    """The parser of a pipeline. `reserved` are the names at the root that documents need for themselves."""
    parsers = [_create_one(settings, timestamp, reserved, clock) for settings in wanted]
    return parsers[0] if len(parsers) == 1 else ParserChain(parsers)


def _create_one(settings: Wanted, timestamp: TimestampSettings, reserved: frozenset[str], clock: Clock) -> Parser:
    if isinstance(settings, ContainerSettings):
        inner = _create_one(settings.content, timestamp, reserved | {STREAM}, clock) if settings.content else None
        return _CONTAINERS[settings.type](MessageParser(inner))
    timestamps = Timestamps(timestamp.formats, timestamp.zone, clock)
    if isinstance(settings, JsonSettings):
        return JsonParser(timestamps, reserved, timestamp.field, settings.target)
    if isinstance(settings, RegexSettings):
        return RegexParser(settings.pattern, TypedFields(settings.types, timestamps, timestamp.field))
    if isinstance(settings, GrokSettings):
        found = expand_pattern(settings.pattern, settings.patterns)
        declared = TypedFields({**found.kinds, **settings.types}, timestamps, timestamp.field)
        return RegexParser(found.pattern, declared, found.paths, anywhere=True)
    if isinstance(settings, DissectSettings):
        declared = TypedFields(settings.types, timestamps, timestamp.field)
        return DissectParser(Dissection.of(settings.pattern), settings.append_separator, declared)
    if isinstance(settings, CsvSettings):
        declared = TypedFields(settings.types, timestamps, timestamp.field)
        return CsvParser(settings.columns, settings.delimiter, declared)
    if isinstance(settings, LogfmtSettings):
        return LogfmtParser(TypedFields(settings.types, timestamps, timestamp.field))
    if settings.type in _SIMPLE:
        return _SIMPLE[settings.type]()
    form = _FORMS[settings.type]
    return FormatParser(form, FormatTimes(form.shape, timestamp.zone, clock))
