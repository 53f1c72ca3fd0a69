"""Default formats of widespread programs; fields have the names of the Elastic Common Schema.

In a pattern `.` may match the line ends of an event; everything else stays on its line.
"""

from __future__ import annotations

import re

import msgspec

from sidecar.parse.format_parser import LogFormat
from sidecar.parse.row_templates import json_field, number_field, text_field
from sidecar.parse.time.format_times import clock_only_times, digits_first_times, iso_times, month_first_times

_SEVERITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug")
_FACILITIES = (
    "kernel", "user-level", "mail", "system", "security/authorization", "syslogd", "line-printer", "network-news",
    "UUCP", "clock", "security/authorization2", "FTP", "NTP", "log-audit", "log-alert", "clock2",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
_KLOG_LEVELS = {"I": "info", "W": "warning", "E": "error", "F": "fatal"}
_DATE = r"(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)"
_FRACTION = r"(?:[.,](?P<fraction>\d{1,9}))?"
_ZONE = r"(?P<zone>Z|[+-]\d\d:?\d\d)"
_LEVEL = r"(?P<level>TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE|CONFIG|FINE|FINER|FINEST)"


_ELEMENT = re.compile(r'\[([^ =\]"]++)((?: [^ =\]"]++="(?:[^"\\\]]++|\\.)*+")*+)\]', re.DOTALL)
_PARAMETER = re.compile(r' ([^ =\]"]++)="((?:[^"\\\]]++|\\.)*+)"', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\\]])')


def _parse_structured_data(data: str) -> str:
    """Return `{id: {name: value}}` (RFC 5424 §6.3). A parameter that is given twice has a list."""
    elements: dict[str, dict[str, list[str]]] = {}
    for name, parameters in _ELEMENT.findall(data):
        element = elements.setdefault(name, {})
        for key, written in _PARAMETER.findall(parameters):
            element.setdefault(key, []).append(_ESCAPED.sub(r"\1", written))
    values_of = {
        name: {key: values if len(values) > 1 else values[0] for key, values in element.items()}
        for name, element in elements.items()
    }
    return msgspec.json.encode(values_of).decode()


def _split_priority(pri: str) -> tuple[int, int]:
    """Return facility and severity: the number is 8 × facility + severity (RFC 5424 §6.2.1)."""
    return divmod(int(pri), 8)


_PRI = r"<(?P<pri>\d|[1-9]\d|1[0-8]\d|19[01])>"
_WORD = r"[^ \n]++"
_SENDER = rf"(?P<host>{_WORD}) (?P<app>[^\[: \n]++)(?:\[(?P<proc>[^\]\n]++)\])?: ?"

SYSLOG = LogFormat(
    "syslog (RFC 5424 or RFC 3164)",
    (
        rf"{_PRI}(?P<version>[1-9]\d?) (?:{_DATE}(?:\.(?P<fraction>\d{{1,9}}))?{_ZONE}|-) (?:-|(?P<host>{_WORD})) "
        rf"(?:-|(?P<app>{_WORD})) (?:-|(?P<proc>{_WORD})) (?:-|(?P<msgid>{_WORD})) "
        r'(?:-|(?P<data>(?:\[[^ =\]"\n]++(?: [^ =\]"\n]++="(?:[^"\\\]\n]|\\[^\n])*+")*+\])++))'
        r"(?: \ufeff?(?P<message>.*+))?",
        rf"(?:{_PRI})?(?P<time>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d) {_SENDER}(?P<message>.*+)",
        rf"(?:{_PRI})?{_DATE}(?:\.(?P<fraction>\d{{1,9}}))?{_ZONE} {_SENDER}(?P<message>.*+)",
        rf"(?:{_PRI})?(?P<time>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d) (?P<host>{_WORD}) "
        r"(?![^\[: \n]++(?:\[[^\]\n]++\])?:)(?P<message>.*+)",
    ),
    (
        text_field("message", "message"),
        text_field("log.level", "pri", lambda pri: _SEVERITIES[_split_priority(pri)[1]]),
        number_field("log.syslog.priority", "pri"),
        json_field("log.syslog.facility.code", "pri", lambda pri: str(_split_priority(pri)[0])),
        text_field("log.syslog.facility.name", "pri", lambda pri: _FACILITIES[_split_priority(pri)[0]]),
        json_field("log.syslog.severity.code", "pri", lambda pri: str(_split_priority(pri)[1])),
        text_field("log.syslog.severity.name", "pri", lambda pri: _SEVERITIES[_split_priority(pri)[1]]),
        number_field("log.syslog.version", "version"),
        text_field("log.syslog.hostname", "host"),
        text_field("log.syslog.appname", "app"),
        text_field("log.syslog.procid", "proc"),
        text_field("log.syslog.msgid", "msgid"),
        json_field("log.syslog.structured_data", "data", _parse_structured_data),
    ),
    lambda time, year, now: iso_times(time, year, now) if time[:1].isdigit() else month_first_times(time, year, now),
)
"""RFC 5424 §6, also with nine digits of a second where the RFC allows six. RFC 3164 §4.1, also without the priority,
which files lack, and with RFC 3339 times, as rsyslog's `RSYSLOG_FileFormat` writes them. The last pattern matches
messages without a tag, such as `last message repeated 3 times`."""

