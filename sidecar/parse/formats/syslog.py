"""Syslog: RFC 5424, RFC 3164, and the variants of both that programs write to files."""

from __future__ import annotations

import re

import msgspec

from sidecar.parse.format_parser import LogFormat
from sidecar.parse.formats.pieces import (
    CLOCK,
    CTIME,
    DAY,
    ISO,
    LEVEL_WORD,
    MESSAGE,
    MONTH,
    NO_LEVEL,
    WEEKDAY,
    WORD,
    ZONE_NAME,
)  # fmt: skip
from sidecar.parse.row_templates import json_field, number_field, text_field

_SEVERITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug")
_FACILITIES = (
    "kernel", "user-level", "mail", "system", "security/authorization", "syslogd", "line-printer", "network-news",
    "UUCP", "clock", "security/authorization2", "FTP", "NTP", "log-audit", "log-alert", "clock2",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
_SEVERITY_OF = dict(
    zip(("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"), _SEVERITIES, strict=True)
)
_FACILITY_OF = {
    "kern": "kernel", "user": "user-level", "daemon": "system", "auth": "security/authorization", "syslog": "syslogd",
    "lpr": "line-printer", "news": "network-news", "uucp": "UUCP", "cron": "clock",
    "authpriv": "security/authorization2", "ftp": "FTP",
}  # fmt: skip
_ELEMENT = re.compile(r'\[([^ =\]"]++)((?: [^ =\]"]++="(?:[^"\\\]]++|\\.)*+")*+)\]', re.DOTALL)
_PARAMETER = re.compile(r' ([^ =\]"]++)="((?:[^"\\\]]++|\\.)*+)"', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\\]])')


def _parse_structured_data(data: str) -> str:
    """Return structured data (RFC 5424 §6.3) as `{id: {name: value}}`. A repeated parameter has a list of values."""
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
    """Return facility and severity of a priority, which is 8 × facility + severity (RFC 5424 §6.2.1)."""
    return divmod(int(pri), 8)


_PRI = r"<(?P<pri>\d|[1-9]\d|1[0-8]\d|19[01])>"
_FRACTION = r"(?:[.,](?P<fraction>\d{1,9})\d*+)?"
_ZONE = r"(?P<zone>Z|[+-]\d\d:?\d\d)"
_RFC3164 = rf"(?P<time>{MONTH} (?: ?\d|\d\d) (?:\d{{4}} )?{CLOCK}){_FRACTION}"
_LOCAL_MONTH = (
    r"(?:janv\.|févr\.|mars|avril|mai|juin|juil\.|août|sept\.|oct\.|nov\.|déc\."
    r"|Jän|Mär|Mai|Juni|Juli|Okt|Dez)"
)
_ISO = rf"{ISO}{_FRACTION}{_ZONE}?"
_HOST = rf"(?P<host>(?!{LEVEL_WORD} )(?:[\w.@/%-]++|:(?! ))++)"
_TAG = r"(?P<app>[^\[: \n]++)(?:\[(?P<proc>[^\]\n]++)\])?: ?"
_TAG_OF_WORDS = r"(?P<app>[A-Za-z][\w.-]*+ (?:\d[\w.]*+|[A-Z]\w*+(?=\[)))(?:\[(?P<proc>\d{1,18})\])?: "
_TAG_WITHOUT_COLON = r"(?P<app>[^\[: \n]++)\[(?P<proc>\d{1,18})\] (?:(?P<extra>\([^)\n]{1,200}+\)): ?)?"
_SELECTOR = (
    r"(?P<facility>kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|local[0-7])"
    r"\.(?P<severity>emerg|alert|crit|err|warn|notice|info|debug)"
)
_DATA = r'(?:-|(?P<data>(?:\[[^ =\]"\n]++(?: [^ =\]"\n]++="(?:[^"\\\]\n]|\\[^\n])*+")*+\])++))'
_PARTS = (
    rf" (?:-|(?P<host>(?!{LEVEL_WORD} ){WORD})) (?:-|(?P<app>{WORD})) (?:-|(?P<proc>{WORD})) (?:-|(?P<msgid>{WORD})) "
    rf"{_DATA}(?: \ufeff?{MESSAGE})?"
)

