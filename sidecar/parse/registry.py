"""Which parsers there are, and the one that a pipeline asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sidecar.parse.access import apache, nginx
from sidecar.parse.chain import Chain, Parser
from sidecar.parse.json import Json
from sidecar.parse.plain import Plain
from sidecar.parse.regex import Regex
from sidecar.parse.settings import Json as JsonSettings
from sidecar.parse.settings import Regex as RegexSettings
from sidecar.parse.settings import Simple, Timestamp
from sidecar.parse.timestamps import Timestamps

BUILT_IN = {
    "plain": "any text: the whole line is the message",
    "json": "one JSON object a line",
    "regex": "named groups of a pattern of your own",
    "nginx": "nginx's combined access log",
    "apache": "Apache's common and combined access logs",
}

_SIMPLE: dict[str, Callable[[], Parser]] = {"plain": Plain, "nginx": nginx, "apache": apache}


def create(
    wanted: Sequence[Simple | JsonSettings | RegexSettings], timestamp: Timestamp, reserved: frozenset[str]
) -> Parser:
    """The parser of a pipeline. `reserved` are the names at the root that documents need for themselves."""
    parsers = [_one(settings, timestamp, reserved) for settings in wanted]
    return parsers[0] if len(parsers) == 1 else Chain(parsers)


def _one(settings: Simple | JsonSettings | RegexSettings, timestamp: Timestamp, reserved: frozenset[str]) -> Parser:
    timestamps = Timestamps(timestamp.formats, timestamp.zone)
    if isinstance(settings, JsonSettings):
        return Json(timestamps, reserved, timestamp.field, settings.target)
    if isinstance(settings, RegexSettings):
        return Regex(settings.pattern, timestamps, timestamp.field)
    return _SIMPLE[settings.type]()
