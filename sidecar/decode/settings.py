"""Settings of multiline events and of encodings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from sidecar.decode.container_lines import CONTAINER_FORMATS
from sidecar.decode.multiline import MAX_MATCHED_BYTES, EventGrouper, make_grouper
from sidecar.decode.pattern_cost import count_ways
from sidecar.decode.presets import PRESET_NAMES
from sidecar.decode.streams import StreamGrouper
from sidecar.lib import charset
from sidecar.lib.declarations import AfterValidator, ConfigDict, Field, field_validator, model_validator
from sidecar.lib.settings_model import SHOWN, SettingsModel, exactly_one_of, one_of
from sidecar.lib.units import Duration

"""Names of all presets: those of languages and programs, and those that join the parts of lines by stream."""

_MAX_WAYS_BITS = 20.0
"""Maximum result of `count_ways`. Two `.*`, each of which may end at any of 512 bytes, have a result of 18."""


def _check_encoding(name: str) -> str:
    charset.lookup(name)
    return name


Encoding = Annotated[str, AfterValidator(_check_encoding)]


class MultilineSettings(SettingsModel):
    """Which lines form one event: a preset, or one pattern."""

    model_config = ConfigDict(json_schema_extra=exactly_one_of("preset", "start", "continuation", "end"))

    preset: Annotated[Annotated[str, Field(json_schema_extra=one_of(PRESET_NAMES))] | None, SHOWN] = None
    """`java`, `python`, `go`, `ruby`, `elixir`, `node`, `dotnet`, `php`, `rust`, `postgresql`, `mysql_slow`, `cri`,
    `docker`, or `indent`, which joins indented lines to the line before them."""

    start: str | None = None
    """Pattern of a line that starts an event (Python's `re`). It is matched against the first 512 bytes of a line."""

    continuation: str | None = None
    """Pattern of a line that continues the event before it."""

    end: str | None = None
    """Pattern of the last line of an event."""

    timeout: Duration = 2.0
    """Time without a new byte after which the last event is complete."""

    max_lines: Annotated[int, Field(ge=2)] = 1000
    """Maximum lines of one event. The rest becomes a separate event. The field `log.split` marks the first event,
    and `log.continuation` the second."""

    @field_validator("preset")
    @classmethod
    def _check_preset(cls, preset: str | None) -> str | None:
        if preset is not None and preset not in PRESET_NAMES:
            raise ValueError(f"unknown preset {preset!r}; use one of {', '.join(PRESET_NAMES)}, or a pattern")
        return preset

    @field_validator("start", "continuation", "end")
    @classmethod
    def _check_pattern(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern.encode())
            except re.error as error:
                raise ValueError(f"the pattern does not compile: {error}") from error
            if problem := explain_unbounded(pattern):
                raise ValueError(problem)
        return pattern

    @model_validator(mode="after")
    def _check_exactly_one(self) -> MultilineSettings:
        if len([each for each in (self.preset, self.start, self.continuation, self.end) if each is not None]) != 1:
            raise ValueError("exactly one of preset, start, continuation and end is required")
        return self

    def make_grouper(self, max_bytes: int, container: str | None = None) -> EventGrouper | StreamGrouper:
        """Return the grouper for these settings. `container`: container log format of the lines; None for others."""
        container = self._container_format(container)
        if container is None:
            return self._make_content_grouper(max_bytes)
        content = None if self.preset in CONTAINER_FORMATS else self._make_content_grouper(max_bytes).rule
        return StreamGrouper(CONTAINER_FORMATS[container], content, self.timeout, self.max_lines, max_bytes)

    def _container_format(self, container: str | None) -> str | None:
        return self.preset if self.preset in CONTAINER_FORMATS else container

    def _make_content_grouper(self, max_bytes: int) -> EventGrouper:
        patterns = {"start": self.start, "continuation": self.continuation, "end": self.end}
        return make_grouper(
            self.preset, {kind: pattern for kind, pattern in patterns.items() if pattern is not None},
            timeout_s=self.timeout, max_lines=self.max_lines, max_bytes=max_bytes,
        )  # fmt: skip

    def boundary_rules(self, container: str | None = None) -> str:
        """Return the settings that decide event boundaries, as JSON text. If it changes, boundaries may differ."""
        # The state stores `continuation` under this name. Another name would look like a change of the rules.
        names = {"continuation": "more"}
        rules = {
            names.get(name, name): value
            for name, value in vars(self).items()
            if name != "timeout" and value is not None
        }
        text = msgspec.json.encode(rules).decode()
        container = self._container_format(container)
        return f"{container} by stream {self.timeout} {text}" if container else text

    def given_options(self) -> dict[str, Any]:
        """Return the options that are set."""
        return {name: value for name, value in vars(self).items() if name in self.model_fields_set}


def detected_multiline(multiline: str | Mapping[str, Any]) -> MultilineSettings:
    """Return the settings for a preset or options that the sidecar has detected."""
    return MultilineSettings(**({"preset": multiline} if isinstance(multiline, str) else multiline))


def explain_unbounded(pattern: str) -> str:
    """Return why this pattern is rejected: it could take very long, or depend on other lines. Return "" if it is not.

    Patterns of `multiline` have no time limit, and a slow pattern blocks the pipeline. So nested repetitions are
    rejected, and patterns that could backtrack too often (see `count_ways`).
    """
    for needle, what in (("(?<=", "lookbehind"), ("(?<!", "lookbehind"), ("(?P=", "a backreference")):
        if needle in pattern:
            return f"{what} is not allowed; write a pattern that matches the line alone"
    if re.search(r"(?<!\\)(?:\\\\)*\\[1-9]", pattern):
        return "a backreference is not allowed; write a pattern that matches the line alone"
    if not pattern.isascii() and "[" in pattern:
        return "non-ASCII characters cannot be combined with [sets]; write them as (?:ä|ö)"
    if _has_nested_repetition(re.sub(r"\\.", "x", pattern)):
        return "a repetition within a repetition can take exponential time; write ^[\\w.]+ instead of ^(\\w+\\.?)+"
    if count_ways(pattern.encode(), MAX_MATCHED_BYTES) > _MAX_WAYS_BITS:
        return "several gaps such as .*,.*,.*, can take very long; exclude the separator: [^,]*,[^,]*,[^,]*,"
    return ""


def _has_nested_repetition(pattern: str) -> bool:
    """Return whether a repetition contains another one; `pattern` has no escapes."""
    text = re.sub(r"\[\^?\]?[^\]]*\]", "x", pattern)
    while group := re.search(r"\((?:\?(?:[:=!>]|P<\w+>|[aimsux-]+:))?([^()]*)\)(\*|\+|\{\d*,?\d*\})?", text):
        repeats = re.search(r"[*+\0]|\{\d*,", group[1]) is not None
        chooses = repeats or "|" in group[1]
        if group[2] is not None and (repeats or (chooses and not group[2][1:-1].isdigit())):
            return True
        marked = chooses or group[2] is not None
        text = text[: group.start()] + ("\0" if marked else "x") + text[group.end() :]
    return False
