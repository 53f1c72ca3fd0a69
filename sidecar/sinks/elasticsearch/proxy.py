"""Finds the HTTP proxy for a host: from the settings or the environment, with the exceptions of `NO_PROXY`.

`urllib` has the same rules, but does not support networks such as `10.0.0.0/8`, which are usual in the `NO_PROXY` of
clusters.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from sidecar.errors import ConfigurationError
from sidecar.sinks.common.url import host_and_port, parse_url, show_url

NO_PROXY = "none"
"""Value of the setting `proxy` that disables the proxy of the environment."""

_PORT = 80


@dataclass(frozen=True, slots=True)
class Proxy:
    """Address and credentials of a proxy."""

    host: str
    port: int
    authorization: str = field(repr=False)
    """Value of `Proxy-Authorization`; empty if there are no credentials."""

    def add_to(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers with the credentials for the proxy."""
        credentials = {"proxy-authorization": self.authorization} if self.authorization else {}
        return {**headers, **credentials}

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_proxy(url: str, key: str) -> Proxy:
    """Return the proxy with this URL. Raise `ConfigurationError`, which names only the setting `key`."""
    address = parse_url(url if "://" in url else f"http://{url}", key=key)
    if address.scheme != "http" or len(address.hosts) != 1 or address.path.strip("/"):
        raise ConfigurationError(
            "is not the URL of an HTTP proxy", location=key, hint="write http://user:password@host:port"
        )
    place = urlsplit(f"//{host_and_port(address.hosts[0], _PORT, key=key)}")
    credentials = f"{address.username}:{address.password or ''}".encode() if address.username is not None else b""
    authorization = f"Basic {base64.b64encode(credentials).decode()}" if credentials else ""
    return Proxy(place.hostname or "", place.port or _PORT, authorization)


def show_proxy(setting: str) -> str:
    """Return the setting `proxy` with its password masked, or only stars if it has no scheme."""
    return setting if setting == NO_PROXY else show_url(setting)


def find_proxy(host_url: str, setting: str, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for a host, or None. If `setting` is empty, use the environment, and respect `NO_PROXY`."""
    if setting:
        return None if setting == NO_PROXY else parse_proxy(setting, "proxy")
    place = urlsplit(host_url)
    for name in (f"{place.scheme}_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            if url := environment.get(variable):
                exceptions = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
                is_exempt = _is_exempt(place.hostname or "", place.port or 0, exceptions)
                return None if is_exempt else parse_proxy(url, variable)
    return None


def _is_exempt(host: str, port: int, exceptions: str) -> bool:
    return any(_matches(host, port, entry.lower()) for entry in exceptions.replace(",", " ").split())


def _matches(host: str, port: int, entry: str) -> bool:
    try:
        return ip_address(host) in ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass  # a name on one of the two sides
    name = entry.removeprefix("*").lstrip(".")
    return entry == "*" or host == name or host.endswith(f".{name}") or f"{host}:{port}" == name
