"""What a value has to be in a field with a name of the Elastic Common Schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from sidecar.lib.jsontext.nested import flatten


def is_ip(value: Any) -> bool:
    """Whether the value is an address of IP."""
    try:
        ip_address(value)
    except ValueError:
        return False
    return isinstance(value, str)


def is_address(value: Any) -> bool:
    """Whether the value is an address of IP, the name of a host without a port, or a socket."""
    return is_ip(value) or value.startswith("unix:") or (bool(value) and not set(value) & set(' :,"[]/()'))


def is_port(value: Any) -> bool:
    return type(value) is int and 0 <= value <= 65535


def is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def is_status(value: Any) -> bool:
    return type(value) is int and 100 <= value <= 999


def is_word(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and not value.startswith("- ")


FITS: dict[str, Callable[[Any], bool]] = {
    "source.address": is_address,
    "destination.address": is_address,
    "source.port": is_port,
    "destination.port": is_port,
    "url.port": is_port,
    "http.response.status_code": is_status,
    "http.response.body.bytes": is_count,
    "http.response.bytes": is_count,
    "http.request.bytes": is_count,
    "process.pid": is_count,
    "process.thread.id": is_count,
    "log.origin.file.line": is_count,
    "user.name": is_word,
    "log.level": lambda value: is_word(value) and value == value.lower(),
}


def assert_fits(document: dict[str, Any]) -> None:
    """Fail if a value does not fit its field."""
    for path, value in flatten(json.dumps(document)).items():
        if path in FITS:
            assert FITS[path](value), f"{path} is {value!r}"
