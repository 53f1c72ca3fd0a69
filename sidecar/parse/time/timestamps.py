"""Converts timestamps of applications to RFC 3339, which every database accepts.

RFC 3339 with a zone stays as written, including nanoseconds; other timestamps are converted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from sidecar.lib.clock import Clock, SystemClock
from sidecar.parse.time.date_shapes import DateText
from sidecar.parse.time.epoch import EPOCHS, Epoch
from sidecar.parse.time.months import month_number
from sidecar.parse.time.rfc3339 import all_rfc3339, any_rfc3339, is_rfc3339
from sidecar.parse.time.second_cache import SecondCache, TimeAffixes
from sidecar.parse.time.strptime import Strptime
from sidecar.parse.time.zones import Zones

_LOOSE = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9})\d*)?\s?(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_LOOSE_LINES = re.compile(f"^{_LOOSE.pattern}$".replace(r"\s", "[ \t\f\v]"), re.ASCII | re.MULTILINE)
_COMMON_LOG = re.compile(
    r"(\d\d)/([^\W\d_]{3,9})/(\d{4})[: ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(?: ?([+-]\d\d:?\d\d|Z|UTC|GMT))?"
)

DEFAULT_FORMATS = ("iso8601", "epoch", "date")

_LENGTH_WITHOUT_SECONDS = len("2026-11-23T01:00")

_MAX_LENGTH = 128
"""Maximum characters of a timestamp. The field may contain any text, and conversions are cached in memory."""


class TimeFormat(Protocol):
    """One format of timestamps. Converts to RFC 3339, or "" for text that does not have the format."""

    def convert(self, text: str) -> str:
        """Return the timestamp of one text without surrounding white space."""
        ...

    def convert_all(self, texts: Sequence[str]) -> list[str] | None:
        """Return the timestamps of several texts without line ends, or None if they must be converted one by one."""
        ...


class Timestamps:
    """Converts event timestamps. `formats` are tried in order; the default is `DEFAULT_FORMATS`.

    `zones` finds the UTC offset of a timestamp that has none. `clock` supplies a missing year or date.
    """

    def __init__(self, formats: Sequence[str] = (), zones: Zones | str = "UTC", clock: Clock | None = None) -> None:
        self._zones = Zones(zones) if isinstance(zones, str) else zones
        self._clock = clock or SystemClock()
        self._formats = [self._create_format(name) for name in formats or DEFAULT_FORMATS]
        # No text matches two of the default formats, so their order does not matter. That of custom formats does.
        self._batch_formats = self._formats[: None if not formats else 1]
        self._keeps_rfc3339 = not formats or formats[0] == "iso8601"

    def read(self, value: str | float | int) -> str:
        """Return RFC 3339 text for a value of the application, or "" if it is not a timestamp."""
        text = value if isinstance(value, str) else str(value)
        if len(text) > _MAX_LENGTH:
            return ""
        if self._keeps_rfc3339 and is_rfc3339(text):
            return text
        text = text.strip()
        for time_format in self._formats:
            if converted := time_format.convert(text):
                return converted
        return ""

    def convert_all(self, texts: Sequence[str]) -> list[str]:
        """Return RFC 3339 text for each of several texts, or ""."""
        if "" in texts:
            times = iter(self.convert_all([text for text in texts if text]))
            return [text and next(times) for text in texts]
        return self._convert_chunk(texts) or [self.read(text) for text in texts]

    def _convert_chunk(self, texts: Sequence[str]) -> list[str] | None:
        if not texts:
            return None
        if self._keeps_rfc3339 and all_rfc3339(texts):
            return list(texts)
        joined = "\n".join(texts)
        if joined.count("\n") >= len(texts) or max(map(len, texts)) > _MAX_LENGTH:
            return None
        if self._keeps_rfc3339 and "T" in joined and any_rfc3339(joined):
            return None
        bare = list(map(str.strip, texts))
        for time_format in self._batch_formats:
            if converted := time_format.convert_all(bare):
                return converted if "" not in converted else None
        return None

    def _create_format(self, name: str) -> TimeFormat:
        if name == "iso8601":
            return Iso8601(self._zones, self._clock)
        if name == "date":
            return DateText(self._zones, self._clock)
        if name == "common_log":
            return CommonLog(self._zones)
        if name in EPOCHS:
            return Epoch(EPOCHS[name])
        return Strptime(name, self._zones, self._clock)


class Iso8601:
    """Converts ISO 8601 and common deviations from it.

    These are: a space instead of `T`, a comma before the fraction, no seconds, no zone or the name of a zone; basic,
    ordinal and week dates; 24:00 and second 60.
    """

    def __init__(self, zones: Zones, clock: Clock) -> None:
        self._zones = zones
        self._seconds = SecondCache(self._convert)
        self._rare_shapes = DateText(zones, clock, only_iso=True)

    def convert(self, text: str) -> str:
        """Return the timestamp of one text."""
        match = _LOOSE.fullmatch(text)
        if match:
            local, fraction, zone = match.groups("")
            if time := self._seconds.convert((local, zone), fraction):
                return time
        return self._rare_shapes.convert(text)

    def convert_all(self, texts: Sequence[str]) -> list[str] | None:
        """Return the timestamps of several texts, or None if they must be converted one by one."""
        joined = "\n".join(texts)
        rows = _LOOSE_LINES.findall(joined) if _LOOSE_LINES.match(joined) else ()
        if len(rows) != len(texts):
            return None
        return self._seconds.convert_all(
            [(local, zone) for local, _, zone in rows], [fraction for _, fraction, _ in rows]
        )

    def _convert(self, key: tuple[str, str]) -> TimeAffixes:
        written, zone = key
        local = f"{written[:10]}T{written[11:]}" + (":00" if len(written) == _LENGTH_WITHOUT_SECONDS else "")
        offset = self._zones.offset(zone, local)
        return (local, offset) if is_rfc3339(local + offset) else ("", "")


class CommonLog:
    """Converts timestamps of web servers, such as `23/Nov/2026:01:00:00 +0000`, with or without a zone."""

    def __init__(self, zones: Zones) -> None:
        self._zones = zones
        self._seconds = SecondCache(self._convert)

    def convert_all(self, texts: Sequence[str]) -> list[str]:
        """Return the timestamp of each text; "" if it is not a timestamp."""
        if texts and max(map(len, texts)) > _MAX_LENGTH:
            texts = [text if len(text) <= _MAX_LENGTH else "" for text in texts]
        return self._seconds.convert_all(texts)

    def convert(self, text: str) -> str:
        """Return the timestamp of one short text."""
        return self._seconds.convert(text)

    def _convert(self, text: str) -> TimeAffixes:
        match = _COMMON_LOG.fullmatch(text)
        if not match:
            return "", ""
        day, month, year, clock, fraction, zone = match.groups("")
        local = f"{year}-{month_number(month)}-{day}T{clock}"
        offset = self._zones.offset(zone, local)
        written = f"{local}.{fraction}" if fraction else local
        return (written, offset) if is_rfc3339(written + offset) else ("", "")
