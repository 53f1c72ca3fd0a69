"""What somebody may have meant by a name that nobody knows."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggestion_for(name: str, known: Iterable[str]) -> str:
    """`; did you mean "…"?` for a name that is nearly one of those known, else ""."""
    close = get_close_matches(name, list(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""
