"""Patterns of the user's own. They run in the `regex` library, which gives the interpreter back while it searches and
has a time limit; it is imported when there is a pattern, because it takes 2 MiB of each sidecar."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import regex


Pattern: TypeAlias = "regex.Pattern[str]"
Match: TypeAlias = "regex.Match[str]"


def compiled(pattern: str) -> Pattern:
    """The pattern, ready to search. Raises `ValueError` that says why it does not compile."""
    library = import_module("regex")
    try:
        found: Pattern = library.compile(pattern)
    except library.error as error:
        raise ValueError(f"the pattern does not compile: {error}") from error
    return found
