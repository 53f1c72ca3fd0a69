"""Implements the functions of the compiled module in Python, for use without a compiler and as a specification."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate, count, repeat
from operator import add
from string import ascii_letters, digits
from typing import TypeAlias

_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE}")
_MASKED_IPV4 = re.compile(rf"(?<![0-9A-Za-z_.:])(?:{_BYTE}\.){{3}}(?P<last>{_BYTE})(?![0-9A-Za-z_]|\.[0-9])")
_DOMAIN = re.compile(r"@[A-Za-z0-9-]{1,63}+(?:\.[A-Za-z0-9-]{1,63}+)+")
_LOCAL_LETTERS, _MAX_LOCAL_LETTERS = f"{ascii_letters}{digits}._%+-", 64
_ESCAPED = re.compile(rb"[\x00-\x09\x0b-\x1f\\]")
_STRING = r'"[^"\\]*+(?:\\[\s\S][^"\\]*+)*+"'
_KEY = re.compile(r'("[^"\\]*+")[ \t\r\n]*+:[ \t\r\n]*+')
_VALUE = re.compile(rf"{_STRING}|[^ \t\r\n,:\"\[\]{{}}]++")
_BRACKET = re.compile(rf"{_STRING}|[\[\]{{}}\"]")
_BLANKS = re.compile(r"[ \t\r\n]*+")
_COMMA = re.compile(r"[ \t\r\n]*+,[ \t\r\n]*+(?=[\s\S])")
_MAX_NAMES, _MAX_PAIRS, _MAX_DOTS = 16, 128, 16
_PAIR = re.compile(
    r"""[ \t\v\f]*+(?P<key>[^\x00-\x20="\\]++)
    (?P<has_value>=(?:"(?P<quoted>(?:[^"\\\x00-\x1f]++|\\["\\bfnrt])*+)"|(?P<bare>[^\x00-\x20"\\]*+)))?+
    (?:[ \t\v\f]++|\Z)""",
    re.VERBOSE | re.ASCII,
)

_Tree: TypeAlias = "dict[str, str | _Tree]"

_ABSENT, _UNDECIDED = (-1, -1, -1), (-2, -2, -2)


def split_lines(data: bytes, offset: int) -> tuple[list[str], list[int]] | None:
    """Return the lines of UTF-8 text without line ends, and the offset of each line. `offset`: offset of `data`.

    Return None if a line is empty or not UTF-8, or if the last line has no line end.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    texts = text.split("\n")
    if texts.pop() or not texts or not all(texts):
        return None
    # A line begins after the bytes and line ends of all lines before it.
    lengths = map(len, texts if text.isascii() else data.split(b"\n"))
    return texts, list(map(add, accumulate(lengths, initial=offset), count()))[: len(texts)]


def strip_braces(texts: list[str], first: str, last: str) -> list[str] | None:
    """Return each text without its first and last character.

    Return None if a text does not begin with `first` and end with `last`, which are ASCII characters.
    """
    if all(len(text) > 1 and text[0] == first and text[-1] == last for text in texts):
        return [text[1:-1] for text in texts]
    return None


def join_columns(rows: int, columns: tuple[str | list[str] | list[int], ...]) -> bytes:
    """Concatenate rows, each of which concatenates its columns. Return UTF-8.

    A column is a text that all rows share, or a list with one item for each row. An item is a text, or a number from
    0 to 2^63 - 1. Raise `UnicodeEncodeError` for a lone surrogate.
    """
    sources = [repeat(column, rows) if isinstance(column, str) else column for column in columns]
    template = "%s" * len(columns)
    return "".join([template % row for row in zip(*sources, strict=False)]).encode()


def contains(data: bytes, text: bytes) -> bool:
    """Return whether `data` contains `text`. Raise `ValueError` if `text` is shorter than two bytes."""
    if len(text) < 2:
        raise ValueError("the text to search for must have at least two bytes")
    return text in data


def contains_any(data: bytes, texts: tuple[bytes, ...]) -> bool:
    """Return whether `data` contains one of the texts. It is fast if their last bytes are rare.

    Raise `ValueError` if a text is shorter than two bytes.
    """
    if any(len(text) < 2 for text in texts):
        raise ValueError("a text to search for must have at least two bytes")
    return any(text in data for text in texts)


def are_ipv4(texts: list[str]) -> bool:
    """Return whether each text is an IPv4 address in decimal notation, without leading zeros."""
    return all(map(_IPV4.fullmatch, texts))


def count_byte(data: bytes, byte: bytes) -> int:
    """Return the number of times that this byte occurs."""
    return data.count(byte)


def needs_no_escaping(data: bytes) -> bool:
    """Return whether this UTF-8 text needs no escapes in JSON (RFC 8259, 7). Quotes and line ends are not checked."""
    return not _ESCAPED.search(data)


def locate_members(texts: list[str], names: tuple[str, ...]) -> list[list[int]]:
    """Return where members with these names are in JSON objects. `texts`: the objects without their braces.

    The result has three columns for each name, with an item for each text: start of the key, start and end of the
    value, as indexes; all -1 if the object has no such member. All are -2 if that is undecided: for a repeated name,
    for a key that begins with the name and a dot, for a key with an escape anywhere in the text, and for text that is
    not a list of members. Raise `ValueError` for more than 16 names.
    """
    if len(names) > _MAX_NAMES:
        raise ValueError("too many names")
    rows = [_locate_in(text, names) for text in texts]
    return [[row[name][item] for row in rows] for name in range(len(names)) for item in range(3)]


def encode_pairs(
    text: str, wanted: tuple[str, ...], values: list[list[str] | None] | None = None
) -> tuple[list[str | None], set[str], list[list[str] | None]]:
    """Return lines of `key=value` pairs as JSON objects without their braces, their root names, and wanted values.

    Values are strings, bare or in quotes. A key without `=` is true. A point in a key separates the names of nested
    objects. There is a column for each name in `wanted`: its value in each line, or "" if it has none; None if no
    line has one. With `values`, which has such columns too, their JSON is written instead of these values.

    An object is None where it is undecided:
    - for a line with no pair, other text, control characters, more than 128 pairs, or a first key without a value;
    - for keys that are repeated, have an empty name or more than 16 points, begin with `log.`, name both a value and
      an object, or are not next to the other keys of their object;
    - for a backslash in a key, a bare value or a wanted value, and for an escape other than `\\"`, `\\\\`, `\\b`,
      `\\f`, `\\n`, `\\r` and `\\t`.

    Raise `ValueError` for more than 16 names, for columns of another length, and for a lone surrogate.
    """
    if len(wanted) > _MAX_NAMES:
        raise ValueError("too many names")
    text.encode()
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    given = dict(zip(wanted[::-1], (values or [None] * len(wanted))[::-1], strict=True))
    if any(column is not None and len(column) != len(lines) for column in values or ()):
        raise ValueError("values must be a list with an item for each line")
    bodies: list[str | None] = []
    names: set[str] = set()
    columns: list[list[str] | None] = [None] * len(wanted)
    for row, line in enumerate(lines):
        pairs = _pairs_in(line)
        names.update(key.partition(".")[0] for key in pairs)
        found = {key: value for key, value in pairs.items() if value is not None and key in wanted}
        if not pairs or "\\" in "".join(found.values()):
            bodies.append(None)
            continue
        members = {key: "true" if value is None else f'"{value}"' for key, value in pairs.items()}
        for key, value in found.items():
            column = columns[wanted.index(key)] or [""] * len(lines)
            column[row], columns[wanted.index(key)] = value, column
            if replaced := given[key]:
                replaced[row].encode()
                members[key] = replaced[row]
        bodies.append(_render(_nest(members) or {}))
    return bodies, names, columns


def _pairs_in(line: str) -> dict[str, str | None]:
    """Return the value of each key, None for a key without one. Return {} if the line is undecided."""
    pairs: dict[str, str | None] = {}
    at = 0
    while at < len(line):
        pair = _PAIR.match(line, at)
        if pair is None or pair["key"] in pairs or len(pairs) == _MAX_PAIRS:
            return {}
        pairs[pair["key"]] = (pair["quoted"] or pair["bare"] or "") if pair["has_value"] else None
        at = pair.end()
    may_be_nested = all(
        "" not in (names := key.split(".")) and len(names) - 1 <= _MAX_DOTS and not key.startswith("log.")
        for key in pairs
        if "." in key
    )
    has_value = bool(pairs) and next(iter(pairs.values())) is not None
    return pairs if may_be_nested and has_value and _nest(dict.fromkeys(pairs, "")) is not None else {}


def _nest(members: dict[str, str]) -> _Tree | None:
    """Nest the members. Return None if a key names a value and an object, or the order changes."""
    root: _Tree = {}
    for key, value in members.items():
        *parents, name = key.split(".")
        branch = root
        for parent in parents:
            child = branch.setdefault(parent, {})
            if isinstance(child, str):
                return None
            branch = child
        if name in branch:
            return None
        branch[name] = value
    return root if list(_paths(root)) == list(members) else None


def _paths(branch: _Tree, prefix: str = "") -> Iterator[str]:
    for name, value in branch.items():
        if isinstance(value, str):
            yield prefix + name
        else:
            yield from _paths(value, f"{prefix}{name}.")


def _render(branch: _Tree) -> str:
    return ",".join(
        f'"{name}":{value if isinstance(value, str) else "{" + _render(value) + "}"}'
        for name, value in branch.items()
    )


def mask_ipv4(text: str, replacement: str) -> str | None:
    """Return the text with the last number of each IPv4 address replaced.

    No letter, digit, `_`, `.` or `:` may be directly before an address; no letter, digit or `_`, and no point and
    digit directly after it. Return None if a character beyond ASCII is in these places, and for a lone surrogate.
    """
    if _has_surrogate(text):
        return None
    parts, at = [], 0
    for match in _MASKED_IPV4.finditer(text):
        before, after = text[max(match.start() - 1, 0) : match.start()], text[match.end() : match.end() + 2]
        if not (before.isascii() and after[:1].isascii() and (after[:1] != "." or after.isascii())):
            return None
        parts += [text[at : match.start("last")], replacement]
        at = match.end()
    return "".join([*parts, text[at:]])


def mask_email(text: str, replacement: str) -> str | None:
    """Return the text with each email address replaced: up to 64 letters, `@`, and a domain with a point.

    Return None for a lone surrogate.
    """
    if _has_surrogate(text):
        return None
    parts, at = [], 0
    for match in _DOMAIN.finditer(text):
        before = text[max(at, match.start() - _MAX_LOCAL_LETTERS) : match.start()]
        if length := len(before) - len(before.rstrip(_LOCAL_LETTERS)):
            parts += [text[at : match.start() - length], replacement]
            at = match.end()
    return "".join([*parts, text[at:]])


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _locate_in(text: str, names: tuple[str, ...]) -> list[tuple[int, int, int]]:
    members = _members(text)
    if members is None:
        return [_UNDECIDED] * len(names)
    spans = []
    for name in names:
        same = [span for key, span in members if key == name]
        is_undecided = len(same) > 1 or any(key.startswith(f"{name}.") for key, _ in members)
        spans.append(_UNDECIDED if is_undecided else same[0] if same else _ABSENT)
    return spans


def _members(text: str) -> list[tuple[str, tuple[int, int, int]]] | None:
    """Return the key and the span of each member; None if the text is not a list of members."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return None
    members = []
    at = _end_of_blanks(text, 0)
    while at < len(text):
        key = _KEY.match(text, at)
        end = _value_end(text, key.end()) if key else None
        if key is None or end is None:
            return None
        members.append((key[1][1:-1], (at, key.end(), end)))
        at = _end_of_blanks(text, end)
        if at < len(text):
            comma = _COMMA.match(text, end)
            if comma is None:
                return None
            at = comma.end()
    return members


def _end_of_blanks(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    return blanks.end() if blanks else at


def _value_end(text: str, start: int) -> int | None:
    if text[start : start + 1] not in ("{", "["):
        scalar = _VALUE.match(text, start)
        return scalar.end() if scalar else None
    depth = 0
    for token in _BRACKET.finditer(text, start):
        if token[0] == '"':
            return None
        depth += (token[0] in ("{", "[")) - (token[0] in ("}", "]"))
        if depth == 0:
            return token.end()
    return None
