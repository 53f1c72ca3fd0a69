"""Parses access logs of web servers: nginx's `combined`, Apache's `common` and `combined`, and extensions of them.

Formats: ngx_http_log_module of nginx, "Common Log Format" in Apache's mod_log_config. Fields have the names of the
Elastic Common Schema. A value that the server writes as `-` is omitted. A request that is not `METHOD URL HTTP/x` is
stored unchanged in `url.original`; port scanners send such requests.

A line may begin with the virtual host, as in Debian's `other_vhosts_access.log`, or with the addresses of several
proxies. After the user agent it may have the addresses of `X-Forwarded-For`, as in the format `main` of nginx's
packages. Any other text after it is kept in `log.extra`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from operator import add, itemgetter
from typing import Any, NamedTuple

import msgspec

from sidecar.lib import native
from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.addresses import all_addresses, is_address, is_ip
from sidecar.parse.plain import message_bodies
from sidecar.parse.time.timestamps import CommonLog
from sidecar.parse.time.zones import Zones

_SIZE = r"(0|[1-9]\d*+|-)"
_PLAIN = r'^([^\s"]++) - ([^\s"\[]++) \[([^\]\n"]++)\] "([A-Z]++) ([^\s"]++) HTTP/([0-9.]++)" ([1-9]\d\d) ' + _SIZE
_PLAIN_AGENT = r' "([^"\n]*+)" "([^"\n]*+)"'
_PLAIN_EXTRA = r" ([^\n]++)"
_HOST = r'^([^\s":]++)(?::(\d{1,5}))? '
_ASCII = r'^([^ ]++) - ([^ []++) \[([^]]++)\] "([A-Z]++) ([^ ]++) HTTP/([0-9.]++)" ([1-9][0-9]{2}) ([1-9][0-9]*+|0|-)'
_ASCII_AGENT = r' "([^"]*+)" "([^"]*+)"'
_ASCII_FORWARDED = r' ("[^"]*+")'
_NO_AGENT, _NO_EXTRA = "()()", "()"
_LINE = re.compile(
    r'(?P<front>[^"\[]*+)\[(?P<time>[^\]"]++)\] "(?P<request>(?:[^"\\]|\\.)*+)" (?P<status>\d{3}|-) '
    r"(?P<size>0|[1-9]\d*+|-)"
    r'(?: "(?P<referrer>(?:[^"\\]|\\.)*+)" "(?P<agent>(?:[^"\\]|\\.)*+)")?(?: (?P<extra>.*+))?',
    re.DOTALL | re.ASCII,
)
_REQUEST = re.compile(r"([A-Z]++) (\S++) HTTP/([0-9.]++)")
_STATUS = re.compile(r"[1-9]\d\d", re.ASCII)
_HOST_PORT = re.compile(r"(\[[^\]]*\]|[^:]*+)(?::(\d{1,5}))?", re.ASCII)
_FORWARDED = re.compile(r'"([^"]*+)"(?: (.*+))?', re.DOTALL)
_MAX_PORT = 65535
_NONE = frozenset({"-", ""})
_UNKNOWN_PROXIES = frozenset({"-", "unknown"})

NAMES = frozenset({"source", "user", "http", "url", "user_agent"})
_ENCODER = msgspec.json.Encoder()

Row = Sequence[str]
"""Address, user, time, method, path, version, status, size, referrer, agent and extra text."""

_ADDRESS, _TIME, _EXTRA = itemgetter(0), itemgetter(2), itemgetter(10)


class _Front(NamedTuple):
    """The values of a line before the time."""

    address: str
    user: str
    ident: str = ""
    domain: str = ""
    port: str = ""
    proxies: Sequence[str] = ()


class AccessLogParser:
    """Parses the access log of one kind of server. `may_be_short`: lines may end before referrer and user agent."""

    def __init__(self, name: str, zones: Zones, *, may_be_short: bool) -> None:
        endings = {6: _ASCII_AGENT + _NO_EXTRA, 8: _ASCII_AGENT + _ASCII_FORWARDED}
        plain_endings = [_PLAIN_AGENT + _NO_EXTRA, _PLAIN_AGENT + _PLAIN_EXTRA]
        if may_be_short:
            endings[2] = _NO_AGENT + _NO_EXTRA
            plain_endings.append(_NO_AGENT + _NO_EXTRA)
        self._ascii_patterns = {
            quotes: re.compile(f"{_ASCII}{ending}\n", re.MULTILINE) for quotes, ending in endings.items()
        }
        self._plain_patterns = [re.compile(f"{_PLAIN}{ending}$", re.MULTILINE) for ending in plain_endings]
        self._host_patterns = [
            re.compile(f"{_HOST}{_PLAIN[1:]}{ending}$", re.MULTILINE | re.ASCII) for ending in plain_endings
        ]
        self._may_be_short = may_be_short
        self._error = f"the line is not in the format of {name}"
        self._times = CommonLog(zones)

    def parse(self, lines: LineBatch) -> RecordBatch:
        """Return one record for each line."""
        return self._parse_chunk(lines) or self._parse_lines(lines)

    def _parse_chunk(self, lines: LineBatch) -> RecordBatch | None:
        """Parse all lines in one pass. Return None if a line has an unusual request or a field needs escaping."""
        if not (lines.is_uniform and lines.count and native.needs_no_escaping(lines.chunk.data)):
            return None
        rows = self._find_rows(lines) or self._find_rows_with_hosts(lines)
        if rows is None or not all_addresses(list(map(_ADDRESS, rows))):
            return None
        times = self._times.convert_all(list(map(_TIME, rows)))
        if "" in times:
            return None
        bodies = _render_rows(rows)
        extras = {text: _render_extra(text) for text in set(map(_EXTRA, rows))}
        if any(extras.values()):
            bodies = list(map(add, bodies, map(extras.__getitem__, map(_EXTRA, rows))))
        names = NAMES.union(*(found.keys() for found in map(_extra_fields, extras)))
        ends_with_log = "log" in names and all('"log":' in text for text in extras.values())
        return RecordBatch(lines, lines.starts, bodies, times, names, ends_with_log_object=ends_with_log)

    def _find_rows(self, lines: LineBatch) -> list[Row] | None:
        if lines.text.isascii():
            # A field that ends at a single character is matched much faster than one that ends at a character class.
            # In ASCII text both find the same fields. No row spans two lines, because there are as many rows as
            # lines. No field contains a quote, because there are only the quotes of the pattern. No field contains
            # other white space, because it would need escaping.
            quotes, rest = divmod(native.count_byte(lines.chunk.data, b'"'), lines.count)
            pattern = self._ascii_patterns.get(quotes) if not rest else None
            if pattern and pattern.match(lines.text) and len(rows := pattern.findall(lines.text)) == lines.count:
                return rows
        for pattern in self._plain_patterns:
            if pattern.match(lines.text) and len(rows := pattern.findall(lines.text)) == lines.count:
                return rows
        return None

    def _find_rows_with_hosts(self, lines: LineBatch) -> list[Row] | None:
        """Return the rows of lines that begin with a virtual host. Return None if a line has no virtual host."""
        for pattern in self._host_patterns:
            if pattern.match(lines.text) and len(rows := pattern.findall(lines.text)) == lines.count:
                members = {(host, port): _render_host(host, port) for host, port in {row[:2] for row in rows}}
                if not all(members.values()) or not all(map(is_ip, {row[2] for row in rows})):
                    break
                # The path ends the object `url`, so the members for the host follow the text of the path.
                return [(*row[2:6], row[6] + members[row[:2]], *row[7:]) for row in rows]
        return None

    def _parse_lines(self, lines: LineBatch) -> RecordBatch:
        matches = [_LINE.fullmatch(text) for text in lines.texts]
        times = self._times.convert_all([match["time"] if match else "" for match in matches])
        errors: dict[int, str] = {}
        bodies: list[str] = []
        names: set[str] = set()
        for index, (match, time) in enumerate(zip(matches, times, strict=True)):
            fields = self._fields(match) if match and time else None
            if fields is None:
                errors[index] = self._error
                times[index] = ""
                bodies += message_bodies([lines.texts[index]])
            else:
                names.update(fields)
                bodies.append(_ENCODER.encode(fields).decode()[1:-1])
        if errors:
            names.add("message")
        return RecordBatch(lines, lines.starts, bodies, times, NAMES.union(names), errors=errors)

    def _fields(self, match: re.Match[str]) -> dict[str, Any] | None:
        """Return the fields of a line, or None if a value is not valid for its field."""
        front = _read_front(match["front"])
        if front is None or (match["referrer"] is None and not self._may_be_short):
            return None
        request = _REQUEST.fullmatch(match["request"])
        method, path, version = request.groups() if request else ("", match["request"], "")
        status, size = match["status"], match["size"]
        response = _drop_empty(
            status_code=int(status) if _STATUS.fullmatch(status) else None,
            body=None if size == "-" else {"bytes": msgspec.Raw(size.encode())},
        )
        request_fields = _drop_empty(
            method=method, referrer=_drop_dash(match["referrer"]), proxies=list(front.proxies)
        )
        fields = _drop_empty(
            source=_drop_empty(address=_drop_dash(front.address), user=_drop_empty(name=_drop_dash(front.ident))),
            user=_drop_empty(name=_drop_dash(front.user)),
            http=_drop_empty(request=request_fields, version=version, response=response),
            url=_drop_empty(
                original=_drop_dash(path), port=int(front.port) if front.port else None, domain=front.domain
            ),
            user_agent=_drop_empty(original=_drop_dash(match["agent"])),
        )
        return fields | _extra_fields(match["extra"] or "")


def _drop_dash(text: str | None) -> str:
    return "" if text is None or text in _NONE else text


def _drop_empty(**members: Any) -> dict[str, Any]:
    return {
        name: value for name, value in members.items() if value is not None and value != "" and value not in ({}, [])
    }


def _read_front(front: str) -> _Front | None:
    """Return the values before the time, or None if one is not valid for its field.

    Usually these are address, identity and user. The virtual host may precede them, there may be several addresses,
    and the user may contain spaces.
    """
    words = front.removesuffix(" ").split(" ")
    domain = port = ""
    if len(words) > 3 and not words[0].endswith(",") and is_ip(words[1].rstrip(",")):
        host = _HOST_PORT.fullmatch(words[0])
        if host is None or not is_address(host[1].strip("[]")):
            return None
        domain, port, words = host[1], host[2] or "", words[1:]
    count = next((number for number, word in enumerate(words) if not word.endswith(",")), len(words))
    addresses, words = [word.rstrip(",") for word in words[: count + 1]], words[count + 1 :]
    known = [address for address in addresses if address not in _UNKNOWN_PROXIES]
    if len(words) < 2 or not all(map(is_address, known)):
        return None
    ident, user = words[0], " ".join(words[1:])
    if user.startswith("- ") or (port and int(port) > _MAX_PORT):
        return None
    return _Front(known[0] if known else "-", user, ident, domain, port, known[1:])


def _extra_fields(extra: str) -> dict[str, Any]:
    """Return the fields for the text after the user agent: `network.forwarded_ip` for the addresses of
    `X-Forwarded-For`, and `log.extra` for the rest.
    """
    fields: dict[str, Any] = {}
    quoted = _FORWARDED.fullmatch(extra)
    if quoted:
        addresses = [word.strip() for word in quoted[1].split(",")]
        if all(address in _UNKNOWN_PROXIES or is_ip(address) for address in addresses):
            known = [address for address in addresses if address not in _UNKNOWN_PROXIES]
            if known:
                fields["network"] = {"forwarded_ip": known[0] if len(known) == 1 else known}
            extra = quoted[2] or ""
    if extra:
        fields["log"] = {"extra": extra}
    return fields


def _render_extra(extra: str) -> str:
    """Return a comma and the JSON members for the text after the user agent; "" if it has no fields."""
    fields = _extra_fields(extra)
    return f",{_ENCODER.encode(fields).decode()[1:-1]}" if fields else ""


def _render_host(host: str, port: str) -> str:
    """Return the JSON text to insert before the closing quote of a member, so that members for a virtual host follow.

    The text begins with the closing quote of that member; its last member has no closing quote. Return
    "" if a value is not valid.
    """
    if not is_address(host) or (port and int(port) > _MAX_PORT):
        return ""
    return '"' + (f',"port":{int(port)}' if port else "") + f',"domain":"{host}'


def _render_rows(rows: Iterable[Row]) -> list[str]:
    """Return the JSON body of each row, without the text after the user agent. No text may need escaping."""
    return [
        f'''"source":{{"address":"{address}"}},{"" if user == "-" else f'"user":{{"name":"{user}"}},'}'''
        f'''"http":{{"request":{{"method":"{method}"{"" if referrer in _NONE else f',"referrer":"{referrer}"'}}},'''
        f'''"version":"{version}","response":{{"status_code":{status}'''
        f'''{"" if size == "-" else f',"body":{{"bytes":{size}}}'}}}}},"url":{{"original":"{path}"}}'''
        f"""{"" if agent in _NONE else f',"user_agent":{{"original":"{agent}"}}'}"""
        for address, user, _, method, path, version, status, size, referrer, agent, _ in rows
    ]


def nginx(zones: Zones) -> AccessLogParser:
    """Return the parser of nginx's `combined` format."""
    return AccessLogParser("nginx's combined log", zones, may_be_short=False)


def apache(zones: Zones) -> AccessLogParser:
    """Return the parser of Apache's `common` and `combined` formats."""
    return AccessLogParser("Apache's common or combined log", zones, may_be_short=True)
