"""Finds and removes the matches of detectors in text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import accumulate
from operator import sub
from string import ascii_uppercase, digits

from sidecar.lib import native
from sidecar.transform.redaction.chunk_text import NUMBER, lines_of, unescape
from sidecar.transform.redaction.detectors import IN_PACKED_TEXT, IN_STRING, SearchPattern

Span = tuple[int, int]
Replacement = str | Callable[[str], str]
"""Replacement text, or a function that returns it."""

_SAME_LETTERS = (("İ", "i"), ("ı", "i"), ("ſ", "s"), ("\u212a", "k"))
"""Characters that `re` treats as ASCII letters when it ignores case."""

_SHAPE_OF = (
    {ord("\n"): "\n"}
    | dict.fromkeys(ascii_uppercase.encode(), "A")
    # Characters beyond ASCII may be digits too.
    | dict.fromkeys([*digits.encode(), *range(128, 256)], "0")
)
_SHAPE_TABLE = "".join(_SHAPE_OF.get(byte, "x") for byte in range(256)).encode()


_LETTERS = re.compile(r"(?:[a-z]|://)*+(?![?*{])|[a-z]*(?=[a-z][?*{])")
_MIN_LITERAL_LENGTH = 2
"""Fewer letters are not searched separately."""


@lru_cache(maxsize=256)
def _letters(hint: str) -> bytes:
    """Return the literal beginning of all matches of a pattern, as far as it is easy to tell."""
    match = _LETTERS.match(hint)
    return match[0].encode() if match else b""


@lru_cache(maxsize=256)
def cache(pattern: str) -> re.Pattern[str]:
    """Return the compiled pattern. There are few built-in patterns, and they are compiled on demand."""
    return re.compile(pattern)


def lower(text: str) -> str:
    """Return the text with ASCII letters, and their equivalents in `re`, in lower case; positions stay."""
    if text.isascii():
        return text.lower()
    for letter, plain in _SAME_LETTERS:
        text = text.replace(letter, plain)
    return text.encode(errors="surrogatepass").lower().decode(errors="surrogatepass")


class Text:
    """A text that is searched repeatedly; results of searches are cached."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._known: dict[str, bool] = {}

    @cached_property
    def lower(self) -> str:
        """The text in lower case."""
        return lower(self.text)

    @cached_property
    def _lower_bytes(self) -> bytes:
        return self.lower.encode(errors="surrogatepass")

    def has(self, hint: str) -> bool:
        """Return whether this pattern, in lower case, matches anywhere, ignoring case.

        Alternatives are allowed in groups only, because the literal beginning is searched first, which is faster.
        """
        if hint not in self._known:
            letters = _letters(hint)
            may_match = len(letters) < _MIN_LITERAL_LENGTH or native.contains(self._lower_bytes, letters)
            self._known[hint] = may_match and cache(hint).search(self.lower) is not None
        return self._known[hint]


class Matcher:
    """One search and its replacement, for packed text or for single strings."""

    def __init__(self, look: SearchPattern, replacement: Replacement, is_packed: bool) -> None:
        self._pattern, self._replacement = look, replacement
        self._is_packed = is_packed
        reading = IN_PACKED_TEXT if is_packed else IN_STRING
        self._branches = [(hint, pattern % reading) for hint, pattern in look.branches]

    def redact(self, text: Text) -> Text:
        """Return the text without the matches; the same object if there are none."""
        look, searched = self._pattern, text.lower if self._pattern.any_case else text.text
        parts = [(0, len(searched))] if not look.shape[0] else _lines_with_shape(searched, *look.shape)
        # Search only patterns that may match: a single one begins with a literal letter, which is found several times
        # as fast as an alternative.
        patterns = [pattern for hint, pattern in self._branches if not hint or text.has(hint)]
        if not (patterns and parts):
            return text
        pattern, cleaned = cache("|".join(patterns)), None
        if isinstance(self._replacement, str) and len(patterns) == 1 and not (look.any_case or look.judge):
            cleaned = self._split(pattern, searched, self._replacement)
        if cleaned is None:
            cleaned = self._replace(text.text, self._spans(pattern, searched, parts))
        return text if cleaned == text.text else Text(cleaned)

    def _split(self, pattern: re.Pattern[str], text: str, replacement: str) -> str | None:
        """Faster equivalent of `_spans` and `_replace`; None if the result could differ."""
        parts = pattern.split(text)
        if self._pattern.lead is not None:
            letters, most = self._pattern.lead
            trimmed = [part.rstrip(letters) for part in parts[:-1]]
            lengths = set(map(sub, map(len, parts), map(len, trimmed)))
            if lengths and not 0 < min(lengths) <= max(lengths) <= most:
                return None
            parts[:-1] = trimmed
        if not pattern.groups:
            return replacement.join(parts)
        parts[1::2] = [kept + replacement for kept in parts[1::2]]
        return "".join(parts)

    def _spans(self, pattern: re.Pattern[str], text: str, parts: Iterable[Span]) -> list[Span]:
        spans = [
            (match.end(match.lastindex) if match.lastindex else match.start(), match.end())
            for start, end in parts
            for match in pattern.finditer(text, start, end)
        ]
        if self._pattern.lead is not None:
            spans = _with_lead(spans, text, *self._pattern.lead)
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
            # Every line has an even number of quotes, so earlier lines do not matter.
            quotes = accumulate(part.count('"') for part in parts)
            found = [mark if before % 2 else NUMBER for mark, before in zip(found, quotes, strict=False)]
        return "".join([part for pair in zip(parts, [*found, ""], strict=True) for part in pair])

    def _replacement_of(self, text: str) -> str:
        if isinstance(self._replacement, str):
            return self._replacement
        return self._replacement(unescape(text) if self._is_packed else text)


def between(text: str, spans: Sequence[Span]) -> list[str]:
    """Return the parts of a text before, between and after these spans."""
    starts, ends = zip(*spans, strict=True)
    return [text[start:end] for start, end in zip((0, *ends), (*starts, len(text)), strict=True)]


def _lines_with_shape(text: str, shape: str, between: str) -> list[Span]:
    """Return the lines that contain this shape."""
    shapes = text.encode(errors="replace").translate(_SHAPE_TABLE, between.encode()).decode("latin-1")
    lines = list(lines_of(cache(shape), shapes))
    ends = list(accumulate(len(line) + 1 for line in text.split("\n"))) if lines else []
    return [(ends[line - 1] if line else 0, ends[line] - 1) for line in lines]


def _with_lead(spans: Sequence[Span], text: str, letters: str, most: int) -> list[Span]:
    """Return the spans extended by the characters before them; spans without such characters are dropped."""
    found, last = [], 0
    for at, end in spans:
        before = text[max(last, at - most) : at]
        length = len(before) - len(before.rstrip(letters))
        if length:
            found.append((at - length, end))
            last = end
    return found
