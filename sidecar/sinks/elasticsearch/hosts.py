"""Splits the addresses of a sink into hosts, credentials and index: from a URL, a list of hosts or a Cloud ID."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sidecar.errors import ConfigurationError
from sidecar.sinks.common.url import host_and_port, list_hosts, merge_options, parse_url, replace_url

_PORT = 9200
_TRANSPORTS = {
    "elasticsearch": "http", "elasticsearch+https": "https", "opensearch": "http", "opensearch+https": "https",
    "http": "http", "https": "https",
}  # fmt: skip


def split_addresses(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with complete hosts, and with what the addresses contain. The URL loses its credentials.

    Raise `ConfigurationError`.
    """
    fields = _from_url(given) if isinstance(given.get("url"), str) and given["url"] else dict(given)
    if isinstance(fields.get("cloud_id"), str) and fields["cloud_id"]:
        fields = merge_options(fields, {"hosts": (_cloud_host(fields["cloud_id"]),)})
    hosts = list_hosts(fields.get("hosts"))
    return fields if hosts is None else _with_hosts(fields, hosts)


def _from_url(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with the settings that the URL contains, and with the URL without credentials."""
    address = parse_url(given["url"])
    if address.scheme not in _TRANSPORTS:
        raise ConfigurationError(
            "has an unknown scheme", location="url",
            hint="write elasticsearch:// or elasticsearch+https://, opensearch:// or opensearch+https://",
        )  # fmt: skip
    prefix, _, index = address.path.rstrip("/").rpartition("/")
    hosts = [_host(f"{_TRANSPORTS[address.scheme]}://{host}/{prefix}", "url") for host in address.hosts]
    parts = {
        "type": "opensearch" if address.scheme.startswith("opensearch") else None,
        "hosts": tuple(hosts),
        "username": address.username,
        "password": address.password,
        "index": index or None,
    }
    plain = f"{address.scheme}://{','.join(host.partition('://')[2] for host in hosts)}/{index}"
    return replace_url(given, plain, address.options, parts)


def _with_hosts(fields: Mapping[str, Any], entries: Sequence[str]) -> dict[str, Any]:
    """Return the fields with each host as a complete URL, and with the credentials that one of the hosts contains."""
    credentials: dict[str, Any] = {}
    hosts = []
    for entry in entries:
        address = parse_url(entry if "://" in entry else f"http://{entry}", key="hosts")
        if len(address.hosts) > 1 or address.options:
            raise ConfigurationError(
                "has an entry with several hosts or with options", location="hosts",
                hint="write each host as a separate entry, and options as settings of the sink",
            )  # fmt: skip
        found = {"username": address.username, "password": address.password}
        credentials = merge_options(credentials, {key: value for key, value in found.items() if value is not None})
        hosts.append(_host(f"{address.scheme}://{address.hosts[0]}/{address.path}", "hosts"))
    return {**merge_options(fields, credentials), "hosts": tuple(hosts)}


def _host(url: str, key: str) -> str:
    """Return a host as `http(s)://host:port[/path]`, the form that `elastic_transport` needs."""
    scheme, _, rest = url.partition("://")
    if scheme not in ("http", "https"):
        raise ConfigurationError(
            "has an unknown scheme", location=key, hint="write http://host:9200 or https://host:9200"
        )
    host, _, path = rest.partition("/")
    return f"{scheme}://{host_and_port(host, _PORT, key=key)}/{path}".rstrip("/")


def _cloud_host(cloud_id: str) -> str:
    # Imported only here, because the process that reads the settings needs it for nothing else.
    from elastic_transport.client_utils import parse_cloud_id  # noqa: PLC0415

    try:
        address = parse_cloud_id(cloud_id).es_address
    except ValueError:
        address = None
    if address is None:
        raise ConfigurationError(
            "is not a Cloud ID", location="cloud_id", hint="copy it from the page of the deployment, as name:text"
        )
    return _host(f"https://{address[0]}:{address[1]}/", "cloud_id")
