"""Packs the bodies of all records of a chunk into one text, in which common JSON escapes are single characters.

Each record is one line of the packed text. Quotes occur only at the beginning and end of strings. So a match without
quote and line end is inside one string or outside of all strings, and can be removed without parsing JSON. Other
escapes, such as `\\u00e9`, are left in place; lines with these need the general path (see `redactor`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

QUOTE = "\x01"
"""A quote within a string. JSON strings contain no raw control characters."""

NUMBER = "\x03"
"""Replaces a number outside of strings that must be redacted. A line with it cannot be unpacked."""

_PACKED_ESCAPES = (
    # Comes first, because otherwise the second of two backslashes would count as the beginning of an escape.
    (r"\\", "\x02"),
    (r"\"", QUOTE),
    # The replacements match `\s` in patterns, like the characters that they replace.
    (r"\n", "\x1c"), (r"\t", "\x1d"), (r"\r", "\x1e"), (r"\f", "\f"), (r"\b", "\b"),
)  # fmt: skip
_STRUCTURAL = "\x04"
_RESERVED_ESCAPE = re.compile(r"(?i)\\u00(?:0[1-4]|1[c-e])")
_PACKED = (("\\", "\x02"), ('"', QUOTE), ("\n", "\x1c"))
_LENIENT = json.JSONDecoder(strict=False)
_UNPACKED = str.maketrans({QUOTE: '"', "\x02": "\\", "\x1c": "\n", "\x1d": "\t", "\x1e": "\r"})
_KEY = re.compile(r'"(?=([^"]*+)"[ \t\r]*+:)')


def pack(text: str) -> str:
    """Return the bodies of records, one per line, as packed text."""
    if "\\" in text:
        for escape, character in _PACKED_ESCAPES:
            text = text.replace(escape, character)
    return text


def unpack(packed: str) -> str:
    """Return packed text as the bodies of records, one per line."""
    for escape, character in _PACKED_ESCAPES:
        if character in packed:
            packed = packed.replace(character, escape)
    return packed


def expand_escapes(line: str) -> str:
    """Return a packed line with its remaining escapes expanded. It can be searched, but not unpacked.

    Return "" if an escape represents a character that packed text uses as a replacement.
    """
    if _RESERVED_ESCAPE.search(line):
        return ""
    text: str = _LENIENT.decode(f'"{line.replace(chr(34), _STRUCTURAL)}"')
    for character, replacement in _PACKED:
        text = text.replace(character, replacement)
    return text.replace(_STRUCTURAL, '"')


def unescape(text: str) -> str:
    """Return the characters that a part of a packed string represents."""
    return text.translate(_UNPACKED)


def find_lines(pattern: re.Pattern[str], packed: str) -> Iterator[int]:
    """Yield the numbers of the lines in which the pattern matches."""
    number = at = 0
    while match := pattern.search(packed, at):
        number += packed.count("\n", at, match.start())
        yield number
        at = packed.find("\n", match.start())
        if at < 0:
            return


def find_keys(lines: Iterable[str]) -> set[str]:
    """Return a superset of the keys in packed lines: some texts that are not keys are included."""
    return {key for key in _KEY.findall("\n".join(lines)) if "\n" not in key}


def single_key(packed: str) -> str:
    """Return the key with its quotes if every line has only this member, with a string as its value; else ""."""
    key = packed[: packed.find('"', 1) + 1]
    line_ends = packed.count("\n")
    is_only = (
        packed.startswith(f'{key}:"')
        and packed.count(f'"\n{key}:"') == line_ends
        and packed.count('"') == 4 * (line_ends + 1)
    )
    return key if is_only else ""
