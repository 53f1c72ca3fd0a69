"""The lines that the application writes. All of them follow from the seed, so that nobody has to write them down."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LINE = 1 << 20
"""The longest line that the sidecar keeps whole, as it is configured here."""

TINY = "x"
_ALPHABET = 'abcdefghijklmnopqrstuvwxyz ABCDEFGHIJ 0123456789 äöü€ "quoted" \\back\\ <tag> 😀 '
_TEXT = _ALPHABET * (2 * MAX_LINE // len(_ALPHABET) + 1)
_TINY_EVERY = 97


@dataclass(frozen=True, slots=True)
class Writer:
    """One file of the application, `count` lines long over all its rotations."""

    seed: int
    number: int
    count: int

    @property
    def name(self) -> str:
        return f"w{self.number}.log"

    def lines(self) -> Iterator[str]:
        """Lines of 1 byte to 2 MB: some of one character, most of some hundred, few of many kilobytes."""
        chance = random.Random(f"{self.seed}:{self.number}")
        huge = {chance.randrange(self.count) for _ in range(2)}
        for n in range(self.count):
            if n % _TINY_EVERY == 5:
                yield TINY
            else:
                begin = chance.randrange(len(_ALPHABET))
                yield f"{self.number}-{n}-{_TEXT[begin : begin + self._length(n in huge, chance)]}-{n}"

    @staticmethod
    def _length(is_huge: bool, chance: random.Random) -> int:
        if is_huge:
            return MAX_LINE + chance.randrange(MAX_LINE)
        shape = chance.random()
        if shape < 0.0005:
            return chance.randrange(20_000, 200_000)
        return chance.randrange(1_000, 8_000) if shape < 0.01 else chance.randrange(250)

    def tiny(self) -> int:
        """How many lines are a single character."""
        return len(range(5, self.count, _TINY_EVERY))


def kept(line: str) -> str:
    """What the sidecar keeps of a line: all of it, or the head if it is longer than `MAX_LINE` bytes."""
    data = line.encode()
    return line if len(data) <= MAX_LINE else data[:MAX_LINE].decode(errors="replace")
