"""What bytes mean as text, and where their lines end, by encoding.

A file is cut into lines before it is decoded, so that positions are bytes of the file. In all encodings but UTF-16
the byte 0x0A is a line end and never a part of another character; in UTF-16 a line end has two bytes, and is at an
even number of bytes from the beginning of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple, Protocol

_WIDE = 2
_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_BY_MARK = "utf-16"
CODECS = {
    "utf-8": "utf-8", "utf-16": _BY_MARK, "utf-16le": "utf-16-le", "utf-16be": "utf-16-be",
    "latin-1": "latin-1", "iso-8859-1": "latin-1", "iso-8859-2": "iso8859-2", "iso-8859-15": "iso8859-15",
    **{f"windows-{number}": f"cp{number}" for number in range(1250, 1259)}, "koi8-r": "koi8-r",
    "gbk": "gbk", "gb18030": "gb18030", "big5": "big5", "shift-jis": "cp932", "euc-jp": "euc-jp", "euc-kr": "cp949",
}  # fmt: skip
"""Names for people, and Python's. Those of Windows are used where they take more than the standard does."""

_SHRINKING = ("utf-16-le", "utf-16-be", _BY_MARK, "gb18030")


class Grouped(Protocol):
    """Whole events at the beginning of some bytes."""

    @property
    def starts(self) -> Sequence[int]: ...
    @property
    def whole(self) -> int: ...
    @property
    def split(self) -> frozenset[int]: ...


class LineGrouping(Protocol):
    """Which lines are one event, of lines in UTF-8."""

    def begins(self, data: bytes) -> bool: ...
    def events(self, data: bytes, *, closed: bool = False) -> Grouped: ...


class _Found(NamedTuple):
    starts: Sequence[int]
    whole: int
    split: frozenset[int]


