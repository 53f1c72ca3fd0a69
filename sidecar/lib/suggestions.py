"""Suggests a known name for a misspelled one."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

_MAX_CANDIDATES = 3
_MIN_BEGINNING = 4
"""Letters that a name must have to be completed."""


def suggestion_for(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Return `; did you mean "…"?` if the name resembles a known name or is the beginning of one, else "".

    A `prefix` at the beginning of a name and the case of letters are ignored.
    """
    folded = {each.removeprefix(prefix).lower(): each for each in known}
    written = name.removeprefix(prefix).lower()
    close = import_module("difflib").get_close_matches(written, folded, n=_MAX_CANDIDATES)
    # If more than half of the letters differ, names resemble each other by chance, as TIMESTMP and REDISTIMESTAMP.
    match = next((each for each in close if 2 * _count_edits(written, each) <= len(written)), None)
    if match is None and len(written) >= _MIN_BEGINNING:
        match = next((each for each in sorted(folded) if each.startswith(written)), None)
    return f'; did you mean "{folded[match]}"?' if match else ""


def _count_edits(before: str, after: str) -> int:
    """Return how many letters must be inserted, deleted or replaced."""
    edits = import_module("difflib").SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return sum(max(i2 - i1, j2 - j1) for kind, i1, i2, j1, j2 in edits if kind != "equal")
