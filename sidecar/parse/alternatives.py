"""Joins regexes into one that matches what any of them matches, and tries their common beginnings only once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_NAME = re.compile(r"\(\?P<\w+>")
_PLAIN = re.compile(r"\\(?:u[0-9a-f]{4}|x[0-9a-f]{2}|.)|\[\^?\]?(?:\\.|[^\]\\])*\]|[^|()]", re.DOTALL)
"""An element without parentheses: an escape, a class or a character."""

_QUANTIFIER = re.compile(r"(?:[*+?]|\{\d*,?\d*\})[?+]?|")

_Tree = dict[str, "_Tree"]
"""Elements of regexes → what may follow. The empty element is the end of a regex."""


def join_alternatives(patterns: Sequence[str]) -> str:
    """Return a regex without named groups that matches a whole text if one of the patterns does.

    Patterns must not refer to their groups.
    """
    root: _Tree = {}
    for pattern in patterns:
        branch = root
        for element in (*_split(_NAME.sub("(?:", pattern)), ""):
            branch = branch.setdefault(element, {})
    return _render(root)


def _render(tree: _Tree) -> str:
    texts = [element + _render(rest) for element, rest in tree.items()]
    return texts[0] if len(texts) == 1 else f"(?:{'|'.join(texts)})" if texts else ""


def _split(pattern: str) -> Sequence[str]:
    """Return the elements of a regex with their quantifiers, or one group if it has alternatives on its top level."""
    elements = list(_elements(pattern))
    return [f"(?:{pattern})"] if "|" in elements else elements


def _elements(pattern: str) -> Iterator[str]:
    position = 0
    while position < len(pattern):
        end = _end_of_element(pattern, position)
        quantifier = _QUANTIFIER.match(pattern, end)
        end = quantifier.end() if quantifier else end
        yield pattern[position:end]
        position = end


def _end_of_element(pattern: str, start: int) -> int:
    position, depth = start, 0
    while True:
        plain = _PLAIN.match(pattern, position)
        depth += 0 if plain else {"(": 1, ")": -1}.get(pattern[position], 0)
        position = plain.end() if plain else position + 1
        if not depth:
            return position
