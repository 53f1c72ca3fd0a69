"""Estimates from a pattern alone how often a search for it may backtrack on one line.

Patterns of `multiline` have no time limit, because event boundaries must not depend on a clock. If they differed
after a restart, the id of a document would refer to other bytes. So patterns that could backtrack too often are
rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from math import log2
from typing import Any, NamedTuple

_ALL = frozenset(range(256))
_NONE: frozenset[int] = frozenset()
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT")
_CATEGORIES = {
    "CATEGORY_DIGIT": frozenset(b"0123456789"),
    "CATEGORY_SPACE": frozenset(b" \t\n\r\f\v"),
    "CATEGORY_WORD": frozenset(byte for byte in range(128) if chr(byte).isalnum() or byte == ord("_")),
}


class _PatternPart(NamedTuple):
    """A part of a pattern."""

    first: frozenset[int]
    """Bytes with which a match of the part may begin."""

    may_be_empty: bool
    """Whether the part matches the empty text."""

    bits: float
    """Binary logarithm of the number of ways to match the part."""


_EMPTY = _PatternPart(_NONE, may_be_empty=True, bits=0.0)


def count_ways(pattern: bytes, max_bytes: int) -> float:
    """Return the binary logarithm of the maximum number of ways to match that a search may try on one line."""
    # The parser of `re` is private, but there is no other way to get a parsed pattern.
    tree = import_module("re._parser").parse(pattern)
    at_each_byte = 0.0 if pattern.startswith(b"^") else log2(max_bytes)
    return at_each_byte + _sequence(tree, _NONE, max_bytes).bits


def _sequence(items: Iterable[Any], follow: frozenset[int], max_bytes: int) -> _PatternPart:
    rest = _PatternPart(follow, may_be_empty=True, bits=0.0)
    may_be_empty, first_bytes = True, _NONE
    for op, argument in reversed(list(items)):
        part = _part(str(op), argument, rest.first, max_bytes)
        first = part.first | rest.first if part.may_be_empty else part.first
        first_bytes = part.first | first_bytes if part.may_be_empty else part.first
        may_be_empty = may_be_empty and part.may_be_empty
        rest = _PatternPart(first, may_be_empty=True, bits=rest.bits + part.bits)
    return _PatternPart(first_bytes, may_be_empty, rest.bits)


def _part(op: str, argument: Any, follow: frozenset[int], max_bytes: int) -> _PatternPart:
    if op in _REPEATS:
        min_count, max_count, body = argument
        return _repeat(min_count, max_count, body, follow, max_bytes)
    if op == "POSSESSIVE_REPEAT":
        min_count, _, body = argument
        inner = _sequence(body, _ALL, max_bytes)
        return _PatternPart(inner.first, inner.may_be_empty or min_count == 0, inner.bits * max_bytes)
    if op == "ATOMIC_GROUP":
        return _sequence(argument, follow, max_bytes)
    if op == "SUBPATTERN":
        return _sequence(argument[3], follow, max_bytes)
    if op == "BRANCH":
        return _branch([_sequence(each, follow, max_bytes) for each in argument[1]])
    if op in ("ASSERT", "ASSERT_NOT"):
        # The part of the pattern before the assertion evaluates it again at each offset.
        return _PatternPart(_ALL, may_be_empty=True, bits=_sequence(argument[1], _NONE, max_bytes).bits)
    return _EMPTY if op == "AT" else _PatternPart(_in_any_case(_bytes(op, argument)), may_be_empty=False, bits=0.0)


def _repeat(min_count: int, max_count: Any, body: Any, follow: frozenset[int], max_bytes: int) -> _PatternPart:
    max_count = min(int(max_count), max_bytes)
    inner = _sequence(body, _ALL, max_bytes)
    # The repetition can end at one offset only, unless the next part may begin with a byte that it matches too.
    ends = log2(max_count - min_count + 1) if max_count > min_count and inner.first & follow else 0.0
    return _PatternPart(inner.first, inner.may_be_empty or min_count == 0, ends + max_count * inner.bits)


def _branch(parts: Sequence[_PatternPart]) -> _PatternPart:
    firsts = [part.first for part in parts]
    is_plain = sum(map(len, firsts)) == len(_NONE.union(*firsts)) and not any(part.may_be_empty for part in parts)
    choice = 0.0 if is_plain else log2(len(parts))
    return _PatternPart(
        _NONE.union(*firsts), any(part.may_be_empty for part in parts), choice + max(part.bits for part in parts)
    )


def _in_any_case(found: frozenset[int]) -> frozenset[int]:
    """Return these bytes in both cases, because a flag may make the pattern ignore case."""
    return found.union(bytes(found).swapcase())


def _bytes(op: str, argument: Any) -> frozenset[int]:
    """Return the bytes that one character of a pattern may match; all bytes if the operation is unknown."""
    if op == "LITERAL":
        return frozenset({argument})
    if op == "NOT_LITERAL":
        return _ALL - {argument}
    if op != "IN":
        return _ALL
    found = _NONE
    for kind, value in argument:
        found |= _bytes_of_set(str(kind), value)
    return _ALL - found if str(argument[0][0]) == "NEGATE" else found


def _bytes_of_set(kind: str, value: Any) -> frozenset[int]:
    if kind == "NEGATE":
        return _NONE
    if kind == "LITERAL":
        return frozenset({value})
    if kind == "RANGE":
        return frozenset(range(value[0], value[1] + 1))
    name = str(value)
    return _ALL - _CATEGORIES[name.replace("NOT_", "")] if "NOT_" in name else _CATEGORIES[name]
