"""Lines of web servers' access logs: nginx's `combined`, Apache's `common` and `combined`.

nginx: ngx_http_log_module. Apache: mod_log_config, "Common Log Format". Fields are named after the Elastic Common
Schema; what the server writes as `-` is left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sidecar.flow import Lines, Records
from sidecar.parse.plain import as_messages, quoted
from sidecar.parse.timestamps import CommonLog

_HEAD = r'^([^\s"\\]++) ([^\s"\\]++) ([^"\\\n\[]*?) \[([^\]\n"\\]++)\] '
_REQUEST = r'"(?:([A-Z]++) ([^\s"\\]++) HTTP/([0-9.]++)|((?:[^"\\\n]|\\.)*+))"'
_STATUS = r" (\d{3}) (\d++|-)"
_AGENT = r' "((?:[^"\\\n]|\\.)*+)" "((?:[^"\\\n]|\\.)*+)"'

NAMES = frozenset({"source", "user", "http", "url", "user_agent"})

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")

Row = Sequence[str]


class AccessLog:
    """One server's format. `agent` says whether referrer and user agent follow: yes, or perhaps."""

    def __init__(self, name: str, *, agent: bool) -> None:
        self._pattern = re.compile(
            _HEAD + _REQUEST + _STATUS + (_AGENT if agent else f"(?:{_AGENT})?") + "$", re.MULTILINE
        )
        self._error = f"the line is not in the format of {name}"
        self._times = CommonLog()

    def parse(self, lines: Lines) -> Records:
        """One record for each line, at a stroke if every line matches and nothing in them needs escaping."""
        if lines.whole and "\\" not in lines.text and not _CONTROL.search(lines.text.replace("\n", "")):
            rows = self._pattern.findall(lines.text)
            if len(rows) == lines.count:
                return self._records(lines, rows)
        return self._line_by_line(lines)

    def _records(self, lines: Lines, rows: Sequence[Row]) -> Records:
        times = self._times.all([row[3] for row in rows])
        return Records(lines, lines.starts(), [_members(row) for row in rows], times, NAMES)

    def _line_by_line(self, lines: Lines) -> Records:
        members: list[str] = []
        stamps: list[str] = []
        errors: dict[int, str] = {}
        for index, text in enumerate(lines.split()):
            match = self._pattern.fullmatch(text)
            if match:
                row = [group or "" for group in match.groups()]
                stamps.append(row[3])
                members.append(_members([item[1:-1] for item in quoted(row)]))
            else:
                errors[index] = self._error
                stamps.append("")
                members.append(as_messages([text])[0])
        names = NAMES if not errors else NAMES | {"message"}
        return Records(lines, lines.starts(), members, self._times.all(stamps), names, errors=errors)


def _members(row: Row) -> str:
    """The members of one row whose texts need no escaping any more."""
    address, _, user, _, method, path, version, raw, status, size, referrer, agent = row
    request = f'"method":"{method}"' if method else ""
    if referrer and referrer != "-":
        request += f'{"," if request else ""}"referrer":"{referrer}"'
    return (
        f'"source":{{"address":"{address}"}}'
        + (f',"user":{{"name":"{user}"}}' if user != "-" else "")
        + f',"http":{{{f"{chr(34)}request{chr(34)}:{{{request}}}," if request else ""}'
        + (f'"version":"{version}",' if version else "")
        + f'"response":{{"status_code":{status}'
        + (f',"body":{{"bytes":{int(size)}}}' if size != "-" else "")
        + f'}}}},"url":{{"original":"{path or raw}"}}'
        + (f',"user_agent":{{"original":"{agent}"}}' if agent and agent != "-" else "")
    )


def nginx() -> AccessLog:
    """nginx's `combined` format."""
    return AccessLog("nginx's combined log", agent=True)


def apache() -> AccessLog:
    """Apache's `common` and `combined` formats."""
    return AccessLog("Apache's common or combined log", agent=False)
