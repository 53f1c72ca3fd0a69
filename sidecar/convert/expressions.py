"""Builds expressions of `drop_when` and `keep_when` from the conditions of other tools."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sidecar.convert.secrets import find_credentials, names_secret

_FIELD = re.compile(r"[A-Za-z_@][\w@\-]*(?:\.[\w@\-]+)*")
_WORDS = frozenset(("and", "or", "not", "in", "exists", "true", "false", "null"))


class Untranslatable(ValueError):
    """A condition or statement has no counterpart. The message is the reason."""


def field(path: str) -> str:
    """Return the path of a field. Raise `Untranslatable` if an expression cannot name it."""
    if not _FIELD.fullmatch(path) or path in _WORDS:
        raise Untranslatable("an expression cannot name this field")
    return path


def quote(text: str) -> str:
    """Return a text in quotes. Raise `Untranslatable` if it has both kinds of quotes, or looks like a secret."""
    if find_credentials(text):
        raise Untranslatable("the value looks like a secret")
    sign = '"' if '"' not in text else "'"
    if sign in text or text.endswith("\\"):
        raise Untranslatable("the value has quotes of both kinds, or ends with a backslash")
    return f"{sign}{text}{sign}"


def compare(path: str, sign: str, value: str | float | bool | None) -> str:
    """Return a comparison of a field with a value."""
    if names_secret(path.rpartition(".")[2]):
        raise Untranslatable("the field may hold a secret")
    if isinstance(value, bool) or value is None:
        return f"{field(path)} {sign} {'null' if value is None else str(value).lower()}"
    return f"{field(path)} {sign} {quote(value) if isinstance(value, str) else f'{value:.15g}'}"


def matches(path: str, pattern: str) -> str:
    """Return whether a field contains a match of a pattern, as an expression."""
    return f"{field(path)} ~ {quote(pattern)}"


def negate(expression: str) -> str:
    """Return the opposite of an expression."""
    return f"not ({expression})"


def join(operator: str, parts: Sequence[str]) -> str:
    """Join expressions with `and` or `or`."""
    if len(parts) == 1:
        return parts[0]
    return f" {operator} ".join(f"({part})" if re.search(r" (?:and|or) ", part) else part for part in parts)
