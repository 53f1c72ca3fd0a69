"""Suggests a known name for a misspelled one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggestion_for(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean "…"?` for a name that resembles a known one, else ""."""
    close = get_close_matches(name, list(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""
