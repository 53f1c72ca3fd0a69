"""Which parsers there are, and the one that a pipeline asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sidecar.lib.clock import Clock
from sidecar.parse import settings as wanted_as
from sidecar.parse.access_log import apache, nginx
from sidecar.parse.chain import Chain, Parser
from sidecar.parse.container_messages import STREAM, Content
from sidecar.parse.cri import Cri
from sidecar.parse.csv import Csv
from sidecar.parse.dissect import Dissect, Dissection
from sidecar.parse.docker import Docker
from sidecar.parse.format_parser import Pattern
from sidecar.parse.grok import expanded
from sidecar.parse.json import Json
from sidecar.parse.log_formats import FORMATS
from sidecar.parse.logfmt import Logfmt
from sidecar.parse.mysql_slow import MYSQL_SLOW
from sidecar.parse.plain import Plain
from sidecar.parse.regex import Regex
from sidecar.parse.time.format_times import Written
from sidecar.parse.time.timestamps import Timestamps
from sidecar.parse.typed_fields import Declared

_SIMPLE: dict[str, Callable[[], Parser]] = {"plain": Plain, "nginx": nginx, "apache": apache}
_FORMS = {**FORMATS, "mysql_slow": MYSQL_SLOW}
_CONTAINERS: dict[str, Callable[[Content], Parser]] = {"cri": Cri, "docker": Docker}

Wanted = (
    wanted_as.Simple | wanted_as.Json | wanted_as.Regex | wanted_as.Grok | wanted_as.Dissect | wanted_as.Csv
    | wanted_as.Logfmt | wanted_as.Container
)  # fmt: skip


def create(
    wanted: Sequence[Wanted], timestamp: wanted_as.Timestamp, reserved: frozenset[str], clock: Clock
) -> Parser:
    """The parser of a pipeline. `reserved` are the names at the root that documents need for themselves."""
    parsers = [_one(settings, timestamp, reserved, clock) for settings in wanted]
    return parsers[0] if len(parsers) == 1 else Chain(parsers)


def _one(settings: Wanted, timestamp: wanted_as.Timestamp, reserved: frozenset[str], clock: Clock) -> Parser:
    if isinstance(settings, wanted_as.Container):
        inner = _one(settings.content, timestamp, reserved | {STREAM}, clock) if settings.content else None
        return _CONTAINERS[settings.type](Content(inner))
    timestamps = Timestamps(timestamp.formats, timestamp.zone, clock)
    if isinstance(settings, wanted_as.Json):
        return Json(timestamps, reserved, timestamp.field, settings.target)
    if isinstance(settings, wanted_as.Regex):
        return Regex(settings.pattern, Declared(settings.types, timestamps, timestamp.field))
    if isinstance(settings, wanted_as.Grok):
        found = expanded(settings.pattern, settings.patterns)
        declared = Declared({**found.kinds, **settings.types}, timestamps, timestamp.field)
        return Regex(found.pattern, declared, found.paths, anywhere=True)
    if isinstance(settings, wanted_as.Dissect):
        declared = Declared(settings.types, timestamps, timestamp.field)
        return Dissect(Dissection.of(settings.pattern), settings.append_separator, declared)
    if isinstance(settings, wanted_as.Csv):
        declared = Declared(settings.types, timestamps, timestamp.field)
        return Csv(settings.columns, settings.delimiter, declared)
    if isinstance(settings, wanted_as.Logfmt):
        return Logfmt(Declared(settings.types, timestamps, timestamp.field))
    if settings.type in _SIMPLE:
        return _SIMPLE[settings.type]()
    form = _FORMS[settings.type]
    return Pattern(form, Written(form.shape, timestamp.zone, clock))
