"""Which texts are addresses: of IP, names of hosts, and sockets of Unix."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import ip_address

from sidecar.parse.row_templates import FieldSpec

BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4_LINES = re.compile(rf"(?:{BYTE}\.{BYTE}\.{BYTE}\.{BYTE}\n)*+", re.ASCII)
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
    """Return whether the text is an IP address, the name of a host, or `unix:` and a path."""
    return is_ip(text) or text.startswith("unix:") or _HOST_NAME.fullmatch(text) is not None


def all_addresses(texts: Sequence[str]) -> bool:
    """Return whether every text is an address. No text has several lines."""
    return _IPV4_LINES.fullmatch("\n".join([*texts, ""])) is not None or all(map(is_address, set(texts)))


def address_field(path: str, group: str, convert: Callable[[str], str] | None = None) -> FieldSpec:
    """Return a field whose value is an address or the name of a host."""
    return FieldSpec(path, group, convert, fits=is_address)
