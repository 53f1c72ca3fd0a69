"""Warns of credentials that are sent over the network without TLS, in `sidecar check` and at the start."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit


def is_local(host: str) -> bool:
    """Return whether `host[:port]` or a Unix socket is on this machine."""
    if unquote(host).startswith("/"):
        return True
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def warn_of_plain_credentials(hosts: Iterable[str], advice: str) -> list[str]:
    """Return a warning if credentials are sent to another machine without TLS. `advice`: how to enable TLS."""
    remote = [host for host in hosts if not is_local(host)]
    if not remote:
        return []
    return [f"credentials and logs are sent to {remote[0]} without TLS and can be read on the network; {advice}"]
