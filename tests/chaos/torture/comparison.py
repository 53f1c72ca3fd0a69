"""What was written against what is stored, line by line: lost, twice, altered, out of place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.torture.lines import MAX_LINE, TINY, Writer, kept


@dataclass
class Findings:
    """How many lines of each kind there are, with a few examples."""

    written: int = 0
    stored: int = 0
    lost: int = 0
    twice: int = 0
    altered: int = 0
    out_of_place: int = 0
    lost_bytes: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.lost and self.is_good_but_for_losses

    @property
    def is_good_but_for_losses(self) -> bool:
        return not (self.twice or self.altered or self.out_of_place)

    def say(self, example: str) -> None:
        """Keep an example, if there is room."""
        if len(self.examples) < 8:
            self.examples.append(example)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stored document: where its line began, and what it says."""

    generation: str
    offset: int
    document: Mapping[str, Any]

    @classmethod
    def of(cls, name: str, document: Mapping[str, Any]) -> Piece:
        """From the `_id`, which is generation and offset."""
        generation, _, offset = name.partition("-")
        return cls(generation, int(offset), document)


def compare(writers: Iterable[Writer], pieces: Iterable[Piece]) -> Findings:
    """Every line of every writer against every document."""
    lives: dict[str, list[Piece]] = {}
    for piece in pieces:
        lives.setdefault(piece.generation, []).append(piece)
    found = Findings()
    lines: dict[int, dict[int, Counter[str]]] = {}
    tiny: Counter[str] = Counter()
    for life in lives.values():
        _read(sorted(life, key=lambda piece: piece.offset), lines, tiny, found)
    for writer in writers:
        _judge(writer, lines.get(writer.number, {}), found)
    expected = sum(writer.tiny() for writer in writers)
    missing = max(0, expected - tiny[TINY])
    found.lost += missing
    found.lost_bytes += missing * (len(TINY) + 1)
    found.twice += max(0, tiny[TINY] - expected)
    found.stored += tiny[TINY]
    return found


def _read(life: list[Piece], lines: dict[int, dict[int, Counter[str]]], tiny: Counter[str], found: Findings) -> None:
    """One generation in its order; a line that was cut at an end of the sidecar is put together again."""
    last = -1
    for text, piece in _joined(life, found):
        if text == TINY:
            tiny[text] += 1
            continue
        head = text.split("-", 2)
        if len(head) < 3 or not (head[0].isdecimal() and head[1].isdecimal()):
            found.altered += 1
            found.say(f"no line of ours: {text[:60]!r} at {piece.generation}-{piece.offset}")
            continue
        number = int(head[1])
        lines.setdefault(int(head[0]), {}).setdefault(number, Counter())[text] += 1
        if number <= last:
            found.out_of_place += 1
            found.say(f"line {number} after {last} in {piece.generation}")
        last = number


def _joined(life: list[Piece], found: Findings) -> Iterable[tuple[str, Piece]]:
    text, first = "", life[0]
    for piece in life:
        log = piece.document.get("log", {})
        if log.get("offset") != piece.offset or not log.get("file", {}).get("path"):
            found.altered += 1
            found.say(f"offset or path of {piece.generation}-{piece.offset}: {log}")
        if log.get("continuation"):
            text += piece.document["message"]
            continue
        if text:
            yield text, first
        text, first = piece.document["message"], piece
    if text:
        yield text, first


def _is_same(text: str, line: str) -> bool:
    """A line that is longer than the limit may have been cut anywhere beyond it when the sidecar ended."""
    return text in (line, kept(line)) or (len(line.encode()) > MAX_LINE and line.startswith(text[: MAX_LINE // 4]))


def _judge(writer: Writer, stored: dict[int, Counter[str]], found: Findings) -> None:
    for number, line in enumerate(writer.lines()):
        found.written += 1
        if line == TINY:
            continue
        texts = stored.get(number, Counter())
        times = sum(texts.values())
        found.stored += times
        if not times:
            found.lost += 1
            found.lost_bytes += len(line.encode()) + 1
            found.say(f"line {number} of writer {writer.number} is missing")
            continue
        found.twice += times - 1
        if times > 1:
            found.say(f"line {number} of writer {writer.number} is there {times} times")
        if not all(_is_same(text, line) for text in texts):
            found.altered += 1
            found.say(f"line {number} of writer {writer.number} says {next(iter(texts))[:80]!r}")
