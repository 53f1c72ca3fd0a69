"""Parses URLs of sinks: several hosts, percent-encoded credentials, a path and options.

`urllib.parse` supports only one host, so this module parses the authority (RFC 3986, with commas as in MongoDB's
connection strings). No message contains a part of the URL, because an unencoded password may be anywhere in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from sidecar.errors import ConfigurationError
from sidecar.lib.settings_model import MASKED_VALUE

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?", re.IGNORECASE)
_HOST = re.compile(r"[\w.-]+|[0-9A-Fa-f:.]+(?:%25)?[\w.-]*|[0-9A-Fa-f:.]+%[\w.-]+")
"""A host name, or an IPv6 address with or without its zone."""

_BARE_IPV6 = re.compile(r"[0-9A-Fa-f:.]*::[0-9A-Fa-f:.]*|[0-9A-Fa-f]+(?::[0-9A-Fa-f]+){7,8}")
_PORT = re.compile(r":(\d+)$")
_MAX_PORT = 65535
_PLAIN_VALUE = re.compile(r"true|false|\d{1,9}")

_ENCODE = "write special characters of user and password percent-encoded (@ as %40, / as %2F, # as %23)"


@dataclass(frozen=True, slots=True)
class Address:
    """The decoded parts of a URL. `hosts`: as written. `path`: without its first slash. A missing part is None."""

    scheme: str
    username: str | None
    password: str | None
    hosts: tuple[str, ...]
    path: str
    options: Mapping[str, str]


def parse_url(url: str, *, key: str = "url") -> Address:
    """Return the parts of a URL. Raise `ConfigurationError`, which names only the setting `key`."""
    match = _URL.fullmatch(url.strip())
    if match is None and "#" in url:
        raise ConfigurationError("has a #", location=key, hint=_ENCODE)
    if match is None:
        raise ConfigurationError("is not a URL", location=key, hint="write it as scheme://host:port/name")
    if "@" in match[3]:
        raise ConfigurationError("has an @ after the first /", location=key, hint=_ENCODE)
    if "@" in (match[4] or "") and "@" not in match[2]:
        raise ConfigurationError("has an @ after the first ?", location=key, hint=_ENCODE)
    userinfo, at, hosts = match[2].rpartition("@")
    username, colon, password = userinfo.partition(":")
    return Address(
        scheme=match[1].lower(),
        username=unquote(username) if at else None,
        password=unquote(password) if colon else None,
        hosts=tuple(host.strip() for host in hosts.split(",")),
        path=unquote(match[3].removeprefix("/")),
        options=dict(parse_qsl(match[4] or "", keep_blank_values=True)),
    )


def show_url(url: str, shown_options: AbstractSet[str] = frozenset()) -> str:
    """Return a URL with the password and the options masked, or only stars if it is not a URL.

    Options in `shown_options`, which are in lower case, are shown. So are numbers and flags.
    """
    try:
        address = parse_url(url)
    except ConfigurationError:
        return MASKED_VALUE
    user = "" if address.username is None else f"{quote(address.username, safe='')}:{MASKED_VALUE}@"
    options = "&".join(
        f"{name}={value if name.lower() in shown_options or _PLAIN_VALUE.fullmatch(value) else MASKED_VALUE}"
        for name, value in address.options.items()
    )
    hosts = ",".join(address.hosts)
    return f"{address.scheme}://{user}{hosts}/{address.path}{'?' if options else ''}{options}"


def host_and_port(text: str, default_port: int, *, key: str) -> str:
    """Return `host:port` for `host[:port]`, with IPv6 addresses in brackets. Raise `ConfigurationError` for `key`."""
    try:
        pieces = urlsplit(f"//{text}")
        host, port = pieces.hostname, default_port if pieces.port is None else pieces.port
    except ValueError:
        host, port = None, 0
    if not host or not port or pieces.netloc != text or "@" in text or not _HOST.fullmatch(host):
        message, hint = _explain_host(text)
        raise ConfigurationError(message, location=key, hint=hint)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _explain_host(text: str) -> tuple[str, str]:
    """Return what is wrong with `host[:port]`, and what to do about it."""
    if not text:
        return "has an empty host", "write host:port, with one comma between two hosts"
    if _BARE_IPV6.fullmatch(text):
        return "has an IPv6 address without brackets", "write it as [::1]:9200"
    port = _PORT.search(text)
    if port and not 1 <= int(port[1]) <= _MAX_PORT:
        return f"has a port that is not between 1 and {_MAX_PORT}", "write host:port"
    return "has no valid host and port", f"write host:port; {_ENCODE}"


def merge_options(fields: Mapping[str, Any], url_fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields together with those in the URL. Raise `ConfigurationError` if two values differ."""
    for key, value in url_fields.items():
        if key in fields and fields[key] != value:
            raise ConfigurationError(
                "is set twice, here and in the URL, to different values", location=key, hint="remove one of them"
            )
    return {**fields, **url_fields}


def replace_url(
    given: Mapping[str, Any], plain: str, options: Mapping[str, Any], parts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings together with those in the URL, and with the URL `plain`, which has no credentials.

    `parts`: settings from the parts of the URL, None for a part that is missing. They override those in `options`.
    """
    found = {**options, **{key: value for key, value in parts.items() if value is not None}}
    return merge_options({**given, "url": plain}, found)


def list_hosts(value: Any) -> list[str] | None:
    """Return hosts that are written as a list, or as one text with commas; None for any other value."""
    hosts = value.split(",") if isinstance(value, str) else value or []
    is_list = isinstance(hosts, list | tuple) and all(isinstance(host, str) for host in hosts)
    return [host.strip() for host in hosts] if is_list else None
