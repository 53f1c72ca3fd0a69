"""A file that is written in pieces and read in between: every byte is in one line or in one gap, at its offset."""

from __future__ import annotations

import tempfile
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from sidecar.decode.framing import EncodingErrors, Framer
from sidecar.model.checkpoint import Checkpoint, Intent
from sidecar.model.file import Generation
from sidecar.model.fingerprint import NO_TAIL, Fingerprint
from sidecar.model.lines import Chunk, LineBatch
from sidecar.tail.cursor import Cursor
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.reader import Reader
from sidecar.tail.source import open_source
from sidecar.tail.tracked_file import FileLocation, TrackedFile
from tests.chaos.fuzz.fuzzed_input import FuzzedInput

_LINES = (8, 1, 3, 64, 1 << 20)
_CHUNKS = (16, 1, 5, 200, 128 * 1024)
_ERRORS: tuple[EncodingErrors, ...] = ("replace", "backslashreplace", "strict")


class _Forgetful:
    """A ledger that writes nothing down."""

    def extend(self, number: int, fingerprint: Fingerprint, intent: Intent | None = None) -> None:
        """The fingerprint has grown."""

    def add_boundary(self, number: int, start: int, end: int) -> None:
        """An unterminated line is shipped."""

    def prune_boundaries(self, number: int, before: int) -> None:
        """Nobody comes back to these."""


@dataclass(slots=True)
class _File:
    path: Path
    tracked: TrackedFile
    content: bytes = b""

    def append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)
        self.content += data
        self.tracked.size = self.tracked.seen = self.tracked.status().size


@dataclass(slots=True)
class _Reading:
    """One sink's way through the file, and what it made of it: (offset, text, notes) of each line."""

    file: _File
    framing: Framer
    reader: Reader
    cursor: Cursor
    lines: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def of(cls, file: _File, framing: Framer, chunk: int) -> _Reading:
        return cls(file, framing, Reader(framing.max_line, chunk), Cursor(file.tracked, Checkpoint(0, NO_TAIL)))

    def go_on(self) -> None:
        while chunk := self.reader.next_chunk(self.cursor):
            assert chunk.offset == self.cursor.offset
            assert chunk.end > chunk.offset
            assert chunk.data == self.file.content[chunk.offset : chunk.offset + len(chunk.data)]
            self.file.tracked.record_sending(chunk)
            self.cursor.advance(chunk)
            self._take(chunk)

    def _take(self, chunk: Chunk) -> None:
        found = self.framing.frame(chunk)
        _check_both_ways(self.framing, chunk, found)
        texts, starts = found.texts, list(found.starts)
        assert len(texts) == len(starts) == found.count
        assert starts == sorted(set(starts))
        gaps = [(gap.start, gap.end) for gap in found.skipped]
        begins = sorted([*starts, *(start for start, _ in gaps)])
        assert begins[0] == chunk.offset
        ends = dict(zip(begins, [*begins[1:], chunk.end], strict=True))
        assert all(ends[start] == end > start for start, end in gaps)
        for index, (start, text) in enumerate(zip(starts, texts, strict=True)):
            notes = found.annotations.get(index, {})
            raw = self.file.content[start : ends[start]]
            self._check(raw if start else raw.removeprefix(BOM_UTF8), text, notes)
            self.lines.append((start, text, notes))
        self.gaps += gaps

    def _check(self, raw: bytes, text: str, notes: dict[str, str]) -> None:
        line, framing = raw.removesuffix(b"\n"), self.framing
        assert line or framing.keep_empty
        assert not line.startswith(b"\0")
        assert b"\n" not in line
        if "truncated" in notes:
            assert int(notes["original_bytes"]) == len(line) > framing.max_line
            assert len(text) <= framing.max_line * 4
        else:
            errors = "replace" if framing.encoding_errors == "replace" else "backslashreplace"
            assert text == line.removesuffix(b"\r").decode(errors=errors)
            assert ("partial" in notes) == (not raw.endswith(b"\n"))


def _check_both_ways(framing: Framer, chunk: Chunk, found: LineBatch) -> None:
    """A chunk that went as a whole is the same line by line, as the rest of a line has to go."""
    if found.is_uniform:
        apart = framing.frame(replace(chunk, continuation=True))
        assert not apart.is_uniform
        assert (apart.texts, apart.starts) == (found.texts, found.starts)
        assert not apart.skipped


@contextmanager
def _empty_file() -> Iterator[_File]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.log")
        path.touch()
        place = FileLocation(folder, str(path))
        tracked = TrackedFile(
            Generation(1, "app", str(path), 0.0), open_source(place.root, place.name), place, b"", (),
            _Forgetful(), OpenFileLimiter(16),
        )  # fmt: skip
        try:
            yield _File(path, tracked)
        finally:
            tracked.close()


def check(data: bytes) -> None:
    """Write and read in turn, with an orderly end now and then; then read it all again with another chunk size."""
    fuzzed = FuzzedInput(data)
    framing = Framer(fuzzed.one_of(_LINES), bool(fuzzed.below(2)), fuzzed.one_of(_ERRORS))
    sizes = fuzzed.one_of(_CHUNKS), fuzzed.one_of(_CHUNKS)
    with _empty_file() as file:
        first = _Reading.of(file, framing, sizes[0])
        while fuzzed.is_left:
            file.append(fuzzed.piece())
            if file.content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
                return  # a file in another encoding is refused
            what = fuzzed.below(4)
            if what:
                file.tracked.is_last_line_complete = what == 3
                first.go_on()
                file.tracked.is_last_line_complete = False
        file.tracked.is_last_line_complete = True
        first.go_on()
        assert first.cursor.offset == len(file.content.rstrip(b"\0"))
        again = _Reading.of(file, framing, sizes[1])
        again.go_on()
        assert again.lines == first.lines
        assert _covered(again.gaps) == _covered(first.gaps)


def _covered(gaps: list[tuple[int, int]]) -> set[int]:
    return {at for start, end in gaps for at in range(start, end)}
