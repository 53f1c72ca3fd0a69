"""Recognizes timestamps that are valid as written: RFC 3339 with a time zone, which every database accepts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec

_RFC3339 = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?"
    r"(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_ANY_LINE = re.compile(f"^{_RFC3339.pattern}$", re.ASCII | re.MULTILINE)
_LIST_DECODER = msgspec.json.Decoder(list[Annotated[datetime, msgspec.Meta(tz=True)]])
_DECODER = msgspec.json.Decoder(Annotated[datetime, msgspec.Meta(tz=True)])
_MAX_SAFE_LENGTH = len("2026-11-23T01:00:00.123456789Z")
_ZERO_DIGITS = str.maketrans("123456789", "0" * 9)
_DATE_COLUMNS = (0, 1, 2, 3, 5, 6, 8, 9)
"""Positions of the digits of the date."""


def all_rfc3339(times: Sequence[str]) -> bool:
    """Return whether all of these timestamps are valid as written. There must be at least one.

    May return False for valid timestamps, but never True if one is invalid. msgspec accepts more than Elasticsearch
    does: other letters between date and time, and more than nine digits of a fraction. So these are checked first.
    """
    if _share_day(times):
        return True
    joined = '","'.join(times)
    if max(map(len, times)) > _MAX_SAFE_LENGTH or joined.count("T") != len(times):
        return False
    if "z" in joined or "+" in joined or joined.count("-") != 2 * len(times):
        return all(map(is_rfc3339, times))
    try:
        return len(_LIST_DECODER.decode(f'["{joined}"]')) == len(times)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return False


def _share_day(times: Sequence[str]) -> bool:
    """Return whether all timestamps are valid in UTC, and have the same form and day as the first one.

    Such timestamps differ only in the digits of the time of day, which are checked column by column.
    """
    first, count = times[0], len(times)
    width = len(first)
    if list(map(len, times)).count(width) != count or not first.endswith("Z") or not is_rfc3339(first):
        return False
    joined = "".join(times)
    if joined.translate(_ZERO_DIGITS) != first.translate(_ZERO_DIGITS) * count:
        return False
    if any(joined[column::width] != first[column] * count for column in _DATE_COLUMNS):
        return False
    # With the same day and form, the latest timestamp sorts last and has the latest hour.
    if joined[11::width].strip("01") and max(times)[11:13] > "23":
        return False
    return not (joined[14::width] + joined[17::width]).strip("012345")


def is_rfc3339(text: str) -> bool:
    """Return whether the text is a valid RFC 3339 timestamp with a zone."""
    if not _RFC3339.fullmatch(text):
        return False
    try:
        _DECODER.decode(f'"{text}"')
    except msgspec.DecodeError:
        return False
    return True


def any_rfc3339(joined: str) -> bool:
    """Return whether one of these lines has the form of a valid timestamp."""
    return _ANY_LINE.search(joined) is not None
