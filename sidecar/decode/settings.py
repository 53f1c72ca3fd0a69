"""What a pipeline can say about events of several lines."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator, model_validator

from sidecar.decode.multiline import MOST_JUDGED, EventGrouper, make_grouper
from sidecar.decode.pattern_cost import count_ways
from sidecar.decode.presets import PRESETS
from sidecar.lib import charset
from sidecar.lib.settings_model import SHOWN, SettingsModel
from sidecar.lib.units import Duration

_MOST_WAYS = 20.0
"""Binary logarithm: two gaps that may end anywhere in what is judged of a line are a quarter of it."""


def _known_encoding(name: str) -> str:
    charset.lookup(name)
    return name


Encoding = Annotated[str, AfterValidator(_known_encoding)]


class MultilineSettings(SettingsModel):
    """Which lines are one event: a preset, or one pattern."""

    preset: Annotated[str | None, SHOWN] = None
    """`java`, `python`, `go`, `ruby`, `node`, `dotnet`, `php`, `rust`, `postgresql`, `mysql_slow`, `cri`, `docker`,
    or `indent`: indented lines belong to the one before them."""

    start: str | None = None
    """Pattern of a line that begins an event, in the syntax of Python's `re`; it sees 512 bytes of a line."""

    # Checkpoints hold these rules under the name that 0.1 gave it; another name would mean other boundaries.
    continuation: Annotated[str | None, Field(serialization_alias="more")] = None
    """Pattern of a line that continues the event before it."""

    end: str | None = None
    """Pattern of the last line of an event."""

    timeout: Duration = 2.0
    """Seconds without a new byte after which the last event is whole."""

    max_lines: Annotated[int, Field(ge=2)] = 1000
    """The most lines of one event; what comes after them is an event of its own, and both say so."""

    @field_validator("preset")
    @classmethod
    def _known(cls, preset: str | None) -> str | None:
        if preset is not None and preset not in PRESETS:
            raise ValueError(f"there is no preset {preset!r}; use one of {', '.join(PRESETS)}, or a pattern")
        return preset

    @field_validator("start", "continuation", "end")
    @classmethod
    def _bounded(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern.encode())
            except re.error as error:
                raise ValueError(f"the pattern does not compile: {error}") from error
            if problem := without_limit(pattern):
                raise ValueError(problem)
        return pattern

    @model_validator(mode="after")
    def _one(self) -> MultilineSettings:
        if len([each for each in (self.preset, self.start, self.continuation, self.end) if each is not None]) != 1:
            raise ValueError("needs one of preset, start, continuation and end")
        return self

    def make_grouper(self, max_bytes: int) -> EventGrouper:
        """What does it."""
        patterns = {"start": self.start, "continuation": self.continuation, "end": self.end}
        return make_grouper(
            self.preset, {kind: pattern for kind, pattern in patterns.items() if pattern is not None},
            timeout_s=self.timeout, max_lines=self.max_lines, max_bytes=max_bytes,
        )  # fmt: skip

    def boundary_rules(self) -> str:
        """What decides where an event begins and ends, as text: another one means other boundaries."""
        return self.model_dump_json(exclude={"timeout"}, exclude_none=True, by_alias=True)


def without_limit(pattern: str) -> str:
    """Why this pattern could take for ever on some line, or judge a line by others; "" if it cannot.

    Repetitions of what itself repeats or chooses, and several gaps that may each end at many places, are refused: a
    custom pattern holds up the files of its pipeline, and has no time limit (see `effort`).
    """
    for needle, what in (("(?<=", "looks behind"), ("(?<!", "looks behind"), ("(?P=", "refers to a group")):
        if needle in pattern:
            return f"a pattern that {what} cannot be used here; the line is judged by itself"
    if re.search(r"(?<!\\)(?:\\\\)*\\[1-9]", pattern):
        return "a pattern that refers to a group cannot be used here; the line is judged by itself"
    if not pattern.isascii() and "[" in pattern:
        return "characters beyond ASCII and [sets] do not go together here; write them as (?:ä|ö)"
    if _repeats_what_repeats(re.sub(r"\\.", "x", pattern)):
        return "a repetition within a repetition can take for ever; write ^[\\w.]+ for ^(\\w+\\.?)+"
    if count_ways(pattern.encode(), MOST_JUDGED) > _MOST_WAYS:
        return "several gaps such as .*,.*,.*, can take for ever; write what a gap does not hold: [^,]*,[^,]*,[^,]*,"
    return ""


def _repeats_what_repeats(pattern: str) -> bool:
    """`pattern` is without escapes."""
    text = re.sub(r"\[\^?\]?[^\]]*\]", "x", pattern)
    while group := re.search(r"\((?:\?(?:[:=!>]|P<\w+>|[aimsux-]+:))?([^()]*)\)(\*|\+|\{\d*,?\d*\})?", text):
        repeats = re.search(r"[*+\0]|\{\d*,", group[1]) is not None
        chooses = repeats or "|" in group[1]
        if group[2] is not None and (repeats or (chooses and not group[2][1:-1].isdigit())):
            return True
        marked = chooses or group[2] is not None
        text = text[: group.start()] + ("\0" if marked else "x") + text[group.end() :]
    return False
