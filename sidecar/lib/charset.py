"""Decodes log files from their encodings, and finds line ends in encoded bytes.

A file is split into lines before it is decoded, so that offsets count bytes of the file. In all encodings except
UTF-16, the byte 0x0A is a line end and never a part of another character. In UTF-16, a line end has two bytes and an
even offset.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from sidecar.lib.line_groups import Events, LineGrouping

_UTF16_UNIT_BYTES = 2
_BOMS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_BY_BOM = "utf-16"
CODECS = {
    "utf-8": "utf-8", "utf-16": _BY_BOM, "utf-16le": "utf-16-le", "utf-16be": "utf-16-be",
    "latin-1": "latin-1", "iso-8859-1": "latin-1", "iso-8859-2": "iso8859-2", "iso-8859-15": "iso8859-15",
    **{f"windows-{number}": f"cp{number}" for number in range(1250, 1259)}, "koi8-r": "koi8-r",
    "gbk": "gbk", "gb18030": "gb18030", "big5": "big5", "shift-jis": "cp932", "euc-jp": "euc-jp", "euc-kr": "cp949",
}  # fmt: skip
"""Name of an encoding in the configuration → Python's name. Windows code pages replace standards that they extend."""

_SHRINK_IN_UTF8 = ("utf-16-le", "utf-16-be", _BY_BOM, "gb18030")