KLOG = LogFormat(
    "klog",
    (
        r"(?P<level>[IWEF])(?P<time>(?:0[1-9]|1[0-2])[0-3]\d \d\d:\d\d:\d\d)\.(?P<fraction>\d{6}) +"
        r"(?P<thread>\d{1,18}) (?P<file>[^:\]\n]++):(?P<line>\d{1,18})\] (?P<message>.*+)",
    ),
    (
        text_field("message", "message"),
        number_field("process.thread.id", "thread"),
        text_field("log.level", "level", lambda letter: _KLOG_LEVELS[letter]),
        text_field("log.origin.file.name", "file"),
        number_field("log.origin.file.line", "line"),
    ),
    digits_first_times,
)
"""`Lmmdd hh:mm:ss.uuuuuu threadid file:line] msg`: the header of k8s.io/klog, used by Kubernetes components."""


PYTHON = LogFormat(
    "Python's logging",
    (
        rf"{_DATE}{_FRACTION} +- +(?P<logger>[^ \n]++) +- +{_LEVEL} +- +(?P<message>.*+)",
        rf"{_DATE}{_FRACTION} +\[?{_LEVEL}\]? +(?P<logger>[^ :\n]++): (?P<message>.*+)",
        rf"{_LEVEL}:(?P<logger>[^ :\n]++):(?P<message>.*+)",
    ),
    (
        text_field("message", "message"),
        text_field("log.level", "level", str.lower),
        text_field("log.logger", "logger"),
    ),
    iso_times,
)
"""`logging.BASIC_FORMAT`; the format of Python's logging HOWTO, with ` - ` between time, name, level and message; and
time, level and name before a colon."""

_CLOCK = rf"(?P<time>(?:\d{{4}}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d){_FRACTION}{_ZONE}?"

LOG4J = LogFormat(
    "log4j or logback",
    (
        rf"{_DATE}\.(?P<fraction>\d{{3}}){_ZONE} +{_LEVEL} (?P<pid>\d{{1,18}}) --- (?:\[(?P<app>[^\]\n]*+)\] )?"
        r"\[ *+(?P<thread>[^\]\n]*+)\] (?P<logger>[^ \n]++) *: (?P<message>.*+)",
        rf"{_CLOCK} +\[(?P<thread>[^\]\n]*+)\] {_LEVEL} +"
        r"(?P<logger>[^ \n]++) +(?:--|-|:) *(?P<message>.*+)",
        rf"{_CLOCK} +{_LEVEL} +(?:\[(?P<thread>[^\]\n]*+)\] )?"
        r"(?P<logger>[^ :\n]++) *(?:--|-|:) +(?P<message>.*+)",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        text_field("process.thread.name", "thread"),
        text_field("service.name", "app"),
        text_field("log.level", "level", str.lower),
        text_field("log.logger", "logger"),
    ),
    clock_only_times,
)
"""Logback's `BasicConfigurator` and Log4j 2's default configuration (`%d{HH:mm:ss.SSS} [%t] %-5level %logger{36} -
%msg%n`), the same with a date, `%d %-5p [%t] %c - %m%n`, and Spring Boot's console."""

POSTGRESQL = LogFormat(
    "PostgreSQL",
    (
        rf"{_DATE}(?:\.(?P<fraction>\d{{1,6}}))? (?P<zone>[A-Z]{{1,5}}|[+-]\d\d(?::?\d\d)?) "
        r"\[(?P<pid>\d{1,18})\](?:-\d++)?:? (?:\[[^\]\n]*+\] )?(?:(?P<user>[^@ \n]++)@(?P<database>[^ \n]++) )?"
        r"(?P<level>DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC"
        r"|STATEMENT|DETAIL|HINT|QUERY|CONTEXT|LOCATION): +(?P<message>.*+)",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        text_field("user.name", "user"),
        text_field("postgresql.log.database", "database"),
        text_field("log.level", "level", str.lower),
    ),
    iso_times,
)
"""`log_line_prefix = '%m [%p] '`, the default, also with `%u@%d `; "Error Reporting and Logging" in its manual."""