SYSLOG = LogFormat(
    "syslog (RFC 5424 or RFC 3164)",
    (
        rf"{_PRI}(?P<version>[1-9]\d?) (?:{ISO}(?:\.(?P<fraction>\d{{1,9}}))?{_ZONE}|-){_PARTS}",
        rf"(?:{_PRI})?{_RFC3164} {_HOST} {_TAG}{MESSAGE}",
        rf"(?:{_PRI})?{_ISO} {_HOST} {_TAG}{MESSAGE}",
        rf"(?:{_PRI})?(?:(?P<version>[1-9]\d?) )?(?=[\d-]{{10}}T){_ISO}(?= [\w.:@/%-]++ ){_PARTS}",
        rf"(?:{_PRI})?{_RFC3164} {_TAG}{MESSAGE}",
        rf"(?:{_PRI})?{_ISO} (?P<app>[^\[: \n]++)\[(?P<proc>[^\]\n]++)\]: ?{MESSAGE}",
        rf"(?:{_PRI})?{_RFC3164} {_HOST} {_TAG_OF_WORDS}{MESSAGE}",
        rf"(?:{_PRI})?{_RFC3164} {_HOST} {_TAG_WITHOUT_COLON}{MESSAGE}",
        rf"(?:{_PRI})?{_ISO} {_HOST} {_TAG_WITHOUT_COLON}{MESSAGE}",
        # BusyBox and OpenWrt, with facility and severity; the journal with `-o short-full` and `short-unix`.
        rf"{_RFC3164} {_HOST} {_SELECTOR} {_TAG}{MESSAGE}",
        rf"{CTIME} {_SELECTOR} {_TAG}{MESSAGE}",
        rf"{WEEKDAY} (?P<time>{DAY} {CLOCK}){_FRACTION} {ZONE_NAME} {_HOST} {_TAG}{MESSAGE}",
        rf"(?P<time>1\d{{9}})\.(?P<fraction>\d{{6}}) {_HOST} {_TAG}{MESSAGE}",
        # Without a tag, the first word may be part of the message.
        rf"{_PRI}{_RFC3164} {_HOST} {MESSAGE}",
        rf"{_RFC3164} {_HOST} +(?=-{{2,3}} |(?:last )?message repeated |exiting on signal ){MESSAGE}",
        rf"{_RFC3164} {NO_LEVEL}{MESSAGE}",
        rf"{_PRI}{_TAG}{MESSAGE}",
        # The journal, shown in French or German.
        rf"(?P<time>{_LOCAL_MONTH} (?: ?\d|\d\d) {CLOCK}){_FRACTION} {_HOST} {_TAG}{MESSAGE}",
    ),
    (
        text_field("message", "message"),
        text_field("log.level", "pri", lambda pri: _SEVERITIES[_split_priority(pri)[1]]),
        text_field("log.level", "severity", lambda name: _SEVERITY_OF[name]),
        number_field("log.syslog.priority", "pri"),
        json_field("log.syslog.facility.code", "pri", lambda pri: str(_split_priority(pri)[0])),
        text_field("log.syslog.facility.name", "pri", lambda pri: _FACILITIES[_split_priority(pri)[0]]),
        text_field("log.syslog.facility.name", "facility", lambda name: _FACILITY_OF.get(name, name)),
        json_field("log.syslog.severity.code", "pri", lambda pri: str(_split_priority(pri)[1])),
        text_field("log.syslog.severity.name", "pri", lambda pri: _SEVERITIES[_split_priority(pri)[1]]),
        text_field("log.syslog.severity.name", "severity", lambda name: _SEVERITY_OF[name]),
        number_field("log.syslog.version", "version"),
        text_field("log.syslog.hostname", "host"),
        text_field("log.syslog.appname", "app"),
        text_field("log.syslog.procid", "proc"),
        text_field("log.syslog.msgid", "msgid"),
        json_field("log.syslog.structured_data", "data", _parse_structured_data),
        text_field("log.extra", "extra"),
    ),
    examples=(
        '<34>1 2026-11-23T01:00:00.003Z web-1 su - ID47 [a@1 b="c"] failed',
        "<34>Nov 23 01:00:00 web-1 sshd[812]: Accepted publickey for ann",
        "2026-11-23T01:00:00.123456+01:00 web-1 sshd[812]: Accepted publickey for ann",
        '2026-11-23T01:00:00Z web-1 app 12 ID7 [a@1 b="c"] up',
        "<13>Nov 23 01:00:00 backup[77]: done",
        "2026-11-23T01:00:00Z backup[77]: done",
        "Nov 23 01:00:00 web-1 syslogd 1.4.1: restart.",
        "Nov 23 01:00:00 mac-1 sandboxd[812] ([94]): rule denied",
        "2026-11-23 01:00:00,123 web-1 proftpd[812] web-1 (203.0.113.7[203.0.113.7]): FTP session opened.",
        "Nov 23 01:00:00 web-1 daemon.info shop[812]: started",
        "Mon Nov 23 01:00:00 2026 daemon.info dnsmasq[812]: read /etc/hosts - 4 names",
        "Mon 2026-11-23 01:00:00 UTC web-1 sshd[812]: Accepted publickey for ann",
        "1795395600.123456 web-1 sshd[812]: Accepted publickey for ann",
        "<13>Nov 23 01:00:00 web-1 backup done",
        "Nov 23 01:00:00 web-1 last message repeated 3 times",
        "Nov 23 01:00:00 Listening for queries on 192.0.2.7:53",
        "<13>backup[77]: done",
        "nov. 23 01:00:00 web-1 sshd[812]: Accepted publickey for ann",
    ),
)
"""RFC 5424 §6, and these variants: fractions of nine digits, where the RFC allows six; no priority and version.

RFC 3164 §4.1, and these variants: no priority, as in files; RFC 3339 times, as of rsyslog's `RSYSLOG_FileFormat`; no
host; a space or a version in the tag. Without a priority and a tag, the first word is a host only before usual
messages without a tag, because programs such as PowerDNS write neither a host nor a tag."""
