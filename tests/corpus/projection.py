"""From JSON to BSON, as the table in docs/reference/mongodb.md says, written a second time for the corpus."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import Any

from bson import Decimal128

_HALF = re.compile("[\ud800-\udfff]")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_INT64 = range(-(2**63), 2**63)
_MOST_DIGITS = 34


def projection(document: str) -> dict[str, Any]:
    """The document as a MongoDB server gives it back, but for its `_id`."""
    found = json.loads(document, parse_int=_whole, parse_float=_fraction)
    made: dict[str, Any] = _value(found)
    made["@timestamp"] = date(made["@timestamp"])
    return made


def date(text: str) -> datetime | str:
    """A date in milliseconds, or the text if it is no time."""
    match = _TIME.fullmatch(text)
    if not match:
        return text
    whole, fraction, zone = match.groups()
    try:
        found = datetime.fromisoformat(whole + zone.replace("Z", "+00:00")).astimezone(UTC)
    except ValueError:
        return text
    return found.replace(microsecond=int((fraction or "").ljust(3, "0")[:3]) * 1000)


def _whole(digits: str) -> Any:
    number = int(digits)
    if number in _INT64:
        return number
    return Decimal128(digits) if len(digits.lstrip("-").rstrip("0")) <= _MOST_DIGITS else digits


def _fraction(digits: str) -> Any:
    number = float(digits)
    if math.isfinite(number):
        return number
    try:
        return Decimal128(digits)
    except ArithmeticError:
        return digits


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return {_text(name).replace("\0", "\\u0000"): _value(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_value(item) for item in value]
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
