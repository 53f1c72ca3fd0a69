"""The members of a JSON object as text, so that they can be moved about without being decoded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_LEAF = rf'(?:{_STRING}|[^\s,"\[\]{{}}]++)'
_SHALLOW = rf'[\[{{](?:[^"\[\]{{}}]++|{_STRING})*+[\]}}]'
_DEEPER = rf'[\[{{](?:[^"\[\]{{}}]++|{_STRING}|{_SHALLOW})*+[\]}}]'
# What is no pair takes all the rest, or a search would begin again at each character behind it.
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
    """One member: its key decoded, its key and value as they are written."""

    key: str
    key_text: str
    value: str

    @property
    def text(self) -> str:
        """The member as JSON text."""
        return f"{self.key_text}:{self.value}"

    def inside(self) -> str | None:
        """The members of the value if it is an object, else None."""
        return self.value[1:-1] if self.value.startswith("{") else None


def split_members(text: str) -> Iterator[Member]:
    """The members in `text`, the inside of an object that is known to be valid JSON (RFC 8259)."""
    at = 0
    while match := _MEMBER.match(text, at):
        end = _value_end(text, match.end())
        yield Member(_KEY.decode(match[1]), match[1], text[match.end() : end])
        comma = _COMMA.match(text, end)
        at = comma.end() if comma else end


def split_pairs(text: str) -> list[tuple[str, str, str]]:
    """(key, key as it is written, value as it is written) of each of these members; like `split_members`, and faster.

    One scan in C reads them all, unless a value is nested deeper than two levels.
    """
    found = _PAIR.findall(text)
    if sum([len(whole) for whole, _, _ in found]) != len(text):
        return [(each.key, each.key_text, each.value) for each in split_members(text)]
    return [(key[1:-1] if "\\" not in key else _KEY.decode(key), key, value) for _, key, value in found]


class MemberSpan(NamedTuple):
    """Where a member is in its text: from `start` to `end`, its value from `value` on."""

    start: int
    value: int
    end: int


NOWHERE = MemberSpan(-1, -1, -1)


def locate(text: str, name: str) -> MemberSpan | None:
    """Where the only one of these members is that is called so, or has a dotted name that begins so.

    `NOWHERE` if there is none, None if that cannot be told without reading all of them. Without a backslash a quote
    never stands within a string, and what stands between two strings holds a comma or a colon; so a name without
    these, between quotes and before a colon, is the name of a member.
    """
    if "\\" in text or _STRUCTURAL.search(name):
        return None
    at = text.find(f'"{name}"')
    if f'"{name}.' in text:
        return None
    if at < 0:
        return NOWHERE
    behind = at + len(name) + 2
    if text.find(f'"{name}"', behind) >= 0 or not _is_at_the_root(text, at):
        return None
    value = _FOLLOWED.match(text, behind)
    return MemberSpan(at, value.start(1), value.end(1)) if value else None


def _is_at_the_root(text: str, at: int) -> bool:
    if text.find("{", 0, at) < 0 and text.find("[", 0, at) < 0:
        return True
    return _BEFORE.fullmatch(text, 0, at) is not None


def split_elements(text: str) -> Iterator[str]:
    """The values in `text`, the inside of an array that is known to be valid JSON, as they are written."""
    at = len(text) - len(text.lstrip(" \t\r\n"))
    while at < len(text):
        end = _value_end(text, at)
        yield text[at:end]
        comma = _SEPARATOR.match(text, end)
        at = comma.end() if comma else end


def _value_end(text: str, at: int) -> int:
    if text[at] not in "[{":
        scalar = _SCALAR.match(text, at)
        return scalar.end() if scalar else at + 1
    depth = 0
    for token in _STRUCTURE.finditer(text, at):
        if token[0] in ("{", "["):
            depth += 1
        elif token[0] in ("}", "]"):
            depth -= 1
        if depth == 0:
            return token.end()
    return len(text)
