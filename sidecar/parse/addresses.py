"""Recognizes addresses: IP addresses, host names, and Unix sockets."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address

from sidecar.lib import native
from sidecar.parse.row_templates import FieldSpec

_HOST_NAME = re.compile(r"(?=.{1,255}$)(?!.*\.\d+$)[^\W_](?:[\w-]{0,62})(?:\.[\w-]{1,63})*\.?")
_MAX_CACHED_ADDRESSES = 4096


@lru_cache(maxsize=_MAX_CACHED_ADDRESSES)
def is_ip(text: str) -> bool:
    """Return whether the text is an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_address(text: str) -> bool:
    """Return whether the text is an IP address, a host name, or `unix:` and a path."""
    return is_ip(text) or text.startswith("unix:") or _HOST_NAME.fullmatch(text) is not None


def all_addresses(texts: list[str]) -> bool:
    """Return whether every text is an address."""
    return native.are_ipv4(texts) or all(map(is_address, set(texts)))


def address_field(path: str, group: str, convert: Callable[[str], str] | None = None) -> FieldSpec:
    """Return a field whose value is an address (see `is_address`)."""
    return FieldSpec(path, group, convert, fits=is_address)
