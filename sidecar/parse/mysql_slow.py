"""Slow query logs of MySQL 5.7 and later, and of MariaDB ("The Slow Query Log" in their manuals).

An event has several lines: `# Time:` (MySQL: always; MariaDB: when the second changed), `# User@Host:`, `#
Query_time:`, optional lines with `#`, `use`, `SET timestamp`, and the statement. The multiline preset `mysql_slow`
joins them. The timestamp is `# Time:` if that is ISO 8601, otherwise `SET timestamp`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sidecar.parse.format_parser import LogFormat
from sidecar.parse.row_templates import json_field, number_field, text_field
from sidecar.parse.time.format_times import iso_times

_ISO = (
    r"# Time: (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9}))?(?P<zone>Z|[+-]\d\d:\d\d)[ \t]*\n"
)
_NUMBER = r"(?:0|[1-9]\d{0,17})"
_SECONDS = _NUMBER + r"\.\d{1,18}"
_HEAD = (
    r"# User@Host: (?P<user>[^\[\n]*)\[[^\]\n]*\] @ +(?P<host>[^\s\[]*) ?\[(?P<address>[^\]\n]*)\]"
    r"(?:[ \t]+Id:[ \t]+(?P<id>\d{1,18}))?[ \t]*\n"
    r"(?:# Thread_id: (?P<thread>\d{1,18})  Schema: (?P<schema>\S*)[^\n]*\n)?"
    rf"# Query_time: (?P<took>{_SECONDS}) +Lock_time: (?P<lock>{_SECONDS})"
    rf" +Rows_sent: (?P<sent>\d{{1,18}}) +Rows_examined: (?P<examined>\d{{1,18}})[^\n]*\n"
    r"(?:#[^\n]*\n)*+(?:use (?P<database>[^;\n]*);\n)?"
)


def _to_iso(time: str, year: str, now: float) -> str:
    """Return ISO 8601; seconds since the epoch are always in UTC."""
    if not time.isdigit():
        return iso_times(time, year, now)
    return f"{datetime.fromtimestamp(int(time), UTC):%Y-%m-%dT%H:%M:%S}Z"


MYSQL_SLOW = LogFormat(
    "MySQL's slow query log",
    (
        _ISO + _HEAD + r"(?:SET timestamp=\d+(?:\.\d+)?;\n)?(?P<message>.*)",
        r"(?:# Time: [^\n]*\n)?" + _HEAD
        + r"SET timestamp=(?P<time>[1-9]\d{8,9})(?:\.(?P<fraction>\d{1,9}))?;\n(?P<message>.*)",
    ),
    (
        text_field("message", "message"),
        text_field("user.name", "user", str.strip),
        text_field("source.domain", "host"),
        text_field("source.address", "address"),
        number_field("process.thread.id", "id"),
        number_field("mysql.slow.thread_id", "thread"),
        text_field("mysql.slow.schema", "schema"),
        text_field("mysql.slow.database", "database"),
        json_field("mysql.slow.query_time", "took", str),
        json_field("mysql.slow.lock_time", "lock", str),
        number_field("mysql.slow.rows_sent", "sent"),
        number_field("mysql.slow.rows_examined", "examined"),
    ),
    _to_iso,
)  # fmt: skip
"""Durations of queries and locks stay in seconds, with the digits of the log."""