@dataclass(frozen=True)
class Charset:
    """One encoding by Python's name for it. `at` is the offset in the file of the bytes that are given."""

    name: str = "utf-8"

    @cached_property
    def width(self) -> int:
        """Bytes of a code unit."""
        return _WIDE if self.name.startswith(_BY_MARK) else 1

    @property
    def is_by_mark(self) -> bool:
        """Whether the file has to say its byte order."""
        return self.name == _BY_MARK

    @cached_property
    def newline(self) -> bytes:
        """The line end."""
        return self._unit("\n")

    @cached_property
    def shrinks(self) -> int:
        """How many times shorter a text may be in UTF-8, at most."""
        return 2 if self.name in _SHRINKING else 1

    def of(self, head: bytes) -> Charset:
        """The same with its byte order, which the first two bytes of a file may say; little-endian unless they do."""
        return Charset(_MARKS.get(head[:2], "utf-16-le")) if self.is_by_mark else self

    def aligned(self, length: int, at: int) -> int:
        """So many bytes, or one less so that no code unit is cut."""
        return length - (at + length) % self.width

    def after_first(self, data: bytes, begin: int, at: int) -> int:
        """The index behind the first line end of `data` from `begin` on; 0 if there is none. `at`: of `data[0]`."""
        found = data.find(self.newline, begin)
        while found >= 0 and (at + found) % self.width:
            found = data.find(self.newline, found + 1)
        return found + self.width if found >= 0 else 0

    def after_nth(self, data: bytes, begin: int, end: int, at: int, count: int) -> int:
        """Return the same for line end number `count`, from 1 on, before `end`; `end` if there are fewer.

        Where there is nothing to cut, the line ends are only counted.
        """
        if data.count(self.newline, begin, end) <= count:
            return end
        for _ in range(count):
            begin = self.after_first(data, begin, at)
            if not begin:
                return end  # some of what was counted are halves of other characters
        return begin

    def after_last(self, data: bytes, begin: int, at: int) -> int:
        """The same for the last one."""
        found = data.rfind(self.newline, begin)
        while found >= 0 and (at + found) % self.width:
            found = data.rfind(self.newline, begin, found + 1)
        return found + self.width if found >= 0 else 0

    def nuls(self, data: bytes, at: int) -> int:
        """How many bytes of NUL characters `data` begins with."""
        return max(0, self.aligned(len(data) - len(data.lstrip(b"\0")), at))

    def ends_line(self, data: bytes, end: int) -> bool:
        """Whether these bytes, behind which is the offset `end`, end with a line end."""
        return data.endswith(self.newline) and end % self.width == 0

    def lines(self, data: bytes, at: int) -> list[bytes]:
        """The lines with their line ends; the last one may have none."""
        if self.width == 1:
            pieces = data.split(b"\n")
            tail = pieces.pop()
            return [piece + b"\n" for piece in pieces] + ([tail] if tail else [])
        found, begin = [], 0
        while end := self.after_first(data, begin, at):
            found.append(data[begin:end])
            begin = end
        return [*found, data[begin:]] if begin < len(data) else found

    def tidied(self, event: bytes, at: int) -> bytes:
        """An event with newlines for all its line ends and none at its end."""
        if self.width == 1:
            return event.replace(b"\r\n", b"\n").rstrip(b"\n")
        newline, windows = self.newline, self._unit("\r\n")
        lines = [
            line.removesuffix(windows) + newline if line.endswith(windows) else line for line in self.lines(event, at)
        ]
        while lines and lines[-1] == newline:
            lines.pop()
        return b"".join(lines).removesuffix(newline) if lines and event.endswith(newline) else b"".join(lines)

    def without_return(self, line: bytes) -> bytes:
        """A line without the carriage return at its end."""
        return line.removesuffix(self._return)

    @cached_property
    def _return(self) -> bytes:
        return self._unit("\r")

    def without_mark(self, line: bytes, at: int) -> bytes:
        """A line without the mark that a file in UTF-16 begins with."""
        return line[_WIDE:] if at == 0 and self.width == _WIDE and line[:_WIDE] in _MARKS else line

    def decoded(self, line: bytes, at: int, errors: str = "strict") -> str:
        """Return the text. Raise `UnicodeDecodeError` if `errors` is "strict" and not all of it is one.

        A broken character never takes a line end with it, as Python's decoders of several bytes a character do.
        """
        if errors == "strict" or self.name == UTF_8.name or self.newline not in line:
            return self._text(line, at, errors)
        found = []
        for piece in self.lines(line, at):
            is_ended = self.ends_line(piece, at + len(piece))
            found.append(self._text(piece[: -self.width] if is_ended else piece, at, errors) + "\n" * is_ended)
            at += len(piece)
        return "".join(found)

    def _text(self, line: bytes, at: int, errors: str) -> str:
        if self.width > 1 and at % _WIDE and line:
            # What is left of a code unit whose first byte was the last of the file when it was shipped.
            if errors == "strict":
                raise UnicodeDecodeError(self.name, line, 0, 1, "half a code unit")
            half = "\ufffd" if errors == "replace" else f"\\x{line[0]:02x}"
            return half + line[1:].decode(self.name, errors)
        return line.decode(self.name, errors)

    def begins(self, grouping: LineGrouping, data: bytes, at: int) -> bool:
        """Whether the first line of `data` begins an event."""
        if self.name == "utf-8":
            return grouping.begins(data)
        return grouping.begins(self._as_utf8(self.lines(data, at)[0], at))

    def events(self, grouping: LineGrouping, data: bytes, at: int, *, closed: bool = False) -> Grouped:
        """The whole events of `data`, which consists of whole lines and begins with an event."""
        if self.name == "utf-8":
            return grouping.events(data, closed=closed)
        lines = self.lines(data, at)
        begins = list(accumulate(map(len, lines), initial=0))
        texts = [self._as_utf8(line, at + begin) for line, begin in zip(lines, begins, strict=False)]
        found = grouping.events(b"".join(texts), closed=closed)
        places = dict(zip(accumulate(map(len, texts), initial=0), begins, strict=True))
        return _Found([places[start] for start in found.starts], places[found.whole], found.split)

    def _as_utf8(self, line: bytes, at: int) -> bytes:
        return self.decoded(self.without_mark(line, at), at, "replace").encode()

    def _unit(self, text: str) -> bytes:
        """In little-endian where the order is not known yet."""
        return text.encode("utf-16-le" if self.is_by_mark else self.name)


UTF_8 = Charset()


def from_bom(head: bytes) -> Charset:
    """UTF-16 of the byte order that a mark at the beginning says, UTF-8 if there is none."""
    return Charset(_MARKS[head[:2]]) if head[:2] in _MARKS else UTF_8


def lookup(name: str) -> Charset:
    """The encoding that a person calls so. Raises `ValueError`."""
    plain = name.lower().replace("_", "-").replace("utf-16-", "utf-16")
    if plain not in CODECS:
        raise ValueError(f"there is no encoding {name!r}; use one of {', '.join(CODECS)}")
    return Charset(CODECS[plain])
