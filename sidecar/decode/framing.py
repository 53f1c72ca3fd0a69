"""Splits a chunk into lines, in one pass if no line needs special treatment.

Line boundaries depend only on the bytes of the file, never on where a chunk begins. A carriage return at the end of a
line and a byte order mark at the beginning of the file are removed. Empty lines are skipped. Lines longer than
`max_line` are shortened. With multiline events, `Chunk.event_starts` holds the offset at which each event begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate, pairwise
from typing import Literal

import msgspec
from msgspec.structs import replace

from sidecar.decode.ansi import strip_colors
from sidecar.decode.container_parts import join_divided_characters
from sidecar.lib import native
from sidecar.lib.charset import UTF_8, Charset
from sidecar.model.lines import Chunk, LineBatch, SkippedRange

_MAX_CHARACTER_BYTES = 4

EncodingErrors = Literal["replace", "backslashreplace", "strict"]


class Framer(msgspec.Struct, frozen=True):
    """Splits chunks into lines."""

    max_line: int = 1 << 20
    """Maximum bytes of a line; the rest of a longer line is dropped."""

    keep_empty: bool = False
    """Whether empty lines become records. Otherwise they are skipped."""

    encoding_errors: EncodingErrors = "replace"
    """What to do with bytes that are invalid in `charset`."""

    charset: Charset = UTF_8

    strips_colors: bool = False
    """Whether colour codes for terminals are removed."""

    def frame(self, chunk: Chunk) -> LineBatch:
        """Return the lines of a chunk. Its data must end with a whole line."""
        lines = self._split(chunk)
        return strip_colors(lines) if self.strips_colors else lines

    def _split(self, chunk: Chunk) -> LineBatch:
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
            text, lines = data.decode(), native.split_lines(data, chunk.offset)
        except UnicodeDecodeError:
            return None
        return LineBatch(chunk, len(lines[0]), *lines, text) if lines else None

    def _frame_decoded_chunk(self, charset: Charset, chunk: Chunk) -> LineBatch | None:
        """Split a chunk that is not encoded in UTF-8. The data of the result is in UTF-8, as the parsers expect."""
        data = chunk.data
        if not self._needs_no_annotations(chunk) or chunk.event_starts is not None or chunk.offset % charset.width:
            return None
        bom = charset.bom_length(data, chunk.offset)
        try:
            text = data[bom:].decode(charset.name)
        except UnicodeDecodeError:
            return None
        texts = text.split("\n")
        texts.pop()
        if "\0" in text or "\r" in text or not all(texts):
            return None
        if len(text) * charset.width == len(data) - bom:  # the usual case: all characters have the same width
            sizes = [(len(line) + 1) * charset.width for line in texts]
        else:
            sizes = [len(line) for line in charset.split_lines(data[bom:], chunk.offset + bom)]
        starts = list(accumulate(sizes, initial=chunk.offset + bom))
        starts[0] = chunk.offset
        decoded = replace(chunk, data=text.encode())
        return LineBatch(decoded, len(texts), texts, starts[: len(texts)], text)

    def _frame_events(self, chunk: Chunk) -> LineBatch | None:
        """Split a chunk into multiline events. Return None if one needs special treatment, as after a truncation."""
        data, event_starts = chunk.data, chunk.event_starts
        has_annotations = chunk.split_events or chunk.continued_events
        if event_starts is None or has_annotations or not self._is_plain(chunk):
            return None
        try:
            texts = _slice_events(data, event_starts)
            for index in chunk.event_ranges:
                texts[index] = _join_ranges(chunk, index).decode().rstrip("\n")
        except UnicodeDecodeError:
            return None
        if "" in texts:
            return None
        return LineBatch(chunk, len(texts), texts, [chunk.offset + start for start in event_starts], is_uniform=False)

    def _is_plain(self, chunk: Chunk) -> bool:
        has_bom = UTF_8.bom_length(chunk.data, chunk.offset)
        return (
            self._needs_no_annotations(chunk) and not has_bom and b"\0" not in chunk.data and b"\r" not in chunk.data
        )

    def _needs_no_annotations(self, chunk: Chunk) -> bool:
        return not (
            chunk.is_unterminated or chunk.continuation or chunk.truncated_bytes or len(chunk.data) > self.max_line
        )


class _LineByLineFramer(msgspec.Struct):
    """Splits one chunk line by line. Shortened, unterminated and continued lines get a field that says so."""

    framer: Framer
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
            self._annotate(0, "log.continuation", "true")
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
        """Yield (offset, bytes without newline, offset after the newline) for each line."""
        offset, chunk = self.chunk.offset, self.chunk
        *pieces, tail = [b""] if not chunk.data else self.charset.split_lines(chunk.data, chunk.offset)
        if self.charset.ends_line(tail, chunk.offset + len(chunk.data)):
            pieces, tail = [*pieces, tail], b""
        for piece in pieces:
            yield offset, piece[: -self.charset.width], offset + len(piece)
            offset += len(piece)
        if tail or offset < chunk.end:
            yield offset, tail, chunk.end

    def _raw_events(self, event_starts: Sequence[int]) -> Iterator[tuple[int, bytes, int]]:
        """Yield (offset, bytes, offset after the event) for each event.

        Line ends become newlines. Blank lines at the end of the event are removed.
        """
        offset, data = self.chunk.offset, self.chunk.data
        for index, (begin, end) in enumerate(pairwise((*event_starts, len(data)))):
            raw = _join_ranges(self.chunk, index) if index in self.chunk.event_ranges else data[begin:end]
            raw = self.charset.normalize_newlines(raw, offset + begin)
            count_before = len(self.texts)
            yield offset + begin, raw, offset + end if end < len(data) else self.chunk.end
            if len(self.texts) > count_before:
                if index in self.chunk.split_events:
                    self._annotate(count_before, "log.split", "true")
                if index in self.chunk.continued_events:
                    self._annotate(count_before, "log.continuation", "true")

    def _add(self, start: int, raw: bytes, end: int) -> None:
        truncated = self.chunk.truncated_bytes if end == self.chunk.end else 0
        line, cut_bytes = self._shorten(raw, start, truncated)
        if not cut_bytes:
            line = self.charset.strip_return(line)
        if start == 0:
            line = self.charset.strip_bom(line, start)
        if not line and not self.framer.keep_empty:
            if end > start:
                self.skipped.append(SkippedRange(start, end, "empty"))
            return
        index = len(self.texts)
        if cut_bytes:
            self._annotate(index, "truncated", "true")
            self._annotate(index, "original_bytes", str(len(line) + cut_bytes))
        elif self.chunk.is_unterminated and end == self.chunk.end:
            self._annotate(index, "partial", "true")
        self.texts.append(self._decode(index, line, start))
        self.starts.append(start)

    def _shorten(self, line: bytes, offset: int, cut_bytes: int) -> tuple[bytes, int]:
        """Return at most `max_line` bytes of the line, and how many of its bytes are cut off in total."""
        if len(line) <= self.framer.max_line:
            return line, cut_bytes
        kept_bytes = self.charset.align(self.framer.max_line, offset)
        return line[:kept_bytes], len(line) - kept_bytes + cut_bytes

    def _decode(self, index: int, line: bytes, offset: int) -> str:
        try:
            return self.charset.decode(line, offset)
        except UnicodeDecodeError:
            if self.annotations.get(index, {}).get("truncated"):
                line = _drop_partial_character(line, self.charset.name)
            elif b"\n" in line and self.charset == UTF_8:
                line = join_divided_characters(line)
            return self._decode_leniently(index, line, offset)

    def _decode_leniently(self, index: int, line: bytes, offset: int) -> str:
        try:
            return self.charset.decode(line, offset)
        except UnicodeDecodeError:
            self.replacement_count += 1
        if self.framer.encoding_errors == "strict":
            self.invalid.add(index)
            return self.charset.decode(line, offset, "backslashreplace")
        return self.charset.decode(line, offset, self.framer.encoding_errors)

    def _annotate(self, index: int, path: str, value: str) -> None:
        self.annotations.setdefault(index, {})[path] = value


def _slice_events(data: bytes, event_starts: Sequence[int]) -> list[str]:
    """Return the events without line ends at their ends. Raise `UnicodeDecodeError` if the data is not UTF-8."""
    bounds = pairwise((*event_starts, len(data)))
    if data.isascii() and not native.contains(data, b"\n\n"):  # the usual case
        text = data.decode()
        return [text[start : end - 1] for start, end in bounds]
    return [data[start:end].decode().rstrip("\n") for start, end in bounds]


def _join_ranges(chunk: Chunk, index: int) -> bytes:
    """Return the lines of an event between whose lines there are others."""
    return b"".join([chunk.data[start:end] for start, end in chunk.event_ranges[index]])


def _drop_partial_character(line: bytes, codec: str) -> bytes:
    """Return the line without its last character if this character is incomplete."""
    for length in range(1, min(_MAX_CHARACTER_BYTES, len(line)) + 1):
        if codec != "utf-8":
            with suppress(UnicodeDecodeError):
                line[:-length].decode(codec)
                return line[:-length]
        elif line[-length] >= 0xC0:
            return line[:-length]
        elif line[-length] < 0x80:
            break
    return line
