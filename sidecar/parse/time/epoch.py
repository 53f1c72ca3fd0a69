"""Times as numbers since 1970-01-01T00:00:00Z, with the digits of the second that they have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from math import floor

from sidecar.parse.time.second_cache import Ends, SecondCache

EPOCHS: dict[str, int | None] = {"epoch": None, "epoch_ms": 3, "epoch_us": 6, "epoch_ns": 9}
"""Decimal places of the numbers of each format; None is told by how many digits there are."""

_GUESSES = ((11, 0), (14, 3), (17, 6), (20, 9))
"""(digits before the point up to, decimal places): 10-digit numbers are seconds until the year 5138. But for those of
few seconds, 9 to 11 digits say the second."""

_LEAST, _MOST = -20, 12
"""Powers of ten between which a number of seconds has to be, so that its digits are few."""


class Epoch:
    """Numbers of seconds × 10^places; without `places`, those that the digits before the point suggest."""

    def __init__(self, places: int | None) -> None:
        self._places = places
        widths = (
            [(at, "9,11" if at else "1,11") for _, at in _GUESSES] if places is None else [(places, f"1,{_MOST}")]
        )
        self._lines = [re.compile(_lines(at, width), re.ASCII | re.MULTILINE) for at, width in widths]
        self._seconds = SecondCache(_whole)

    def one(self, text: str) -> str:
        """The time of a number."""
        places = self._places
        if places is None:
            digits = len(text.lstrip("-").partition(".")[0])
            places = next((at for most, at in _GUESSES if digits <= most), None)
        return "" if places is None else self._scaled(places, text)

    def all(self, texts: Sequence[str]) -> list[str] | None:
        """The times of numbers with as many places all of them."""
        joined = "\n".join(texts)
        for pattern in self._lines:
            if pattern.match(joined):
                rows = pattern.findall(joined)
                if len(rows) < len(texts):
                    return None
                return self._seconds.all([whole for whole, _ in rows], [fraction for _, fraction in rows])
        return None

    def _scaled(self, places: int, text: str) -> str:
        whole, _, fraction = (text[:-places], "", text[-places:]) if places else text.partition(".")
        digits = whole + fraction
        if not (digits.isdigit() and digits.isascii() and 0 < len(whole) <= _MOST) or text[-1] == ".":
            return _scaled(places, text)
        return self._seconds.one(whole, fraction[:9])


def _lines(places: int, width: str) -> str:
    """Numbers with so many places that have a line each: whole seconds of so many digits, and what is behind them."""
    behind = rf"(\d{{{places}}})" if places else r"(?:\.(\d{1,9})\d*)?"
    return rf"^(\d{{{width}}}){behind}$"


def _whole(seconds: str) -> Ends:
    return _scaled(0, seconds)[:-1], "Z"


def _scaled(places: int, text: str) -> str:
    """RFC 3339 text for a number of seconds × 10^places since the epoch, with the digits that it has."""
    try:
        number = Decimal(text).scaleb(-places)
        if not (number.is_finite() and _LEAST <= number.adjusted() < _MOST):
            return ""
        seconds = floor(number)
        fraction = f"{number - seconds:f}".partition(".")[2][:9]
        whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ArithmeticError, ValueError, OSError):
        return ""
    return f"{whole.rjust(19, '0')}{f'.{fraction}' if fraction else ''}Z"
