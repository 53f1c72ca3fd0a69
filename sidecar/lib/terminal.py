"""Text of applications, servers and files as a terminal, a log or a page may see it."""

from __future__ import annotations

import re

_FIRST_BYTE, _LAST_BYTE = "\udc80", "\udcff"
"""What os.fsdecode makes of a byte that is not UTF-8 (PEP 383)."""

_BEYOND_ASCII = re.compile(r"[^ -~]+")


def escape_control_characters(text: str) -> str:
    """Return the text as one line, with an escape for each character that is no letter, sign or blank.

    Those are control characters, which a terminal obeys, marks that turn the direction of writing, marks without a
    width, and what is no text at all. Letters of any script stay.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def escape_lines(text: str) -> str:
    """Return the same with its newlines kept."""
    return text if text.isprintable() else "\n".join(map(escape_control_characters, text.split("\n")))


def escape_json(text: str) -> str:
    r"""Return the same JSON, with `\u202e` and the like for each character that is not printable.

    A byte of a file name that is not UTF-8 becomes the text `\xff`: readers of JSON refuse half of a surrogate pair.
    """
    if text.isprintable():
        return text
    return _BEYOND_ASCII.sub(lambda found: "".join(map(_escape_in_json, found[0])), text)


def _escape(character: str) -> str:
    if _FIRST_BYTE <= character <= _LAST_BYTE:
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def _escape_in_json(character: str) -> str:
    if character.isprintable() or character == "\n":  # between values; within a text it is escaped already
        return character
    if "\ud800" <= character <= "\udfff":
        return f"\\{_escape(character)}"
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
