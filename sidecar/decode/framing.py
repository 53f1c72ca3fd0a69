"""Cuts a chunk into lines, as a whole where nothing speaks against it.

The boundaries depend on the bytes of the file alone, never on where a chunk happened to begin: NUL bytes at
the beginning of a line and a carriage return at its end never belong to it, an empty line is skipped, and a
line longer than `max_line` keeps its head. Where several lines are one event, the chunk says where each begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate, pairwise
from typing import Literal

import msgspec
from msgspec.structs import replace

from sidecar.lib import native
from sidecar.lib.charset import UTF_8, Charset
from sidecar.model.lines import Chunk, LineBatch, SkippedRange

_LONGEST_CHARACTER = 4

EncodingErrors = Literal["replace", "backslashreplace", "strict"]


class Framer(msgspec.Struct, frozen=True):
    """How lines are cut: the longest line in bytes, whether empty ones count, what to do with bytes that are no text
    in `charset`."""

    max_line: int = 1 << 20
    keep_empty: bool = False
    encoding_errors: EncodingErrors = "replace"
    charset: Charset = UTF_8

    def frame(self, chunk: Chunk) -> LineBatch:
        """The lines of a chunk whose data ends at the end of a line."""
        if not chunk.data:
            return LineBatch(chunk, 0, is_uniform=False, skipped=[SkippedRange(chunk.offset, chunk.end, "nul")])
        if self.charset == UTF_8:
            return (
                self._frame_chunk(chunk) or self._frame_events(chunk) or _LineByLineFramer(self, chunk, UTF_8).frame()
            )
        charset = (
            Charset(chunk.encoding) if chunk.encoding else self.charset.resolve(b"" if chunk.offset else chunk.data)
        )
        return self._frame_decoded_chunk(charset, chunk) or _LineByLineFramer(self, chunk, charset).frame()

    def _frame_chunk(self, chunk: Chunk) -> LineBatch | None:
        data = chunk.data
        if not self._is_plain(chunk) or (
            chunk.event_starts is not None and len(chunk.event_starts) != data.count(b"\n")
        ):
            return None
        try:
            text, found = data.decode(), native.split_lines(data, chunk.offset)
        except UnicodeDecodeError:
            return None
        return LineBatch(chunk, len(found[0]), *found, text) if found else None

    def _frame_decoded_chunk(self, charset: Charset, chunk: Chunk) -> LineBatch | None:
        """The same in another encoding: what a parser sees of the chunk is UTF-8."""
        data = chunk.data
        if not self._has_no_notes(chunk) or chunk.event_starts is not None or chunk.offset % charset.width:
            return None
        try:
            text = charset.strip_bom(data, chunk.offset).decode(charset.name)
        except UnicodeDecodeError:
            return None
        texts = text.split("\n")
        texts.pop()
        if "\0" in text or "\r" in text or not all(texts):
            return None
        starts = list(accumulate(map(len, charset.split_lines(data, chunk.offset)), initial=chunk.offset))
        seen = replace(chunk, data=text.encode())
        return LineBatch(seen, len(texts), texts, starts[: len(texts)], text)

    def _frame_events(self, chunk: Chunk) -> LineBatch | None:
        """Events of several lines, where nothing is to be said of any of them."""
        data, begins = chunk.data, chunk.event_starts
        if begins is None or chunk.split_events or not self._is_plain(chunk):
            return None
        try:
            texts = [data[begin:end].decode().rstrip("\n") for begin, end in pairwise((*begins, len(data)))]
        except UnicodeDecodeError:
            return None
        if "" in texts:
            return None
        return LineBatch(chunk, len(texts), texts, [chunk.offset + at for at in begins], is_uniform=False)

    def _is_plain(self, chunk: Chunk) -> bool:
        return self._has_no_notes(chunk) and b"\0" not in chunk.data and b"\r" not in chunk.data

    def _has_no_notes(self, chunk: Chunk) -> bool:
        return not (
            chunk.is_unterminated or chunk.continuation or chunk.truncated_bytes or len(chunk.data) > self.max_line
        )


class _LineByLineFramer(msgspec.Struct):
    """One chunk that has to be taken apart line by line."""

    framing: Framer
    chunk: Chunk
    charset: Charset
    texts: list[str] = []
    starts: list[int] = []
    skipped: list[SkippedRange] = []
    annotations: dict[int, dict[str, str]] = {}
    invalid: set[int] = set()
    replacement_count: int = 0

    def frame(self) -> LineBatch:
        chunk = self.chunk
        for start, raw, end in (
            self._raw_lines() if chunk.event_starts is None else self._raw_events(chunk.event_starts)
        ):
            self._add(start, raw, end)
        if chunk.continuation and self.starts and self.starts[0] == chunk.offset:
            self._note(0, "log.continuation", "true")
        return LineBatch(
            chunk,
            len(self.texts),
            self.texts,
            self.starts,
            is_uniform=False,
            skipped=self.skipped,
            annotations=self.annotations,
            invalid=frozenset(self.invalid),
            replacement_count=self.replacement_count,
        )

    def _raw_lines(self) -> Iterator[tuple[int, bytes, int]]:
        """(offset, bytes without newline, offset after the newline) for each line."""
        at, chunk = self.chunk.offset, self.chunk
        *pieces, tail = [b""] if not chunk.data else self.charset.split_lines(chunk.data, chunk.offset)
        if self.charset.ends_line(tail, chunk.offset + len(chunk.data)):
            pieces, tail = [*pieces, tail], b""
        for piece in pieces:
            yield at, piece[: -self.charset.width], at + len(piece)
            at += len(piece)
        if tail or at < chunk.end:
            yield at, tail, chunk.end

    def _raw_events(self, begins: Sequence[int]) -> Iterator[tuple[int, bytes, int]]:
        """The same for each event; line ends within it are newlines, blank lines at its end are not part of it."""
        at, data = self.chunk.offset, self.chunk.data
        for index, (begin, end) in enumerate(pairwise((*begins, len(data)))):
            raw = self.charset.normalize_newlines(data[begin:end], at + begin)
            before = len(self.texts)
            yield at + begin, raw, at + end if end < len(data) else self.chunk.end
            if len(self.texts) > before:
                if index in self.chunk.split_events:
                    self._note(before, "log.split", "true")
                if index - 1 in self.chunk.split_events:
                    self._note(before, "log.continuation", "true")

    def _add(self, start: int, raw: bytes, end: int) -> None:
        line = raw
        if raw.startswith(b"\0") and (hole := self.charset.count_nul_bytes(raw, start)):
            line = raw[hole:]
            self.skipped.append(SkippedRange(start, start + hole, "nul"))
            start += hole
        too_long = self.chunk.truncated_bytes if end == self.chunk.end else 0
        line, cut = self._shorten(line, start, too_long)
        if not cut:
            line = self.charset.strip_return(line)
        if start == 0:
            line = self.charset.strip_bom(line, start)
        if not line and not self.framing.keep_empty:
            if end > start:
                self.skipped.append(SkippedRange(start, end, "empty"))
            return
        index = len(self.texts)
        if cut:
            self._note(index, "truncated", "true")
            self._note(index, "original_bytes", str(len(line) + cut))
        elif self.chunk.is_unterminated and end == self.chunk.end:
            self._note(index, "partial", "true")
        self.texts.append(self._decode(index, line, start))
        self.starts.append(start)

    def _shorten(self, line: bytes, at: int, cut: int) -> tuple[bytes, int]:
        """As much of a line as is kept, and how many bytes are not."""
        if len(line) <= self.framing.max_line:
            return line, cut
        most = self.charset.align(self.framing.max_line, at)
        return line[:most], len(line) - most + cut

    def _decode(self, index: int, line: bytes, at: int) -> str:
        try:
            return self.charset.decode(line, at)
        except UnicodeDecodeError:
            if self.annotations.get(index, {}).get("truncated"):
                line = _count_whole_characters(line, self.charset.name)
            return self._decode_leniently(index, line, at)

    def _decode_leniently(self, index: int, line: bytes, at: int) -> str:
        try:
            return self.charset.decode(line, at)
        except UnicodeDecodeError:
            self.replacement_count += 1
        if self.framing.encoding_errors == "strict":
            self.invalid.add(index)
            return self.charset.decode(line, at, "backslashreplace")
        return self.charset.decode(line, at, self.framing.encoding_errors)

    def _note(self, index: int, path: str, value: str) -> None:
        self.annotations.setdefault(index, {})[path] = value


def _count_whole_characters(line: bytes, codec: str) -> bytes:
    """The line without a character at its end that was cut in the middle."""
    for back in range(1, min(_LONGEST_CHARACTER, len(line)) + 1):
        if codec != "utf-8":
            with suppress(UnicodeDecodeError):
                line[:-back].decode(codec)
                return line[:-back]
        elif line[-back] >= 0xC0:
            return line[:-back]
        elif line[-back] < 0x80:
            break
    return line
