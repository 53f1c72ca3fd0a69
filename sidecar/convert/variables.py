"""Translates references to environment variables, as each tool writes them, into those of the sidecar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DOLLARS = re.compile(r"\$(?=[${])")
_OURS = re.compile(r"\$(?:\$|\{([A-Za-z_]\w*)(?:(:[-?])([^}]*))?\})", re.ASCII)

# Each pattern matches a reference, whose groups are the name, the operator and the rest, or an escaped dollar sign.
_SYNTAXES = {
    "filebeat": re.compile(r"(?P<escape>\$\$(?=\{))|\$\{(?P<name>[^{}:]+)(?:(?P<sign>:\??)(?P<rest>[^{}]*))?\}"),
    "fluent_bit": re.compile(r"(?P<escape>(?!))|\$\{(?P<name>[^{}:]+)(?P<sign>)(?P<rest>)\}"),
    "promtail": re.compile(r"(?P<escape>\$\$)|\$\{(?P<name>[^{}:=]+)(?:(?P<sign>:-?|=)(?P<rest>[^{}]*))?\}"),
    "vector": re.compile(
        r"(?P<escape>\$\$)|\$(?:(?P<bare>[A-Za-z_]\w*)|\{(?P<name>[^{}:?-]+)(?:(?P<sign>:?[-?])(?P<rest>[^{}]*))?\})",
        re.ASCII,
    ),
}


def translate(text: str, syntax: str) -> str:
    """Return the text with references as the sidecar writes them. All other dollar signs stay literal."""
    if "$" not in text:
        return text
    pieces, end = [], 0
    for match in _SYNTAXES[syntax].finditer(text):
        pieces += [escape(text[end : match.start()]), _translate_match(match)]
        end = match.end()
    pieces.append(escape(text[end:]))
    return _join(pieces)


def _translate_match(match: re.Match[str]) -> str:
    groups = match.groupdict()
    if groups["escape"]:
        return escape("$")
    name = groups.get("bare") or groups["name"]
    sign = "" if not groups["sign"] else ":?" if "?" in groups["sign"] else ":-"
    return f"${{{variable_name(name)}{sign}{(groups['rest'] or '') if sign else ''}}}"


def _join(pieces: list[str]) -> str:
    """Join pieces. A literal dollar sign at the end of one is doubled if the next one begins with `$` or `{`."""
    following, joined = "", list[str]()
    for piece in reversed(pieces):
        is_open = (len(piece) - len(piece.rstrip("$"))) % 2 == 1 and following in ("$", "{")
        joined.append(f"{piece}$" if is_open else piece)
        following = piece[:1] or following
    return "".join(reversed(joined))


def variable_name(text: str) -> str:
    """Return the text as the name of a variable: `path.config` becomes `PATH_CONFIG`."""
    if _NAME.fullmatch(text):
        return text
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_").upper()
    return name if _NAME.fullmatch(name) else f"VALUE_{name}".rstrip("_")


def escape(text: str) -> str:
    """Return the text so that the sidecar reads it as it is."""
    return _DOLLARS.sub("$$", text)


def literal(text: str) -> str | None:
    """Return what the text means, or None if a variable decides that."""
    return None if has_reference(text) else text.replace("$$", "$")


def has_reference(text: str) -> bool:
    """Return whether the text refers to a variable."""
    return any(match[1] for match in _OURS.finditer(text))


def is_reference(text: str) -> str | None:
    """Return the name of the variable if the text is only a reference to it, else None."""
    match = _OURS.fullmatch(text)
    return match[1] if match else None


def replace_references(text: str, value: str) -> str:
    """Return the text with one value for all its variables."""
    return _OURS.sub(lambda match: value if match[1] else "$", text)


def required_names(value: Any) -> Iterator[str]:
    """Yield the names of the variables without a default, in a text or in all texts below a mapping or list."""
    if isinstance(value, str):
        yield from (match[1] for match in _OURS.finditer(value) if match[1] and match[2] != ":-")
    elif isinstance(value, dict):
        for child in value.values():
            yield from required_names(child)
    elif isinstance(value, list):
        for child in value:
            yield from required_names(child)
