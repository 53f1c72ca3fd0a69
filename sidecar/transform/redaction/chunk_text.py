"""The members of all records of a chunk as one text, in which each character of a string is one character.

On a sheet a record is a line. A quote stands only where a string begins or ends, so what holds neither a quote nor a
line end lies within one string, or outside of all. What is found there and taken out needs no JSON to be read.
The escapes that are more than a way to write a quote, a backslash or white space stay as they are, with their
backslash, and nothing can be said of their lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

QUOTE = "\x01"
"""A quote within a string. No raw control character is in a string of JSON."""

NUMBER = "\x03"
"""Stands for a number from outside of strings that has to go; such a line cannot be written back."""

_ONE_CHARACTER = (
    # First, or the second of two backslashes would be taken for the beginning of an escape.
    (r"\\", "\x02"),
    (r"\"", QUOTE),
    # As the characters that they stand for, these are white space in patterns.
    (r"\n", "\x1c"), (r"\t", "\x1d"), (r"\r", "\x1e"), (r"\f", "\f"), (r"\b", "\b"),
)  # fmt: skip
_STRUCTURAL = "\x04"
_OURS = re.compile(r"(?i)\\u00(?:0[1-4]|1[c-e])")
_HERE = (("\\", "\x02"), ('"', QUOTE), ("\n", "\x1c"))
_LENIENT = json.JSONDecoder(strict=False)
_MEANT = str.maketrans({QUOTE: '"', "\x02": "\\", "\x1c": "\n", "\x1d": "\t", "\x1e": "\r"})
_KEY = re.compile(r'"(?=([^"]*+)"[ \t\r]*+:)')


def pack(text: str) -> str:
    """Members as they are on a sheet."""
    if "\\" in text:
        for escape, character in _ONE_CHARACTER:
            text = text.replace(escape, character)
    return text


def unpack(sheet: str) -> str:
    """Members as they are in JSON."""
    for escape, character in _ONE_CHARACTER:
        if character in sheet:
            sheet = sheet.replace(character, escape)
    return sheet


def expand_escapes(line: str) -> str:
    """A line with what its other escapes stand for, good to be searched and not to be written back; "" if it cannot
    be had, because one stands for a character that has a meaning here."""
    if _OURS.search(line):
        return ""
    text: str = _LENIENT.decode(f'"{line.replace(chr(34), _STRUCTURAL)}"')
    for character, ours in _HERE:
        text = text.replace(character, ours)
    return text.replace(_STRUCTURAL, '"')


def unescape(text: str) -> str:
    """What a part of a string says."""
    return text.translate(_MEANT)


def lines_of(pattern: re.Pattern[str], sheet: str) -> Iterator[int]:
    """The numbers of the lines in which it occurs."""
    number = at = 0
    while match := pattern.search(sheet, at):
        number += sheet.count("\n", at, match.start())
        yield number
        at = sheet.find("\n", match.start())
        if at < 0:
            return


def keys(lines: Iterable[str]) -> set[str]:
    """All keys in lines of a sheet, and some texts that are none."""
    return {key for key in _KEY.findall("\n".join(lines)) if "\n" not in key}


def single_key(sheet: str) -> str:
    """The key, with its quotes, if each line is one member with it and a string: text that no parser took apart."""
    key = sheet[: sheet.find('"', 1) + 1]
    line_ends = sheet.count("\n")
    is_only = (
        sheet.startswith(f'{key}:"')
        and sheet.count(f'"\n{key}:"') == line_ends
        and sheet.count('"') == 4 * (line_ends + 1)
    )
    return key if is_only else ""
