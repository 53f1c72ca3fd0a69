"""Evaluates selectors of the stage `match`, such as `{app="shop"} |= "debug"`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from sidecar.convert.expressions import Untranslatable

_SELECTOR = re.compile(r"\s*\{([^{}]*)\}(.*)", re.DOTALL)
_MATCHER = re.compile(r'\s*([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|`[^`]*`)\s*(?:,|$)')
_LINE_FILTER = re.compile(r'\s*(\|=|!=|\|~|!~)\s*("(?:[^"\\]|\\.)*"|`[^`]*`)')


class SelectorFilter(NamedTuple):
    """A filter of lines by their text."""

    operator: str
    """`|=` contains, `!=` does not contain, `|~` matches, `!~` does not match."""

    text: str


def evaluate(selector: str, labels: Mapping[str, str]) -> list[SelectorFilter] | None:
    """Return the filters of a selector, or None if these labels do not fit it.

    Raise `Untranslatable` if it needs labels that are unknown before a line is read.
    """
    parts = _SELECTOR.fullmatch(selector)
    if parts is None:
        raise Untranslatable("the selector cannot be read")
    is_chosen = all(_fits(labels, *match.groups()) for match in _consume(_MATCHER, parts[1]))
    filters = [SelectorFilter(match[1], _unquote(match[2])) for match in _consume(_LINE_FILTER, parts[2])]
    return filters if is_chosen else None


def _fits(labels: Mapping[str, str], label: str, operator: str, quoted: str) -> bool:
    if label not in labels:
        raise Untranslatable("only labels of the target are known before a line is read")
    value, wanted = labels[label], _unquote(quoted)
    if "~" not in operator:
        return (value == wanted) is (operator == "=")
    try:
        return (re.fullmatch(wanted, value) is not None) is (operator == "=~")
    except re.error:
        raise Untranslatable("the pattern of the selector does not compile") from None


def _consume(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """Return the matches that follow one another. Raise `Untranslatable` if they do not cover the text."""
    matches, end = [], 0
    while match := pattern.match(text, end):
        matches.append(match)
        end = match.end()
    if text[end:].strip():
        raise Untranslatable("the selector cannot be read")
    return matches


def _unquote(text: str) -> str:
    return text[1:-1] if text[0] == "`" else re.sub(r"\\(.)", r"\1", text[1:-1])
