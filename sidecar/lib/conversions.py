"""Values of one type as another, as JSON text both; None for one that cannot be."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Literal

import msgspec

from sidecar.lib.jsontext.nested import json_string

Conversion = Callable[[str], str | None]

Kind = Literal["integer", "float", "boolean", "string", "date", "ip"]
"""What a value can be made."""

_STRING = msgspec.json.Decoder(str)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
"""A number as JSON writes it (RFC 8259, 6)."""

_LOOSE = re.compile(r"[+-]?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][+-]?+\d++)?+", re.ASCII)
_WHOLE = re.compile(r"([+-]?)0*(\d{1,19})(?:\.0*)?", re.ASCII)
_INT64 = range(-(2**63), 2**63)
_LONGEST = 400
_TRUE, _FALSE = frozenset(("true", "yes", "on", "1")), frozenset(("false", "no", "off", "0"))


def to_text(value: str) -> str:
    """What a value says: a text without quotes, escapes and blanks round it, anything else as it is written."""
    return _STRING.decode(value).strip() if value[0] == '"' else value


def to_integer(value: str) -> str | None:
    """A whole number of 64 bits, the largest that databases hold."""
    text = to_text(value)
    match = _WHOLE.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None or (number := int(match[1] + match[2])) not in _INT64:
        return None
    return value if value == str(number) else str(number)


def to_float(value: str) -> str | None:
    """A number, with its digits as they are written where JSON can write it so."""
    text = to_text(value)
    if len(text) > _LONGEST or not _LOOSE.fullmatch(text) or not math.isfinite(float(text)):
        return None
    return text if _NUMBER.fullmatch(text) else repr(float(text))


def to_boolean(value: str) -> str | None:
    """`true`, `yes`, `on` and 1; `false`, `no`, `off` and 0."""
    text = to_text(value).lower()
    return "true" if text in _TRUE else "false" if text in _FALSE else None


def to_string(value: str) -> str:
    """The value as a text; an object or an array as the JSON that it is."""
    return value if value[0] == '"' else json_string(value)


def to_ip(value: str) -> str | None:
    """A text that is an IPv4 or IPv6 address, without a zone."""
    try:
        ip_address(to_text(value) if value[0] == '"' and "%" not in value else "")
    except ValueError:
        return None
    return value


def to_date(read: Callable[[str], str]) -> Conversion:
    """RFC 3339 text, of what `read` makes of a text or a number; `read` says "" if it cannot be read."""

    def converted(value: str) -> str | None:
        found = read(to_text(value)) if value[0] not in "{[tfn" else ""
        return json_string(found) if found else None

    return converted


def converter_for(kind: Kind, read: Callable[[str], str]) -> Conversion:
    """What makes values of this kind; `read` reads dates, as for `to_date`."""
    known: dict[Kind, Conversion] = {
        "integer": to_integer,
        "float": to_float,
        "boolean": to_boolean,
        "string": to_string,
        "date": to_date(read),
        "ip": to_ip,
    }
    return known[kind]
