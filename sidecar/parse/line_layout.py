"""Parses lines in the usual layout of a pattern with a regex of the module `re`.

The library `regex` needs several times as long for the whole pattern, with its many alternatives and its time limit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import compress
from typing import NamedTuple

from sidecar.model.lines import LineBatch

_OTHER = ""
"""Instead of a field path: lines in another layout."""

_QUOTED = r'[^"\\\n]*+'


class LineLayout(NamedTuple):
    """The usual layout of lines that a pattern matches.

    If the layout matches a whole line, the pattern does too, from its beginning and with the same captures.
    """

    pattern: str
    """Regex whose time is linear in the length of a line. It matches no line end."""

    paths: Sequence[str]
    """Field path of each group. A group without text has no value."""

    checks: Mapping[str, str] = {}
    """Field path → regex that its whole text must match, for texts that are the same in many lines."""


class LayoutRegex:
    """Finds the lines of a chunk that are in a layout."""

    def __init__(self, layout: LineLayout) -> None:
        self._paths = layout.paths
        text = rf"^(?:{layout.pattern}|([^\n]++))$"
        self._pattern = re.compile(text, re.MULTILINE | re.ASCII)
        # A class of one character is matched several times as fast as a class of several ones.
        self._simple_pattern = re.compile(text.replace(_QUOTED, '[^"]*+'), re.MULTILINE | re.ASCII)
        self._checks = {path: re.compile(pattern, re.ASCII) for path, pattern in layout.checks.items()}

    def columns(self, lines: LineBatch) -> tuple[dict[str, Sequence[str]], list[int]]:
        """Return the columns of the lines in this layout by field path, and the indexes of the other lines."""
        names = (*self._paths, _OTHER)
        columns: dict[str, Sequence[str]] = dict(zip(names, zip(*self._find_rows(lines), strict=True), strict=True))
        failed = {index for index, text in enumerate(columns[_OTHER]) if text} if any(columns[_OTHER]) else set[int]()
        for path, pattern in self._checks.items():
            if wrong := {text for text in set(columns[path]) if text and not pattern.fullmatch(text)}:
                failed.update(index for index, text in enumerate(columns[path]) if text in wrong)
        if failed:
            is_kept = [index not in failed for index in range(lines.count)]
            columns = {path: tuple(compress(column, is_kept)) for path, column in columns.items()}
        return columns, sorted(failed)

    def _find_rows(self, lines: LineBatch) -> Sequence[Sequence[str]]:
        """Return the captures in each line. The last one is the whole line if it is in another layout."""
        if "\\" not in lines.text:
            rows = self._simple_pattern.findall(lines.text)
            # Every line is part of a row, so no row spans two lines if there are as many rows as lines.
            if len(rows) == lines.count:
                return rows
        return self._pattern.findall(lines.text)
