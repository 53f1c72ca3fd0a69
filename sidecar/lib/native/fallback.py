"""What the compiled part does, in Python: its reference, and its place where there was no compiler."""

from __future__ import annotations

import re
from itertools import accumulate, count, repeat
from operator import add

_ESCAPED = re.compile(rb"[\x00-\x09\x0b-\x1f\\]")


def lines(data: bytes, offset: int) -> tuple[list[str], list[int]] | None:
    """The lines of UTF-8 text without their line ends, and where each begins, if `data` begins at `offset`.

    None if one is empty or no UTF-8, or the last one has no line end.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    texts = text.split("\n")
    if texts.pop() or not texts or not all(texts):
        return None
    # Each line begins behind the bytes of those before it and their line ends.
    lengths = map(len, texts if text.isascii() else data.split(b"\n"))
    return texts, list(map(add, accumulate(lengths, initial=offset), count()))[: len(texts)]


def unwrapped(texts: list[str], first: str, last: str) -> list[str] | None:
    """Each text without its first and its last character, which are these (ASCII); None if one has others."""
    if all(len(text) > 1 and text[0] == first and text[-1] == last for text in texts):
        return [text[1:-1] for text in texts]
    return None


def rendered(rows: int, columns: tuple[str | list[str] | list[int], ...]) -> bytes:
    """The rows one after the other as UTF-8. A column is a text that all rows have, or a list with one item for each:
    texts, or numbers that are not negative and have 63 bits at most.

    Raises `UnicodeEncodeError` for half a surrogate pair.
    """
    sources = [repeat(column, rows) if isinstance(column, str) else column for column in columns]
    template = "%s" * len(columns)
    return "".join([template % row for row in zip(*sources, strict=False)]).encode()


def holds(data: bytes, text: bytes) -> bool:
    """Whether this text, of at least two bytes, is anywhere. Raises `ValueError` if it is shorter."""
    if len(text) < 2:
        raise ValueError("at least two bytes are looked for")
    return text in data


def counted(data: bytes, byte: bytes) -> int:
    """How many times this byte is there."""
    return data.count(byte)


def is_unescaped(data: bytes) -> bool:
    """Whether JSON would escape nothing but quotes and line ends in this UTF-8 text (RFC 8259, 7)."""
    return not _ESCAPED.search(data)
