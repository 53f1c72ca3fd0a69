"""Settings of sinks that several tools write alike: hosts, credentials, certificates and names with fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import count
from urllib.parse import unquote

from sidecar.convert.model import Conversion, SinkDraft
from sidecar.convert.source import Section
from sidecar.convert.variables import has_reference, is_reference

_PORT = 9200
_REFERENCE = re.compile(r"\$\{[^}]*\}")
_FIRST_PLACEHOLDER = 0xE000
_FIRST_CONSTANT = re.compile(r"[A-Za-z0-9]")


def set_hosts(
    conversion: Conversion, sink: SinkDraft, hosts: Sequence[str], place: str, *, scheme: str = "http", path: str = ""
) -> None:
    """Set the hosts of a search server, without credentials and queries, which become other settings."""
    urls = [_to_url(conversion, sink, host, place, scheme, path) for host in hosts]
    schemes = [url.partition(":")[0] for url in urls if not is_reference(url)]
    kept = [url for url in urls if is_reference(url) or url.startswith(f"{schemes[0]}:")]
    if len(kept) < len(urls):
        sink.leave_out(
            place, "hosts", f"all hosts use http, or all use https; those without {schemes[0]} are left out"
        )
    if kept:
        sink.settings["hosts"] = list(dict.fromkeys(kept))


def _to_url(conversion: Conversion, sink: SinkDraft, host: str, place: str, scheme: str, path: str) -> str:
    """Return the URL of a host, which may be written without scheme and port."""
    if is_reference(host):
        return host
    references = _REFERENCE.findall(host)
    # A reference may contain any character, such as ? or @, so it must not take part in the division of the URL.
    numbers = count(_FIRST_PLACEHOLDER)
    text = _REFERENCE.sub(lambda _: chr(next(numbers)), host)
    head, _, rest = (text if "://" in text else f"{scheme}://{text}").partition("://")
    authority, _, tail = rest.partition("/")
    user_info, at, address = authority.rpartition("@")
    address, tail = re.split("[?#]", address, maxsplit=1)[0], re.split("[?#]", tail, maxsplit=1)[0]
    if "?" in rest or "#" in rest:
        sink.leave_out(place, "hosts", "the query of a URL has no counterpart; use `parameters`")
    if at:
        user, _, password = (_unquote(_restore(part, references)) for part in user_info.partition(":"))
        set_credentials(conversion, sink, user, password, place)
    if not re.search(r":(?:\d+|[\ue000-\uf8ff])$", address):
        address = f"{address}:{_PORT}"
    tail = tail.strip("/") or path.strip("/")
    return _restore(f"{head.lower()}://{address}{f'/{tail}' if tail else ''}", references)


def _restore(text: str, references: Sequence[str]) -> str:
    """Return the text with its references replaced by characters of the private use area."""
    for number, reference in enumerate(references):
        text = text.replace(chr(_FIRST_PLACEHOLDER + number), reference)
    return text


def _unquote(text: str) -> str:
    return text if has_reference(text) else unquote(text)


def set_credentials(conversion: Conversion, sink: SinkDraft, user: str, password: str, place: str) -> None:
    """Set user and password; the password becomes a variable."""
    if not user and not password:
        return
    if user and password:
        sink.settings["username"] = conversion.public(user, f"{sink.name}_username", place)
        sink.settings["password"] = conversion.secret(password, f"{sink.name}_password", place)
    else:
        sink.leave_out(place, "username" if user else "password", "user and password need each other")


def set_tls_files(sink: SinkDraft, *, ca: str = "", certificate: str = "", key: str = "", place: str = "") -> None:
    """Set the files with certificates. Certificates that are part of the configuration itself are left out."""
    for name, value in (("ca_file", ca), ("client_certificate_file", certificate), ("client_key_file", key)):
        if "-----BEGIN" in value:
            sink.leave_out(place, name, "write the certificate or key into a file, and name this file")
        elif value:
            sink.settings[name] = value


def set_headers(conversion: Conversion, sink: SinkDraft, headers: Section) -> None:
    """Set the headers of requests. Their values become variables, because they may be secrets."""
    values: dict[str, str] = {}
    for name in headers.names():
        if text := headers.text(name):
            values[name] = conversion.secret(text, f"{sink.name}_header_{name}", headers.place_of(name))
    if values:
        sink.settings["headers"] = values


def set_name(
    sink: SinkDraft, setting: str, text: str, fields: re.Pattern[str], dates: Mapping[str, str], place: str
) -> None:
    """Set a name with fields and dates. `fields`: a pattern whose groups are a field or a date.

    `dates`: parts of date formats of the tool, the longest first → directives of the sidecar.
    """
    parts: list[str] = []
    end = 0
    for match in fields.finditer(text):
        parts.append(text[end : match.start()].replace("%", "%%"))
        parts.append(_replace_field("".join(filter(None, match.groups())), dates))
        end = match.end()
    parts.append(text[end:].replace("%", "%%"))
    name = "".join(parts)
    if setting != "topic":  # names of indexes and data streams are in lower case
        name = re.sub(r":[^{}:]+\}", lambda match: match[0].lower(), name)
    if any("{" in part and "}" not in part for part in parts) or not _FIRST_CONSTANT.match(parts[0]):
        sink.leave_out(place, setting, "a name with a field must begin with constant text, as in logs-{field:other}")
        return
    sink.settings[setting] = name


def _replace_field(text: str, dates: Mapping[str, str]) -> str:
    if text.startswith("+"):
        return re.sub("|".join(map(re.escape, dates)), lambda match: dates[match[0]], text[1:])
    if text.startswith("%"):
        return text
    path, _, default = text.partition(":")
    path = path.strip("[].").replace("][", ".")
    return f"{{{path}:{re.sub('[^A-Za-z0-9_.-]', '_', default) or 'none'}}}"
