"""Implements the functions of the compiled module in Python, for use without a compiler and as a specification."""

from __future__ import annotations

import re
from itertools import accumulate, count, repeat
from operator import add

_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE}")
_ESCAPED = re.compile(rb"[\x00-\x09\x0b-\x1f\\]")


def split_lines(data: bytes, offset: int) -> tuple[list[str], list[int]] | None:
    """Return the lines of UTF-8 text without line ends, and the offset of each line. `offset`: offset of `data`.

    Return None if a line is empty or not UTF-8, or if the last line has no line end.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    texts = text.split("\n")
    if texts.pop() or not texts or not all(texts):
        return None
    # A line begins after the bytes and line ends of all lines before it.
    lengths = map(len, texts if text.isascii() else data.split(b"\n"))
    return texts, list(map(add, accumulate(lengths, initial=offset), count()))[: len(texts)]


def strip_braces(texts: list[str], first: str, last: str) -> list[str] | None:
    """Return each text without its first and last character.

    Return None if a text does not begin with `first` and end with `last`, which are ASCII characters.
    """
    if all(len(text) > 1 and text[0] == first and text[-1] == last for text in texts):
        return [text[1:-1] for text in texts]
    return None


def join_columns(rows: int, columns: tuple[str | list[str] | list[int], ...]) -> bytes:
    """Concatenate rows, each of which concatenates its columns. Return UTF-8.

    A column is a text that all rows share, or a list with one item for each row. An item is a text, or a number from
    0 to 2^63 - 1. Raise `UnicodeEncodeError` for a lone surrogate.
    """
    sources = [repeat(column, rows) if isinstance(column, str) else column for column in columns]
    template = "%s" * len(columns)
    return "".join([template % row for row in zip(*sources, strict=False)]).encode()


def contains(data: bytes, text: bytes) -> bool:
    """Return whether `data` contains `text`. Raise `ValueError` if `text` is shorter than two bytes."""
    if len(text) < 2:
        raise ValueError("the text to search for must have at least two bytes")
    return text in data


def are_ipv4(texts: list[str]) -> bool:
    """Return whether each text is an IPv4 address in decimal notation, without leading zeros."""
    return all(map(_IPV4.fullmatch, texts))


def count_byte(data: bytes, byte: bytes) -> int:
    """Return the number of times that this byte occurs."""
    return data.count(byte)


def needs_no_escaping(data: bytes) -> bool:
    """Return whether this UTF-8 text needs no escapes in JSON (RFC 8259, 7). Quotes and line ends are not checked."""
    return not _ESCAPED.search(data)
