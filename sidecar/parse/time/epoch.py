"""Converts numbers of seconds, or fractions of them, since 1970-01-01T00:00:00Z. All digits are kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from math import floor

from sidecar.parse.time.second_cache import SecondCache, TimeAffixes

EPOCHS: dict[str, int | None] = {"epoch": None, "epoch_ms": 3, "epoch_us": 6, "epoch_ns": 9}
"""Format → number of decimals: a number counts units of 10^-decimals seconds. None: guess from the number of digits.
"""

_GUESSES = ((11, 0), (14, 3), (17, 6), (20, 9))
"""Pairs of the maximum number of digits before the point, and the decimals. Up to 11 digits are seconds: enough until
the year 5138."""

_MIN_EXPONENT, _MAX_DIGITS = -20, 12
"""Limits of the number of seconds, as powers of ten. Without them, a short text could produce many digits."""


class Epoch:
    """Converts counts of 10^-decimals seconds since the epoch. If `decimals` is None, guesses it from the number of
    digits.
    """

    def __init__(self, decimals: int | None) -> None:
        self._decimals = decimals
        widths = (
            [(decimals, "9,11" if decimals else "1,11") for _, decimals in _GUESSES]
            if decimals is None
            else [(decimals, f"1,{_MAX_DIGITS}")]
        )
        self._lines = [
            re.compile(_lines_regex(decimals, width), re.ASCII | re.MULTILINE) for decimals, width in widths
        ]
        self._seconds = SecondCache(_convert_second)

    def convert(self, text: str) -> str:
        """Return the timestamp as RFC 3339, or "" if the text is not a number or out of range."""
        decimals = self._decimals
        if decimals is None:
            digits = len(text.lstrip("-").partition(".")[0])
            decimals = next((decimals for max_digits, decimals in _GUESSES if digits <= max_digits), None)
        return "" if decimals is None else self._convert_scaled(decimals, text)

    def convert_all(self, texts: Sequence[str]) -> list[str] | None:
        """Return the timestamps of several numbers, or None if they must be converted one by one."""
        joined = "\n".join(texts)
        for pattern in self._lines:
            if pattern.match(joined):
                rows = pattern.findall(joined)
                if len(rows) < len(texts):
                    return None
                return self._seconds.convert_all([whole for whole, _ in rows], [fraction for _, fraction in rows])
        return None

    def _convert_scaled(self, decimals: int, text: str) -> str:
        whole, _, fraction = (text[:-decimals], "", text[-decimals:]) if decimals else text.partition(".")
        digits = whole + fraction
        if not (digits.isdigit() and digits.isascii() and 0 < len(whole) <= _MAX_DIGITS) or text[-1] == ".":
            return _to_rfc3339(decimals, text)
        return self._seconds.convert(whole, fraction[:9])


def _lines_regex(decimals: int, width: str) -> str:
    """Return a regex for numbers, one per line. Groups: the whole seconds, of `width` digits, and the decimals."""
    rest = rf"(\d{{{decimals}}})" if decimals else r"(?:\.(\d{1,9})\d*)?"
    return rf"^(\d{{{width}}}){rest}$"


def _convert_second(seconds: str) -> TimeAffixes:
    return _to_rfc3339(0, seconds)[:-1], "Z"


def _to_rfc3339(decimals: int, text: str) -> str:
    """Return RFC 3339 text for a count of 10^-decimals seconds since the epoch, with at most nine digits of its
    fraction; "" if it is not a valid time.
    """
    try:
        number = Decimal(text).scaleb(-decimals)
        if not (number.is_finite() and _MIN_EXPONENT <= number.adjusted() < _MAX_DIGITS):
            return ""
        seconds = floor(number)
        fraction = f"{number - seconds:f}".partition(".")[2][:9]
        whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ArithmeticError, ValueError, OSError):
        return ""
    return f"{whole.rjust(19, '0')}{f'.{fraction}' if fraction else ''}Z"
