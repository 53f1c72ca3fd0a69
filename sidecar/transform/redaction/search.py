"""Finds the matches of a detector in a text, and replaces them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import accumulate
from operator import sub
from string import ascii_uppercase, digits

from sidecar.lib import native
from sidecar.transform.redaction.chunk_text import NUMBER, find_lines, unescape
from sidecar.transform.redaction.detectors import IN_PACKED_TEXT, IN_STRING, SearchPattern, Span

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
"""Minimum length of a literal text for which a separate search is worthwhile."""


@lru_cache(maxsize=256)
def _letters(hint: str) -> bytes:
    """Return a literal text with which all matches of a pattern begin; b"" if the pattern does not begin with one."""
    match = _LETTERS.match(hint)
    return match[0].encode() if match else b""


@lru_cache(maxsize=256)
def compile_cached(pattern: str) -> re.Pattern[str]:
    """Return the compiled pattern. Patterns are compiled on demand and cached, because there are few."""
    return re.compile(pattern)


def lower(text: str) -> str:
    """Return the text with ASCII letters, and the letters that `re` treats as equal to them, in lower case.

    The length of the text does not change.
    """
    if text.isascii():
        return text.lower()
    for letter, plain in _SAME_LETTERS:
        text = text.replace(letter, plain)
    return text.encode(errors="surrogatepass").lower().decode(errors="surrogatepass")


class Text:
    """A text that is searched repeatedly, with a cache of search results."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._results: dict[str, bool] = {}

    @cached_property
    def lower(self) -> str:
        """The text in lower case."""
        return lower(self.text)

    @cached_property
    def _lower_bytes(self) -> bytes:
        return self.lower.encode(errors="surrogatepass")

    def has(self, hint: str) -> bool:
        """Return whether this pattern matches anywhere, ignoring case. The pattern must be in lower case.

        It may have alternatives only inside groups, because its literal beginning is searched first, which is faster.
        """
        if hint not in self._results:
            letters = _letters(hint)
            may_match = len(letters) < _MIN_LITERAL_LENGTH or native.contains(self._lower_bytes, letters)
            self._results[hint] = may_match and compile_cached(hint).search(self.lower) is not None
        return self._results[hint]


class Matcher:
    """Replaces the matches of one search pattern, either in packed text or in single strings."""

    def __init__(self, search: SearchPattern, replacement: Replacement, is_packed: bool) -> None:
        self._pattern, self._replacement = search, replacement
        self._is_packed = is_packed
        placeholders = IN_PACKED_TEXT if is_packed else IN_STRING
        self._branches = [(hint, pattern % placeholders) for hint, pattern in search.branches]

    def redact(self, text: Text) -> Text:
        """Return the text with the matches replaced; the same object if there are none."""
        search, searched = self._pattern, text.lower if self._pattern.ignores_case else text.text
        if search.mask and isinstance(self._replacement, str):
            masked = search.mask(text.text, self._replacement)
            if masked is not None:
                return text if masked == text.text else Text(masked)
        parts = [(0, len(searched))] if not search.shape[0] else _lines_with_shape(searched, *search.shape)
        # Omit patterns that cannot match: a single pattern begins with a literal letter, and `re` finds it several
        # times as fast as alternatives.
        patterns = [pattern for hint, pattern in self._branches if not hint or text.has(hint)]
        if not (patterns and parts):
            return text
        pattern, redacted = compile_cached("|".join(patterns)), None
        if isinstance(self._replacement, str) and len(patterns) == 1 and not (search.is_match or search.find):
            redacted = (
                _replace_after_group(patterns[0], searched, text.text, self._replacement)
                if search.ignores_case
                else self._split(pattern, searched, self._replacement)
            )
        if redacted is None:
            redacted = self._replace(text.text, self._spans(pattern, searched, parts))
        return text if redacted == text.text else Text(redacted)

    def _split(self, pattern: re.Pattern[str], text: str, replacement: str) -> str | None:
        """Replace all matches with `re.split`, which is faster than `_spans` and `_replace`.

        Return None if the result could differ.
        """
        parts = pattern.split(text)
        if self._pattern.prefix is not None:
            letters, max_length = self._pattern.prefix
            trimmed = [part.rstrip(letters) for part in parts[:-1]]
            lengths = set(map(sub, map(len, parts), map(len, trimmed)))
            if lengths and not 0 < min(lengths) <= max(lengths) <= max_length:
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
        if self._pattern.prefix is not None:
            spans = _with_prefix(spans, text, *self._pattern.prefix)
        if self._pattern.is_match is not None:
            is_match = self._pattern.is_match
            spans = [(start, end) for start, end in spans if is_match(text[start:end])]
        if self._pattern.find is not None:
            spans = _without_overlaps(span for each in spans for span in self._pattern.find(text, *each))
        return spans

    def _replace(self, text: str, spans: Sequence[Span]) -> str:
        if not spans:
            return text
        parts = between(text, spans)
        if isinstance(self._replacement, str) and not (self._is_packed and self._pattern.matches_numbers):
            return self._replacement.join(parts)
        replacements = [self._replacement_of(text[start:end]) for start, end in spans]
        if self._is_packed and self._pattern.matches_numbers:
            # A match after an even number of quotes is outside of strings. Each line has an even number of quotes.
            quotes = accumulate(part.count('"') for part in parts)
            replacements = [
                text if before % 2 else NUMBER for text, before in zip(replacements, quotes, strict=False)
            ]
        return "".join([part for pair in zip(parts, [*replacements, ""], strict=True) for part in pair])

    def _replacement_of(self, text: str) -> str:
        if isinstance(self._replacement, str):
            return self._replacement
        return self._replacement(unescape(text) if self._is_packed else text)


def _replace_after_group(pattern: str, searched: str, text: str, replacement: str) -> str:
    """Return the text with the part of each match after its only group replaced.

    The matches are those in `searched`, which has the length of `text`. `re.split` is faster than match objects.
    """
    parts = compile_cached(f"({pattern})").split(searched)
    kept, at = [], 0
    for before, match, group in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        start, at = at, at + len(before) + len(match)
        kept.append(text[start : at - len(match) + len(group)])
    return replacement.join([*kept, text[at:]])


def between(text: str, spans: Sequence[Span]) -> list[str]:
    """Return the parts of a text before, between and after these spans."""
    starts, ends = zip(*spans, strict=True)
    return [text[start:end] for start, end in zip((0, *ends), (*starts, len(text)), strict=True)]


def _lines_with_shape(text: str, shape: str, between: str) -> list[Span]:
    """Return the span of each line that contains `shape`, in which 0 is any digit and A any capital letter.

    Characters in `between` are ignored.
    """
    shapes = text.encode(errors="replace").translate(_SHAPE_TABLE, between.encode()).decode("latin-1")
    lines = list(find_lines(compile_cached(shape), shapes))
    ends = list(accumulate(len(line) + 1 for line in text.split("\n"))) if lines else []
    return [(ends[line - 1] if line else 0, ends[line] - 1) for line in lines]


def _without_overlaps(spans: Iterable[Span]) -> list[Span]:
    """Return the spans without those that begin before the end of an earlier one."""
    kept: list[Span] = []
    for span in spans:
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


def _with_prefix(spans: Sequence[Span], text: str, letters: str, max_length: int) -> list[Span]:
    """Return the spans extended to the left by 1 to `max_length` of these letters. Drop the other spans."""
    extended, last = [], 0
    for at, end in spans:
        before = text[max(last, at - max_length) : at]
        length = len(before) - len(before.rstrip(letters))
        if length:
            extended.append((at - length, end))
            last = end
    return extended
