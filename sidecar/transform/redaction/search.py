"""The looks of detectors at work: what has to go is found in a text, and taken out of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import accumulate
from operator import sub
from string import ascii_uppercase, digits

from sidecar.lib import native
from sidecar.transform.redaction.chunk_text import NUMBER, lines_of, unescape
from sidecar.transform.redaction.detectors import IN_STRING, ON_SHEET, SearchPattern

Span = tuple[int, int]
Instead = str | Callable[[str], str]
"""What stands in the place of a text, or what tells it."""

_SAME_LETTERS = (("İ", "i"), ("ı", "i"), ("ſ", "s"), ("\u212a", "k"))
"""What `re` takes for a letter of ASCII where capitals do not matter."""

_KIND = (
    {ord("\n"): "\n"}
    | dict.fromkeys(ascii_uppercase.encode(), "A")
    # What is not ASCII may be a digit, too.
    | dict.fromkeys([*digits.encode(), *range(128, 256)], "0")
)
_KINDS = "".join(_KIND.get(byte, "x") for byte in range(256)).encode()


_LETTERS = re.compile(r"(?:[a-z]|://)*+(?![?*{])|[a-z]*(?=[a-z][?*{])")
_SHORTEST = 2
"""So few letters are not looked for without the rest."""


@lru_cache(maxsize=256)
def _letters(hint: str) -> bytes:
    """The letters that all matches of a pattern begin with, as far as it is easily told."""
    match = _LETTERS.match(hint)
    return match[0].encode() if match else b""


@lru_cache(maxsize=256)
def cache(pattern: str) -> re.Pattern[str]:
    """A pattern of ours. There are few, and which of them are needed is told by what is found."""
    return re.compile(pattern)


def lower(text: str) -> str:
    """The text with the letters of ASCII in lower case, and what is the same to `re`; each at its place."""
    if text.isascii():
        return text.lower()
    for letter, plain in _SAME_LETTERS:
        text = text.replace(letter, plain)
    return text.encode(errors="surrogatepass").lower().decode(errors="surrogatepass")


class Text:
    """A text that is searched again and again, so that the same is not looked for twice."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._known: dict[str, bool] = {}

    @cached_property
    def lower(self) -> str:
        """The text without capitals."""
        return lower(self.text)

    @cached_property
    def _lower_bytes(self) -> bytes:
        return self.lower.encode(errors="surrogatepass")

    def has(self, hint: str) -> bool:
        """Whether this pattern, in lower case, matches anywhere, whatever the case of the text.

        Only its groups may have alternatives: the letters that it begins with are looked for first, which is quicker.
        """
        if hint not in self._known:
            letters = _letters(hint)
            may_match = len(letters) < _SHORTEST or native.contains(self._lower_bytes, letters)
            self._known[hint] = may_match and cache(hint).search(self.lower) is not None
        return self._known[hint]


class Matcher:
    """One look, and what stands instead of what it finds; on sheets or in single strings."""

    def __init__(self, look: SearchPattern, instead: Instead, on_sheets: bool) -> None:
        self._pattern, self._replacement = look, instead
        self._is_packed = on_sheets
        reading = ON_SHEET if on_sheets else IN_STRING
        self._branches = [(hint, pattern % reading) for hint, pattern in look.branches]

    def redact(self, text: Text) -> Text:
        """The text without what is found; the same one if there is nothing."""
        look, searched = self._pattern, text.lower if self._pattern.any_case else text.text
        parts = [(0, len(searched))] if not look.shape[0] else _shaped(searched, *look.shape)
        # Of several patterns only those that may match: one alone begins with a letter that is written out, and so
        # is found several times as quickly as one of many.
        patterns = [pattern for hint, pattern in self._branches if not hint or text.has(hint)]
        if not (patterns and parts):
            return text
        pattern, cleaned = cache("|".join(patterns)), None
        if isinstance(self._replacement, str) and len(patterns) == 1 and not (look.any_case or look.judge):
            cleaned = self._split(pattern, searched, self._replacement)
        if cleaned is None:
            cleaned = self._replace(text.text, self._spans(pattern, searched, parts))
        return text if cleaned == text.text else Text(cleaned)

    def _split(self, pattern: re.Pattern[str], text: str, instead: str) -> str | None:
        """What else comes of the spans, in half of the time; None if that may not be the same."""
        parts = pattern.split(text)
        if self._pattern.lead is not None:
            letters, most = self._pattern.lead
            trimmed = [part.rstrip(letters) for part in parts[:-1]]
            lengths = set(map(sub, map(len, parts), map(len, trimmed)))
            if lengths and not 0 < min(lengths) <= max(lengths) <= most:
                return None
            parts[:-1] = trimmed
        if not pattern.groups:
            return instead.join(parts)
        parts[1::2] = [kept + instead for kept in parts[1::2]]
        return "".join(parts)

    def _spans(self, pattern: re.Pattern[str], text: str, parts: Iterable[Span]) -> list[Span]:
        spans = [
            (match.end(match.lastindex) if match.lastindex else match.start(), match.end())
            for start, end in parts
            for match in pattern.finditer(text, start, end)
        ]
        if self._pattern.lead is not None:
            spans = _led(spans, text, *self._pattern.lead)
        if self._pattern.judge is not None:
            judge = self._pattern.judge
            spans = [(start, end) for start, end in spans if judge(text[start:end])]
        return spans

    def _replace(self, text: str, spans: Sequence[Span]) -> str:
        if not spans:
            return text
        parts = between(text, spans)
        if isinstance(self._replacement, str) and not (self._is_packed and self._pattern.numbers):
            return self._replacement.join(parts)
        found = [self._replacement_of(text[start:end]) for start, end in spans]
        if self._is_packed and self._pattern.numbers:
            # Lines have an even number of quotes, so the first lines of a sheet do not matter.
            quotes = accumulate(part.count('"') for part in parts)
            found = [mark if before % 2 else NUMBER for mark, before in zip(found, quotes, strict=False)]
        return "".join([part for pair in zip(parts, [*found, ""], strict=True) for part in pair])

    def _replacement_of(self, text: str) -> str:
        if isinstance(self._replacement, str):
            return self._replacement
        return self._replacement(unescape(text) if self._is_packed else text)


def between(text: str, spans: Sequence[Span]) -> list[str]:
    """What is before, between and behind these parts of a text."""
    starts, ends = zip(*spans, strict=True)
    return [text[start:end] for start, end in zip((0, *ends), (*starts, len(text)), strict=True)]


def _shaped(text: str, shape: str, between: str) -> list[Span]:
    """The lines in which there is something of this shape."""
    shapes = text.encode(errors="replace").translate(_KINDS, between.encode()).decode("latin-1")
    lines = list(lines_of(cache(shape), shapes))
    ends = list(accumulate(len(line) + 1 for line in text.split("\n"))) if lines else []
    return [(ends[line - 1] if line else 0, ends[line] - 1) for line in lines]


def _led(spans: Sequence[Span], text: str, letters: str, most: int) -> list[Span]:
    """The spans with the letters before them; without those that have none."""
    found, last = [], 0
    for at, end in spans:
        before = text[max(last, at - most) : at]
        length = len(before) - len(before.rstrip(letters))
        if length:
            found.append((at - length, end))
            last = end
    return found
