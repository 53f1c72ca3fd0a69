"""Lines of web servers' access logs: nginx's `combined`, Apache's `common` and `combined`.

nginx: ngx_http_log_module. Apache: mod_log_config, "Common Log Format". Fields are named after the Elastic Common
Schema; what the server writes as `-` is left out. A request that is no `METHOD URL HTTP/x`, as scanners send
them, is kept whole in `url.original`.
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
"""Address, user, time, method, path, version, status, size, referrer, agent; escaped for JSON."""


class AccessLogParser:
    """One server's format: with referrer and user agent, or also without them."""

    def __init__(self, name: str, *, may_be_short: bool) -> None:
        endings = [(_PLAIN_AGENT, ""), ("", "()()")] if may_be_short else [(_PLAIN_AGENT, "")]
        self._at_once = [re.compile(f"{_PLAIN}{agent}{rest}$", re.MULTILINE) for agent, rest in endings]
        quick = [(_ASCII_AGENT, "", 6), ("", "()()", 2)] if may_be_short else [(_ASCII_AGENT, "", 6)]
        self._quick = [
            (re.compile(f"{_ASCII}{agent}{rest}\n", re.MULTILINE), quotes) for agent, rest, quotes in quick
        ]
        self._one = re.compile(_ANY + (f"(?:{_ANY_AGENT})?" if may_be_short else _ANY_AGENT))
        self._error = f"the line is not in the format of {name}"
        self._times = CommonLog()

    def parse(self, lines: LineBatch) -> RecordBatch:
        """One record for each line, at a stroke if every line is an ordinary one and nothing needs escaping."""
        rows = self._rows(lines) if lines.is_uniform else None
        if rows is None:
            return self._line_by_line(lines)
        times = self._times.all([row[2] for row in rows])
        return RecordBatch(lines, lines.starts, _render_members(rows), times, NAMES)

    def _rows(self, lines: LineBatch) -> list[Row] | None:
        """The rows of lines that are all ordinary ones, of which nothing needs escaping.

        Looking for one character that ends a field is much quicker than for one of a class. In ASCII text it proves
        as much: there are as many rows as lines, so none goes over a line; there are only the quotes that the
        pattern has, so none is in a field; and any other white space would need escaping.
        """
        if not native.is_unescaped(lines.chunk.data):
            return None
        quotes = native.counted(lines.chunk.data, b'"')
        if lines.text.isascii():
            for pattern, number in self._quick:
                if quotes == number * lines.count and len(rows := pattern.findall(lines.text)) == lines.count:
                    return rows
        for pattern in self._at_once:
            if len(rows := pattern.findall(lines.text)) == lines.count:
                return rows
        return None

    def _line_by_line(self, lines: LineBatch) -> RecordBatch:
        members: list[str] = []
        stamps: list[str] = []
        errors: dict[int, str] = {}
        for index, text in enumerate(lines.texts):
            if match := self._one.fullmatch(text):
                row = _parse_row([group or "" for group in match.groups()])
                stamps.append(row[2])
                members += _render_members([row]) if row[3] else [_odd_members(row)]
            else:
                errors[index] = self._error
                stamps.append("")
                members += message_bodies([text])
        names = NAMES | {"message"} if errors else NAMES
        return RecordBatch(lines, lines.starts, members, self._times.all(stamps), names, errors=errors)


def _parse_row(groups: Sequence[str]) -> Row:
    address, user, time, request, status, size, referrer, agent = [text[1:-1] for text in json_strings(groups)]
    whole = _REQUEST.fullmatch(request)
    method, path, version = whole.groups() if whole else ("", request, "")
    return address, user, time, method, path, version, status, size, referrer, agent


def _render_members(rows: Sequence[Row]) -> list[str]:
    """The members of rows whose request is an ordinary one."""
    return [
        f'''"source":{{"address":"{address}"}},{"" if user == "-" else f'"user":{{"name":"{user}"}},'}'''
        f'''"http":{{"request":{{"method":"{method}"{"" if referrer in _NONE else f',"referrer":"{referrer}"'}}},'''
        f'''"version":"{version}","response":{{"status_code":{status}'''
        f'''{"" if size == "-" else f',"body":{{"bytes":{size}}}'}}}}},"url":{{"original":"{path}"}}'''
        f"""{"" if agent in _NONE else f',"user_agent":{{"original":"{agent}"}}'}"""
        for address, user, _, method, path, version, status, size, referrer, agent in rows
    ]


def _odd_members(row: Row) -> str:
    """The same for a request that is no `METHOD URL HTTP/x`."""
    ordinary = _render_members([row])[0]
    if row[4] in _NONE:
        # The connection was closed, or timed out, before a request was read.
        ordinary = ordinary.replace(f',"url":{{"original":"{row[4]}"}}', "")
    return ordinary.replace('"method":"",', "").replace('"request":{"method":""},', "").replace('"version":"",', "")


_NONE = frozenset({"-", ""})


def nginx() -> AccessLogParser:
    """nginx's `combined` format."""
    return AccessLogParser("nginx's combined log", may_be_short=False)


def apache() -> AccessLogParser:
    """Apache's `common` and `combined` formats."""
    return AccessLogParser("Apache's common or combined log", may_be_short=True)
