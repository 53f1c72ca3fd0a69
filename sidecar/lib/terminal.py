"""Escapes text from applications, servers and files for terminals, logs and pages."""

from __future__ import annotations

import re

_FIRST_BYTE, _LAST_BYTE = "\udc80", "\udcff"
"""Range of the characters that os.fsdecode returns for bytes that are not UTF-8 (PEP 383)."""

_BEYOND_ASCII = re.compile(r"[^ -~]+")


def escape_control_characters(text: str) -> str:
    """Return the text as a single line, with all characters escaped that are not printable.

    These are, for example, control characters, bidirectional overrides, and lone surrogates. Letters of all scripts
    stay.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def escape_lines(text: str) -> str:
    """Escape the same characters as `escape_control_characters`, except newlines."""
    return text if text.isprintable() else "\n".join(map(escape_control_characters, text.split("\n")))


def escape_json(text: str) -> str:
    r"""Return JSON text with all characters escaped that are not printable, for example as `\u202e`.

    A byte of a file name that is not UTF-8 becomes the text `\xff`, because JSON readers reject lone surrogates.
    """
    if text.isprintable():
        return text
    return _BEYOND_ASCII.sub(lambda match: "".join(map(_escape_in_json, match[0])), text)


def _escape(character: str) -> str:
    if _FIRST_BYTE <= character <= _LAST_BYTE:
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def _escape_in_json(character: str) -> str:
    if character.isprintable() or character == "\n":  # between values; inside strings it is already escaped
        return character
    if "\ud800" <= character <= "\udfff":
        return f"\\{_escape(character)}"
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
