"""Reads names of months in English, German and French, short and long."""

from __future__ import annotations

import re

_NAMES = (
    "jan january januar jän jänner janv janvier", "feb february februar fév févr fevr février",
    "mar march mär märz mrz mars",
    "apr april avr avril", "may mai", "jun june juni juin", "jul july juli juil juillet", "aug august aoû août aout",
    "sep sept september septembre", "oct october okt oktober octobre", "nov november novembre",
    "dec december dez dezember déc décembre",
)  # fmt: skip
_NUMBERS = {name: f"{number:02}" for number, names in enumerate(_NAMES, 1) for name in names.split()}
_ENGLISH = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WORD = re.compile(r"[^\W\d_]{3,9}\.?")


def month_number(name: str) -> str:
    """Return the number of a month as two digits; "" if the word is not a month."""
    return _NUMBERS.get(name.rstrip(".").casefold(), "")


def translate_months(text: str) -> str:
    """Return the text with each name of a month replaced by its English abbreviation, for `strptime`."""
    return _WORD.sub(lambda word: _ENGLISH[int(number) - 1] if (number := month_number(word[0])) else word[0], text)