MYSQL = LogFormat(
    "MySQL's error log",
    (
        rf"{_DATE}(?:\.(?P<fraction>\d{{1,6}}))?{_ZONE} (?P<thread>\d{{1,18}}) \[(?P<level>[A-Z][A-Za-z]*)\]"
        r"(?: \[(?P<code>[A-Z]+-\d+)\] \[(?P<subsystem>[^\]\n]*+)\])? (?P<message>.*+)",
        r"(?P<time>\d{4}-\d\d-\d\d [ \d]\d:\d\d:\d\d) (?P<thread>\d{1,18}) "
        r"\[(?P<level>[A-Z][A-Za-z]*)\] (?P<message>.*+)",
    ),
    (
        text_field("message", "message"),
        number_field("process.thread.id", "thread"),
        text_field("mysql.error.code", "code"),
        text_field("mysql.error.subsystem", "subsystem"),
        text_field("log.level", "level", str.lower),
    ),
    lambda time, year, now: iso_times(time.replace("  ", " 0"), year, now),
)
"""`time thread [label] [err_code] [subsystem] msg`, from "The Error Log" in its manual; MySQL 5.7 has no code and no
subsystem. MariaDB writes `yyyy-mm-dd hh:mm:ss thread [type] msg` in local time, with hours padded by a blank."""


def _normalize_uptime(uptime: str) -> str:
    """Return the uptime with a decimal point; the JVM uses the one of its locale."""
    whole, fraction = uptime.replace(",", ".").split(".")
    return f"{int(whole)}.{fraction}"


JAVA_GC = LogFormat(
    "the JVM's unified log",
    (
        r"(?:\[(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(?P<fraction>\d{1,9})(?P<zone>Z|[+-]\d{4})\])?"
        r"(?:\[(?P<uptime>\d{1,12}[.,]\d{1,9})s\])?(?:\[(?P<pid>\d{1,18})\])?(?:\[(?P<thread>\d{1,18})\])?"
        r"\[(?P<level>trace|debug|info|warning|error) *\]\[(?P<tags>[a-z0-9,]++) *\] ?(?P<message>.*+)",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        number_field("process.thread.id", "thread"),
        json_field("jvm.uptime", "uptime", _normalize_uptime),
        json_field("jvm.log.tags", "tags", lambda tags: msgspec.json.encode(tags.split(",")).decode()),
        text_field("log.level", "level"),
    ),
    iso_times,
)
"""`-Xlog` (JEP 158) with its default decorations `uptime`, `level` and `tags`, and with `time`, `pid` and `tid`."""

NGINX_ERROR = LogFormat(
    "nginx's error log",
    (
        r"(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?P<level>debug|info|notice|warn|error|crit|alert|emerg)\] "
        r"(?P<pid>\d{1,18})#(?P<thread>\d{1,18}): (?:\*(?P<connection>\d{1,18}) )?"
        r"(?P<message>(?:(?!, client: ).)*+(?:, client: (?P<client>[^,\n]++).*+)?)",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        number_field("process.thread.id", "thread"),
        text_field("source.address", "client"),
        number_field("nginx.error.connection_id", "connection"),
        text_field("log.level", "level"),
    ),
    iso_times,
)
"""ngx_log.c: `time [level] pid#tid: *connection message, client: …, server: …`."""

_APACHE_TIME = (
    r"\[[A-Z][a-z][a-z] (?P<time>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d)"
    r"(?:\.(?P<fraction>\d{1,6}))? (?P<year>\d{4})\] "
)
_APACHE_LEVEL = r"(?P<level>emerg|alert|crit|error|warn|notice|info|debug|trace[1-8])"

APACHE_ERROR = LogFormat(
    "Apache's error log",
    (
        _APACHE_TIME + rf"\[(?P<module>[a-z0-9_]*+):{_APACHE_LEVEL}\] "
        r"\[pid (?P<pid>\d{1,18})(?::tid (?P<thread>\d{1,18}))?\] "
        r"(?:(?P<status>\(\d++\)[^:\[\n]++): )?"
        r"(?:\[client (?P<client>[^\]\n]+):(?P<port>\d{1,5})\] )?(?:(?P<code>AH\d++): )?(?P<message>.*+)",
        _APACHE_TIME + rf"\[{_APACHE_LEVEL}\] (?:\[client (?P<client>[^\]\n]++)\] )?(?P<message>.*+)",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        number_field("process.thread.id", "thread"),
        text_field("source.address", "client"),
        number_field("source.port", "port"),
        text_field("apache.error.code", "code"),
        text_field("apache.error.status", "status"),
        text_field("apache.error.module", "module"),
        text_field("log.level", "level"),
    ),
    month_first_times,
)
"""The default `ErrorLogFormat`, threaded or not, and that of Apache 2.2. `status` is `%E`, the error of the operating
system, such as `(13)Permission denied`."""

FORMATS = {
    "syslog": SYSLOG,
    "klog": KLOG,
    "python": PYTHON,
    "log4j": LOG4J,
    "postgresql": POSTGRESQL,
    "mysql": MYSQL,
    "java_gc": JAVA_GC,
    "nginx_error": NGINX_ERROR,
    "apache_error": APACHE_ERROR,
}
