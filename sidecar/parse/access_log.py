"""Parses access logs of web servers: nginx's `combined`, Apache's `common` and `combined`.

Formats: ngx_http_log_module of nginx, "Common Log Format" in Apache's mod_log_config. Fields have the names of the
Elastic Common Schema. A value that the server writes as `-` makes no field. A request that is not `METHOD URL
HTTP/x`, as scanners send it, stays unchanged in `url.original`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sidecar.lib import native
from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.plain import json_strings, message_bodies
from sidecar.parse.time.timestamps import CommonLog

_SIZE = r"(0|[1-9]\d*+|-)"
_PLAIN = r'^([^\s"]++) [^\s"]++ ([^\s"\[]++) \[([^\]\n"]++)\] "([A-Z]++) ([^\s"]++) HTTP/([0-9.]++)" (\d{3}) ' + _SIZE
_PLAIN_AGENT = r' "([^"\n]*+)" "([^"\n]*+)"'
_ASCII = r'^([^ ]++) [^ ]++ ([^ []++) \[([^]]++)\] "([A-Z]++) ([^ ]++) HTTP/([0-9.]++)" ([0-9]{3}) ([1-9][0-9]*+|0|-)'
_ASCII_AGENT = r' "([^"]*+)" "([^"]*+)"'
_ANY = r'([^\s"]++) [^\s"]++ ([^"\[]*?) \[([^\]"]++)\] "((?:[^"\\]|\\.)*+)" (\d{3}) ' + _SIZE
_ANY_AGENT = r' "((?:[^"\\]|\\.)*+)" "((?:[^"\\]|\\.)*+)"'
_REQUEST = re.compile(r"([A-Z]++) (\S++) HTTP/([0-9.]++)")

NAMES = frozenset({"source", "user", "http", "url", "user_agent"})

Row = Sequence[str]
"""Address, user, time, method, path, version, status, size, referrer and agent, escaped for JSON."""


class AccessLogParser:
    """Parses the access log of one server. `may_be_short`: lines may end before referrer and user agent."""

    def __init__(self, name: str, *, may_be_short: bool) -> None:
        endings = [(_PLAIN_AGENT, ""), ("", "()()")] if may_be_short else [(_PLAIN_AGENT, "")]
        self._chunk_patterns = [re.compile(f"{_PLAIN}{agent}{rest}$", re.MULTILINE) for agent, rest in endings]
        ascii_endings = [(_ASCII_AGENT, "", 6), ("", "()()", 2)] if may_be_short else [(_ASCII_AGENT, "", 6)]
        self._ascii_chunk_patterns = [
            (re.compile(f"{_ASCII}{agent}{rest}\n", re.MULTILINE), quotes) for agent, rest, quotes in ascii_endings
        ]
        self._line_pattern = re.compile(_ANY + (f"(?:{_ANY_AGENT})?" if may_be_short else _ANY_AGENT))
        self._error = f"the line is not in the format of {name}"
        self._times = CommonLog()

    def parse(self, lines: LineBatch) -> RecordBatch:
        """Return one record for each line."""
        return self._parse_chunk(lines) or self._parse_lines(lines)

    def _parse_chunk(self, lines: LineBatch) -> RecordBatch | None:
        """Parse all lines in one pass, if each has an ordinary request and no field needs escaping."""
        rows = self._find_rows(lines) if lines.is_uniform else None
        if rows is None:
            return None
        times = self._times.convert_all([row[2] for row in rows])
        return RecordBatch(lines, lines.starts, _render_members(rows), times, NAMES)

    def _find_rows(self, lines: LineBatch) -> list[Row] | None:
        if not native.needs_no_escaping(lines.chunk.data):
            return None
        quotes = native.count_byte(lines.chunk.data, b'"')
        if lines.text.isascii():
            # Fields that end at one character are matched much faster than fields that end at a character class. In
            # ASCII text both find the same: there are as many rows as lines, so no row spans two lines; there are
            # only the quotes of the pattern, so no field holds one; other white space would need escaping.
            for pattern, number in self._ascii_chunk_patterns:
                if quotes == number * lines.count and len(rows := pattern.findall(lines.text)) == lines.count:
                    return rows
        for pattern in self._chunk_patterns:
            if len(rows := pattern.findall(lines.text)) == lines.count:
                return rows
        return None

    def _parse_lines(self, lines: LineBatch) -> RecordBatch:
        bodies: list[str] = []
        times: list[str] = []
        errors: dict[int, str] = {}
        for index, text in enumerate(lines.texts):
            if match := self._line_pattern.fullmatch(text):
                row = _parse_row([group or "" for group in match.groups()])
                times.append(row[2])
                bodies += _render_members([row]) if row[3] else [_render_unusual(row)]
            else:
                errors[index] = self._error
                times.append("")
                bodies += message_bodies([text])
        names = NAMES | {"message"} if errors else NAMES
        return RecordBatch(lines, lines.starts, bodies, self._times.convert_all(times), names, errors=errors)


def _parse_row(groups: Sequence[str]) -> Row:
    address, user, time, request, status, size, referrer, agent = [text[1:-1] for text in json_strings(groups)]
    match = _REQUEST.fullmatch(request)
    method, path, version = match.groups() if match else ("", request, "")
    return address, user, time, method, path, version, status, size, referrer, agent


def _render_members(rows: Sequence[Row]) -> list[str]:
    """Return the JSON body of each row whose request is `METHOD URL HTTP/x`."""
    return [
        f'''"source":{{"address":"{address}"}},{"" if user == "-" else f'"user":{{"name":"{user}"}},'}'''
        f'''"http":{{"request":{{"method":"{method}"{"" if referrer in _NONE else f',"referrer":"{referrer}"'}}},'''
        f'''"version":"{version}","response":{{"status_code":{status}'''
        f'''{"" if size == "-" else f',"body":{{"bytes":{size}}}'}}}}},"url":{{"original":"{path}"}}'''
        f"""{"" if agent in _NONE else f',"user_agent":{{"original":"{agent}"}}'}"""
        for address, user, _, method, path, version, status, size, referrer, agent in rows
    ]


def _render_unusual(row: Row) -> str:
    """Return the JSON body of a row whose request is not `METHOD URL HTTP/x`."""
    body = _render_members([row])[0]
    if row[4] in _NONE:
        # The connection was closed, or timed out, before a request was read.
        body = body.replace(f',"url":{{"original":"{row[4]}"}}', "")
    return body.replace('"method":"",', "").replace('"request":{"method":""},', "").replace('"version":"",', "")


_NONE = frozenset({"-", ""})


def nginx() -> AccessLogParser:
    """Return the parser of nginx's `combined` format."""
    return AccessLogParser("nginx's combined log", may_be_short=False)


def apache() -> AccessLogParser:
    """Return the parser of Apache's `common` and `combined` formats."""
    return AccessLogParser("Apache's common or combined log", may_be_short=True)
