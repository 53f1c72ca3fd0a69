"""Parses durations and sizes as users write them: `5s`, `250ms`, `2h`; `512KiB`, `16MiB`, `1GB`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, overload

from sidecar.lib.declarations import Field
from sidecar.lib.settings_model import JsonSchema, ShortForm

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_BYTES = {
    "": 1, "b": 1,
    "kb": 10**3, "mb": 10**6, "gb": 10**9,
    "k": 2**10, "m": 2**20, "g": 2**30,
    "ki": 2**10, "mi": 2**20, "gi": 2**30,
    "kib": 2**10, "mib": 2**20, "gib": 2**30,
}  # fmt: skip
_SIZES = {"GiB": 2**30, "MiB": 2**20, "GB": 10**9, "MB": 10**6, "KiB": 2**10, "KB": 10**3, "B": 1}
_DURATIONS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
"""Units in which quantities are shown; those of durations in milliseconds."""

_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


@overload
def parse_duration(value: str) -> float: ...
@overload
def parse_duration(value: object) -> object: ...
def parse_duration(value: object) -> object:
    """Convert `"5s"` to 5.0 seconds; return a number unchanged. Raise `ValueError` with an example."""
    if not isinstance(value, str):
        return value
    match = _QUANTITY.fullmatch(value)
    if match and (match[2] or "s").lower() in _SECONDS:
        return float(match[1]) * _SECONDS[(match[2] or "s").lower()]
    raise ValueError("not a duration; write it as 500ms, 5s, 10m, 2h or 14d")


def parse_size(value: object) -> object:
    """Convert `"16MiB"` to 16777216 bytes; return a number unchanged. Raise `ValueError` with an example."""
    if not isinstance(value, str):
        return value
    match = _QUANTITY.fullmatch(value)
    if match and match[2].lower() in _BYTES:
        return int(float(match[1]) * _BYTES[match[2].lower()])
    raise ValueError("not a size; write it as 64KiB, 16MiB or 1GB")


def format_size(size: float) -> str:
    """Return a number of bytes as users write it. `parse_size` reads the result as the same number."""
    return _format(int(size), _SIZES)


def format_duration(seconds: float) -> str:
    """Return a number of seconds as users write it. `parse_duration` reads the result as the same number."""
    milliseconds = round(seconds * 1000)
    return _format(milliseconds, _DURATIONS) if math.isclose(milliseconds / 1000, seconds) else f"{seconds:f}s"


def _format(amount: int, units: Mapping[str, int]) -> str:
    """Return the amount in the largest unit of which it is a whole number. The units are in descending order."""
    unit = next((unit for unit, factor in units.items() if amount and amount % factor == 0), [*units][-1])
    return f"{amount // units[unit]}{unit}"


def _schema(units: Iterable[str]) -> JsonSchema:
    """Return the schema of a quantity with one of these units, in upper or lower case."""
    either = "|".join("".join(f"[{letter}{letter.upper()}]" for letter in unit) for unit in units)
    return {"type": "string", "pattern": rf"^\s*\d+(\.\d+)?\s*({either})?\s*$"}


DURATION = ShortForm(parse_duration, schema=lambda: _schema(_SECONDS), format=format_duration)
"""Marks a number of seconds that may be written with a unit: `Annotated[float, Field(gt=0), DURATION]`."""

MAX_DURATION_S = 100 * 365 * 86400

Duration = Annotated[float, Field(ge=0, le=MAX_DURATION_S, allow_inf_nan=False), DURATION]
_SIZE = ShortForm(parse_size, schema=lambda: _schema(filter(None, _BYTES)), format=format_size)
Size = Annotated[int, Field(gt=0), _SIZE]