@dataclass(frozen=True)
class Charset:
    """One encoding, by its Python name. In all methods, `offset` is the offset of the given bytes in the file."""

    # More than twenty methods: each answers a question about bytes that depends on the encoding.

    name: str = "utf-8"

    @cached_property
    def width(self) -> int:
        """Size of a code unit in bytes."""
        return _UTF16_UNIT_BYTES if self.name.startswith(_BY_BOM) else 1

    @property
    def needs_bom(self) -> bool:
        """Whether the byte order is known only from the byte order mark of the file."""
        return self.name == _BY_BOM

    @cached_property
    def newline(self) -> bytes:
        """The line end, encoded."""
        return self._encode("\n")

    @cached_property
    def max_utf8_ratio(self) -> int:
        """Maximum factor by which a text is shorter in UTF-8 than in this encoding."""
        return 2 if self.name in _SHRINK_IN_UTF8 else 1

    def resolve(self, head: bytes) -> Charset:
        """Return this encoding with the byte order of the BOM in `head`; little-endian if there is none."""
        return Charset(_BOMS.get(head[:2], "utf-16-le")) if self.needs_bom else self

    def align(self, length: int, offset: int) -> int:
        """Return `length`, reduced so that no code unit is split."""
        return length - (offset + length) % self.width

    def find_line_end(self, data: bytes, start: int, offset: int) -> int:
        """Return the index after the first line end at or after `start`; 0 if there is none.

        `offset` is the offset of `data[0]` in the file.
        """
        line_end = data.find(self.newline, start)
        while line_end >= 0 and (offset + line_end) % self.width:
            line_end = data.find(self.newline, line_end + 1)
        return line_end + self.width if line_end >= 0 else 0

    def find_nth_line_end(self, data: bytes, start: int, end: int, offset: int, count: int) -> int:
        """Return the index after the line end with number `count` (the first is 1); `end` if there are fewer."""
        if data.count(self.newline, start, end) <= count:
            return end
        for _ in range(count):
            start = self.find_line_end(data, start, offset)
            if not start:
                return end  # some of the counted bytes are parts of other characters
        return start

    def find_last_line_end(self, data: bytes, start: int, offset: int, end: int | None = None) -> int:
        """Return the index after the last line end between `start` and `end`; 0 if there is none."""
        line_end = data.rfind(self.newline, start, end)
        while line_end >= 0 and (offset + line_end) % self.width:
            line_end = data.rfind(self.newline, start, line_end + 1)
        return line_end + self.width if line_end >= 0 else 0

    def find_nul(self, data: bytes, start: int, offset: int) -> int:
        """Return the index of the first NUL character from `start` on; -1 if there is none."""
        nul = data.find(bytes(self.width), start)
        while nul >= 0 and (offset + nul) % self.width:
            nul = data.find(bytes(self.width), nul + 1)
        return nul

    def count_nul_bytes(self, data: bytes, offset: int) -> int:
        """Return the number of bytes of NUL characters at the beginning of `data`."""
        return max(0, self.align(len(data) - len(data.lstrip(b"\0")), offset))

    def ends_line(self, data: bytes, end: int) -> bool:
        """Return whether `data` ends with a line end. `end`: offset in the file at which `data` ends."""
        return data.endswith(self.newline) and end % self.width == 0

    def split_lines(self, data: bytes, offset: int) -> list[bytes]:
        """Return the lines with their line ends; the last one may have none."""
        if self.width == 1:
            pieces = data.split(b"\n")
            tail = pieces.pop()
            return [piece + b"\n" for piece in pieces] + ([tail] if tail else [])
        lines, start = [], 0
        while end := self.find_line_end(data, start, offset):
            lines.append(data[start:end])
            start = end
        return [*lines, data[start:]] if start < len(data) else lines

    def normalize_newlines(self, event: bytes, offset: int) -> bytes:
        """Return an event without line ends at its end. Each line end of Windows (CR LF) in it becomes a newline."""
        if self.width == 1:
            return event.replace(b"\r\n", b"\n").rstrip(b"\n")
        newline, windows_newline = self.newline, self._encode("\r\n")
        lines = [
            line.removesuffix(windows_newline) + newline if line.endswith(windows_newline) else line
            for line in self.split_lines(event, offset)
        ]
        while lines and lines[-1] == newline:
            lines.pop()
        return b"".join(lines).removesuffix(newline) if lines and event.endswith(newline) else b"".join(lines)

    def strip_return(self, line: bytes) -> bytes:
        """Return a line without the carriage return at its end."""
        return line.removesuffix(self._return)

    @cached_property
    def _return(self) -> bytes:
        return self._encode("\r")

    def bom_length(self, data: bytes, offset: int) -> int:
        """Return the length of the byte order mark at the beginning of `data`; 0 if `offset` is not 0."""
        if offset:
            return 0
        if self.width > 1:
            return _UTF16_UNIT_BYTES if data[:_UTF16_UNIT_BYTES] in _BOMS else 0
        return len(codecs.BOM_UTF8) if self.name == "utf-8" and data.startswith(codecs.BOM_UTF8) else 0

    def strip_bom(self, line: bytes, offset: int) -> bytes:
        """Return a line without a byte order mark, which only the first line of a file may have."""
        return line[self.bom_length(line, offset) :]

    def contradicts_bom(self, head: bytes) -> bool:
        """Return whether `head` begins with the byte order mark of UTF-16, although this encoding is not UTF-16."""
        return self.width == 1 and head[:_UTF16_UNIT_BYTES] in _BOMS

    def count_partial_bytes(self, data: bytes, offset: int) -> int:
        """Return the number of bytes at the end of `data` that belong to an incomplete character.

        `data` must begin at the start of a line, or have at least 64 bytes.
        """
        # In each encoding whose code units are bytes, a byte below 0x30 is a whole character.
        start = -offset % self.width if self.width > 1 else max(map(data.rfind, range(0x30))) + 1
        decoder = codecs.getincrementaldecoder(self.name)("replace")
        decoder.decode(data[start:])
        return len(decoder.getstate()[0])

    def decode(self, line: bytes, offset: int, errors: str = "strict") -> str:
        """Return the text. Raise `UnicodeDecodeError` if `errors` is "strict" and the bytes are invalid.

        An incomplete character never consumes a line end, unlike in Python's decoders of multi-byte encodings.
        """
        if errors == "strict" or self.name == UTF_8.name or self.newline not in line:
            return self._decode_text(line, offset, errors)
        texts = []
        for piece in self.split_lines(line, offset):
            is_ended = self.ends_line(piece, offset + len(piece))
            texts.append(
                self._decode_text(piece[: -self.width] if is_ended else piece, offset, errors) + "\n" * is_ended
            )
            offset += len(piece)
        return "".join(texts)

    def _decode_text(self, line: bytes, offset: int, errors: str) -> str:
        if self.width > 1 and offset % _UTF16_UNIT_BYTES and line:
            # The second half of a code unit. Its first half was the last byte of the file when that was shipped.
            if errors == "strict":
                raise UnicodeDecodeError(self.name, line, 0, 1, "half a code unit")
            half = "\ufffd" if errors == "replace" else f"\\x{line[0]:02x}"
            return half + line[1:].decode(self.name, errors)
        return line.decode(self.name, errors)

    def begins_event(self, grouping: LineGrouping, data: bytes, offset: int) -> bool:
        """Return whether the first line of `data` begins an event."""
        if self.name == "utf-8":
            return grouping.begins_event(data)
        return grouping.begins_event(self._as_utf8(self.split_lines(data, offset)[0], offset))

    def split_events(self, grouping: LineGrouping, data: bytes, offset: int, *, closed: bool = False) -> Events:
        """Return the complete events of `data`, which consists of whole lines and begins with an event.

        `closed`: the last event counts as complete.
        """
        if self.name == "utf-8":
            bom = self.bom_length(data, offset)
            return (
                _split_after_bom(grouping, data, bom, closed) if bom else grouping.split_events(data, closed=closed)
            )
        lines = self.split_lines(data, offset)
        starts = list(accumulate(map(len, lines), initial=0))
        texts = [self._as_utf8(line, offset + start) for line, start in zip(lines, starts, strict=False)]
        events = grouping.split_events(b"".join(texts), closed=closed)
        offset_in_data = dict(zip(accumulate(map(len, texts), initial=0), starts, strict=True))
        return events.move(offset_in_data.__getitem__)

    def _as_utf8(self, line: bytes, offset: int) -> bytes:
        return self.decode(self.strip_bom(line, offset), offset, "replace").encode()

    def _encode(self, text: str) -> bytes:
        """Return the text in this encoding. Use little-endian UTF-16 if the byte order is unknown."""
        return text.encode("utf-16-le" if self.needs_bom else self.name)


def _split_after_bom(grouping: LineGrouping, data: bytes, bom: int, closed: bool) -> Events:
    """Return the events of data with a byte order mark, which belongs to the first event."""
    events = grouping.split_events(data[bom:], closed=closed)
    return events.move(lambda offset: offset + bom if offset else 0)


UTF_8 = Charset()


def from_bom(head: bytes) -> Charset:
    """Return UTF-16 with the byte order of the BOM, or UTF-8 without a BOM."""
    return Charset(_BOMS[head[:2]]) if head[:2] in _BOMS else UTF_8


def lookup(name: str) -> Charset:
    """Return the encoding with this name. Raise `ValueError` if it is unknown."""
    normalized = name.lower().replace("_", "-").replace("utf-16-", "utf-16")
    if normalized not in CODECS:
        raise ValueError(f"unknown encoding {name!r}; use one of {', '.join(CODECS)}")
    return Charset(CODECS[normalized])
