"""Converts JSON values from one type to another. A conversion returns None for a value that it cannot convert."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Literal

import msgspec

from sidecar.lib.jsontext.nested import json_string

Conversion = Callable[[str], str | None]

FieldType = Literal["integer", "float", "boolean", "string", "date", "ip"]
"""Types that a value can be converted to."""

_STRING = msgspec.json.Decoder(str)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
"""A JSON number (RFC 8259, 6)."""

_LOOSE_NUMBER = re.compile(r"[+-]?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][+-]?+\d++)?+", re.ASCII)
_INTEGER = re.compile(r"([+-]?)0*(\d{1,19})(?:\.0*)?", re.ASCII)
_INT64 = range(-(2**63), 2**63)
_MAX_NUMBER_LENGTH = 400
_TRUE, _FALSE = frozenset(("true", "yes", "on", "1")), frozenset(("false", "no", "off", "0"))


def to_text(value: str) -> str:
    """Return the text of a JSON string without blanks at both ends; return any other value unchanged."""
    return _STRING.decode(value).strip() if value[0] == '"' else value


def to_integer(value: str) -> str | None:
    """Convert to an integer of 64 bits, the largest type that the databases have."""
    text = to_text(value)
    match = _INTEGER.fullmatch(text) if len(text) <= _MAX_NUMBER_LENGTH else None
    if match is None or (number := int(match[1] + match[2])) not in _INT64:
        return None
    return value if value == str(number) else str(number)


def to_float(value: str) -> str | None:
    """Convert to a number. Its digits stay as written if they are valid JSON."""
    text = to_text(value)
    if len(text) > _MAX_NUMBER_LENGTH or not _LOOSE_NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        return None
    return text if _NUMBER.fullmatch(text) else repr(float(text))


def to_boolean(value: str) -> str | None:
    """Convert `true`, `yes`, `on` and 1 to true; `false`, `no`, `off` and 0 to false."""
    text = to_text(value).lower()
    return "true" if text in _TRUE else "false" if text in _FALSE else None


def to_string(value: str) -> str:
    """Convert to a string. An object or array becomes its JSON text."""
    return value if value[0] == '"' else json_string(value)


def to_ip(value: str) -> str | None:
    """Return the value unchanged if it is an IPv4 or IPv6 address without a zone, else None."""
    try:
        ip_address(to_text(value) if value[0] == '"' and "%" not in value else "")
    except ValueError:
        return None
    return value


def to_date(read: Callable[[str], str]) -> Conversion:
    """Return a conversion to RFC 3339 text. `read` converts a date; it returns "" for text that is not a date."""

    def convert(value: str) -> str | None:
        date = read(to_text(value)) if value[0] not in "{[tfn" else ""
        return json_string(date) if date else None

    return convert


def converter_for(field_type: FieldType, read: Callable[[str], str]) -> Conversion:
    """Return the conversion to this type. `read` converts dates (see `to_date`)."""
    converters: dict[FieldType, Conversion] = {
        "integer": to_integer,
        "float": to_float,
        "boolean": to_boolean,
        "string": to_string,
        "date": to_date(read),
        "ip": to_ip,
    }
    return converters[field_type]
