"""Splits JSON objects and arrays into their members and elements as text, without decoding values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_LEAF = rf'(?:{_STRING}|[^\s,"\[\]{{}}]++)'
_SHALLOW = rf'[\[{{](?:[^"\[\]{{}}]++|{_STRING})*+[\]}}]'
_DEEPER = rf'[\[{{](?:[^"\[\]{{}}]++|{_STRING}|{_SHALLOW})*+[\]}}]'
# Text that is not a pair matches up to its end, so that the search does not start again at each character.
_PAIR = re.compile(rf"([ \t\r\n]*+({_STRING})[ \t\r\n]*+:[ \t\r\n]*+({_LEAF}|{_DEEPER})[ \t\r\n]*+(?:,|\Z))|[\s\S]++")
_STRUCTURAL = re.compile(r'[",:]')
_FOLLOWED = re.compile(rf"[ \t\r\n]*+:[ \t\r\n]*+({_LEAF}|{_DEEPER})")
_BEFORE = re.compile(
    rf"(?:[ \t\r\n]*+{_STRING}[ \t\r\n]*+:[ \t\r\n]*+(?:{_LEAF}|{_DEEPER})[ \t\r\n]*+,[ \t\r\n]*+)*+"
)
_MEMBER = re.compile(rf"[ \t\r\n]*+({_STRING})[ \t\r\n]*+:[ \t\r\n]*+")
_SCALAR = re.compile(rf"{_STRING}|[^,\s\]}}]++")
_STRUCTURE = re.compile(rf"[\[\]{{}}]|{_STRING}")
_COMMA = re.compile(r"[ \t\r\n]*+,?+")
_SEPARATOR = re.compile(r"[ \t\r\n]*+,?+[ \t\r\n]*+")
_KEY = msgspec.json.Decoder(str)


class Member(msgspec.Struct, frozen=True):
    """One member of an object."""

    key: str
    """The key, decoded."""

    key_text: str
    """The key as written, with quotes."""

    value: str
    """The value as written."""

    @property
    def text(self) -> str:
        """The member as JSON text."""
        return f"{self.key_text}:{self.value}"

    def body(self) -> str | None:
        """Return the body of the value if it is an object, else None."""
        return self.value[1:-1] if self.value.startswith("{") else None


def split_members(text: str) -> Iterator[Member]:
    """Yield the members in `text`, the body of a valid JSON object (RFC 8259)."""
    position = 0
    while match := _MEMBER.match(text, position):
        end = _value_end(text, match.end())
        yield Member(_KEY.decode(match[1]), match[1], text[match.end() : end])
        comma = _COMMA.match(text, end)
        position = comma.end() if comma else end


def split_pairs(text: str) -> list[tuple[str, str, str]]:
    """Return each member as (key, key as written, value as written). Faster than `split_members`.

    One regular expression reads all members, unless a value is nested deeper than two levels.
    """
    pairs = _PAIR.findall(text)
    if sum([len(match) for match, _, _ in pairs]) != len(text):
        return [(member.key, member.key_text, member.value) for member in split_members(text)]
    return [(key[1:-1] if "\\" not in key else _KEY.decode(key), key, value) for _, key, value in pairs]


class MemberSpan(NamedTuple):
    """The position of a member in the text of its object, as indexes."""

    start: int
    """Start of the key."""

    value: int
    """Start of the value."""

    end: int
    """End of the value."""


NOWHERE = MemberSpan(-1, -1, -1)


def locate(text: str, name: str) -> MemberSpan | None:
    """Return the position of the only member with this name, without reading the other members.

    Return `NOWHERE` if there is no member with this name or with a dotted name that begins with it. Return None if
    that cannot be decided without reading all members.
    """
    # Without backslashes, a quote is never inside a string, and the text between two strings contains a comma or a
    # colon. So a name without these, between quotes and before a colon, is the name of a member.
    if "\\" in text or _STRUCTURAL.search(name):
        return None
    start = text.find(f'"{name}"')
    if f'"{name}.' in text:
        return None
    if start < 0:
        return NOWHERE
    key_end = start + len(name) + 2
    if text.find(f'"{name}"', key_end) >= 0 or not _is_at_the_root(text, start):
        return None
    value = _FOLLOWED.match(text, key_end)
    return MemberSpan(start, value.start(1), value.end(1)) if value else None


def _is_at_the_root(text: str, position: int) -> bool:
    if text.find("{", 0, position) < 0 and text.find("[", 0, position) < 0:
        return True
    return _BEFORE.fullmatch(text, 0, position) is not None


def split_elements(text: str) -> Iterator[str]:
    """Yield the values in `text` as written. `text` is a valid JSON array without its brackets."""
    position = len(text) - len(text.lstrip(" \t\r\n"))
    while position < len(text):
        end = _value_end(text, position)
        yield text[position:end]
        comma = _SEPARATOR.match(text, end)
        position = comma.end() if comma else end


def _value_end(text: str, start: int) -> int:
    if text[start] not in "[{":
        scalar = _SCALAR.match(text, start)
        return scalar.end() if scalar else start + 1
    depth = 0
    for token in _STRUCTURE.finditer(text, start):
        if token[0] in ("{", "["):
            depth += 1
        elif token[0] in ("}", "]"):
            depth -= 1
        if depth == 0:
            return token.end()
    return len(text)
