"""Text of applications as a terminal may see it."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with escapes in the place of what is no letter, sign or blank: control characters, of which a terminal
    does more than show, and marks that turn the direction of writing round. Letters of any script stay."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
