"""Finds the UTC offset of a time: from the offset or zone name in its text, or from the configured zone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_UTC_NAMES = frozenset(("Z", "z", "UTC", "GMT", "+0000", "+00:00", "+00", "-0000", "-00:00", "-00"))
_OFFSET = re.compile(r"(?:UTC|GMT)?[+-]\d\d:?(?:\d\d)?|(?:UTC|GMT)[+-]\d", re.ASCII)
_MONTHS_OF_BOTH_SEASONS = (1, 7)

_COMMON_OFFSETS_H = {
    "UT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3, "SAST": 2,
    "WIB": 7, "HKT": 8, "SGT": 8, "AWST": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
    "EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10,
    "BRT": -3, "ART": -3,
}  # fmt: skip
"""Zone names with one usual meaning → hours ahead of UTC. CST, IST, BST and others are missing, because they have
several meanings."""

_LONG_OFFSETS = {
    "Coordinated Universal Time": "Z", "Greenwich Mean Time": "Z", "British Summer Time": "+01:00",
    "Central European Time": "+01:00", "Central European Standard Time": "+01:00",
    "Central European Summer Time": "+02:00", "Eastern European Standard Time": "+02:00",
    "Eastern European Summer Time": "+03:00", "Moscow Standard Time": "+03:00", "India Standard Time": "+05:30",
    "China Standard Time": "+08:00", "Japan Standard Time": "+09:00", "Brasilia Standard Time": "-03:00",
    "Eastern Standard Time": "-05:00", "Eastern Daylight Time": "-04:00", "Central Standard Time": "-06:00",
    "Central Daylight Time": "-05:00", "Mountain Standard Time": "-07:00", "Mountain Daylight Time": "-06:00",
    "Pacific Standard Time": "-08:00", "Pacific Daylight Time": "-07:00",
}  # fmt: skip
"""English names of zones, as Java writes them → offsets from UTC."""


class Zones:
    """Finds UTC offsets. `default`: zone for times that have none. `names`: configured meanings of zone names."""

    def __init__(self, default: str = "UTC", names: Mapping[str, str] | None = None) -> None:
        self._default = ZoneInfo(default)
        self._names = dict(names or {})

    def offset(self, written: str, local: str) -> str:
        """Return the UTC offset, as in RFC 3339, of a local time in ISO 8601; "" if the time is not valid.

        `written`: zone name or offset in the text of the timestamp, or "". An unknown name is read as UTC.
        """
        if not written:
            return offset_at(local, self._default)
        if written in self._names:
            return _offset_of(self._names[written], local)
        if written in _UTC_NAMES:
            return "Z"
        if _OFFSET.fullmatch(written):
            return offset_text(written)
        if "/" in written:
            zone = _find_zone(written)
            return offset_at(local, zone) if zone else "Z"
        return self._offset_of_name(written, local[:4]) or "Z"

    def is_known(self, written: str) -> bool:
        """Return whether a zone name or offset is known. Times with an unknown one are read as UTC."""
        if not written or written in self._names or written in _UTC_NAMES or _OFFSET.fullmatch(written):
            return True
        return _find_zone(written) is not None if "/" in written else bool(self._offset_of_name(written, "2026"))

    def _offset_of_name(self, name: str, year: str) -> str:
        """Return the offset of a zone name: that of the default zone, if it uses this name, or the usual one; "" if
        the name is unknown.
        """
        if year.isdigit() and (offset := _offsets_by_name(self._default, int(year)).get(name)):
            return offset
        if name in _LONG_OFFSETS:
            return _LONG_OFFSETS[name]
        hours = _COMMON_OFFSETS_H.get(name)
        return "" if hours is None else offset_text(f"{hours:+03}00")


def check_zone(meaning: str) -> str:
    """Return an IANA name or an offset such as +05:30 unchanged. Raise `ValueError` for other text."""
    if _OFFSET.fullmatch(meaning) is None and _find_zone(meaning) is None:
        raise ValueError("unknown time zone; use an IANA name such as Europe/Berlin, or an offset such as +05:30")
    return meaning


def _offset_of(meaning: str, local: str) -> str:
    if _OFFSET.fullmatch(meaning):
        return offset_text(meaning)
    zone = _find_zone(meaning)
    return offset_at(local, zone) if zone else "Z"


@lru_cache(maxsize=64)
def _find_zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@lru_cache(maxsize=64)
def _offsets_by_name(zone: ZoneInfo, year: int) -> dict[str, str]:
    """Return the offsets of a zone in summer and winter of a year, by the abbreviation of the zone in that season."""
    try:
        times = [datetime(year, month, 1, tzinfo=zone) for month in _MONTHS_OF_BOTH_SEASONS]
    except ValueError:
        return {}
    return {str(time.tzname()): offset_text(time.strftime("%z")) for time in times}


def offset_at(local: str, zone: ZoneInfo) -> str:
    """Return the UTC offset of a zone at a local time in ISO 8601; "" if the time is not valid.

    If the zone is UTC, the time is not checked.
    """
    if zone.key == "UTC":
        return "Z"
    try:
        return offset_text(datetime.fromisoformat(local).replace(tzinfo=zone).strftime("%z"))
    except ValueError:
        return ""


def offset_text(zone: str) -> str:
    """Return a UTC offset as in RFC 3339: `+01`, `+0100`, `+01:00` and `UTC+1` become `+01:00`."""
    zone = zone.removeprefix("UTC").removeprefix("GMT")
    if not zone or zone in _UTC_NAMES:
        return "Z"
    digits = zone[1:].replace(":", "")
    digits = f"0{digits}00" if len(digits) == 1 else digits.ljust(4, "0")
    return f"{zone[0]}{digits[:2]}:{digits[2:]}"
