"""Which times can stand as the application wrote them: RFC 3339 with a zone, as every database takes it."""

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
_ANY = re.compile(f"^{_RFC3339.pattern}$", re.ASCII | re.MULTILINE)
_MANY = msgspec.json.Decoder(list[Annotated[datetime, msgspec.Meta(tz=True)]])
_ONE = msgspec.json.Decoder(Annotated[datetime, msgspec.Meta(tz=True)])
_LONGEST_SAFE = len("2026-11-23T01:00:00.123456789Z")
_SHAPE = str.maketrans("123456789", "0" * 9)
_DATE = (0, 1, 2, 3, 5, 6, 8, 9)
"""Where the digits of the date are."""


def all_rfc3339(times: Sequence[str]) -> bool:
    """Whether every one of these, of which there is one at least, can stand as it is; judged at a stroke.

    msgspec takes a little more than Elasticsearch does: other letters between date and time, more than nine
    digits of a fraction. May say no to times that are good, never yes to one that is not.
    """
    if _are_of_one_day(times):
        return True
    joined = '","'.join(times)
    if max(map(len, times)) > _LONGEST_SAFE or joined.count("T") != len(times):
        return False
    if "z" in joined or "+" in joined or joined.count("-") != 2 * len(times):
        return all(map(is_rfc3339, times))
    try:
        return len(_MANY.decode(f'["{joined}"]')) == len(times)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return False


def _are_of_one_day(times: Sequence[str]) -> bool:
    """Whether all are written as the first one is, which can stand as it is, and on the same day.

    They differ in digits only, then, which are looked at column by column.
    """
    first, many = times[0], len(times)
    width = len(first)
    if list(map(len, times)).count(width) != many or not first.endswith("Z") or not is_rfc3339(first):
        return False
    joined = "".join(times)
    if joined.translate(_SHAPE) != first.translate(_SHAPE) * many:
        return False
    if any(joined[column::width] != first[column] * many for column in _DATE):
        return False
    # Of one day and one shape, the latest one sorts last, and has the latest hour.
    if joined[11::width].strip("01") and max(times)[11:13] > "23":
        return False
    return not (joined[14::width] + joined[17::width]).strip("012345")


def is_rfc3339(text: str) -> bool:
    """Whether this can stand as it is."""
    if not _RFC3339.fullmatch(text):
        return False
    try:
        _ONE.decode(f'"{text}"')
    except msgspec.DecodeError:
        return False
    return True


def any_rfc3339(joined: str) -> bool:
    """Whether one of these, of which each stands on a line of its own, may stand as it is."""
    return _ANY.search(joined) is not None
