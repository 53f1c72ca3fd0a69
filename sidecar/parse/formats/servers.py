"""Logs of RabbitMQ, BIND and CoreDNS."""

from __future__ import annotations

import msgspec

from sidecar.parse.addresses import address_field
from sidecar.parse.format_parser import LogFormat
from sidecar.parse.formats.pieces import CLOCK, EXTRA, FRACTION, ISO, MESSAGE, MONTH, PORT, WORD, ZONE
from sidecar.parse.row_templates import decimal_field, json_field, number_field, text_field

_ERLANG_LEVEL = r"(?P<level>debug|info|notice|warning|error|critical|alert|emergency)"

RABBITMQ = LogFormat(
    "RabbitMQ",
    (
        rf"{ISO}{FRACTION}{ZONE}? \[{_ERLANG_LEVEL}\] (?P<process><\d{{1,9}}\.\d{{1,9}}\.\d{{1,9}}>)"
        rf"(?:@(?P<function>[^ :\n]++:[^ :\n]++):(?P<line>\d{{1,9}}))?(?: {MESSAGE})?",
        rf"=(?P<level>[A-Z]++) REPORT==== (?P<time>\d?\d-{MONTH}-\d{{4}}::{CLOCK})(?:\.(?P<fraction>\d{{1,6}}))"
        rf"? ===\n{MESSAGE}",
    ),
    (
        text_field("message", "message"),
        text_field("process.name", "process"),
        text_field("log.level", "level", str.lower),
        text_field("log.origin.function", "function"),
        number_field("log.origin.file.line", "line"),
    ),
    examples=(
        "2026-11-23 01:00:00.123456+00:00 [info] <0.221.0> Server startup complete; 4 plugins started.",
        "=INFO REPORT==== 23-Nov-2026::01:00:00 ===\naccepting AMQP connection <0.812.0>",
    ),
)
"""The console and file format of version 3.9 and later, with the Erlang process; and the reports of version 3.6."""

BIND = LogFormat(
    "BIND",
    (
        rf"(?P<time>[0-3]\d-{MONTH}-\d{{4}} {CLOCK})\.(?P<fraction>\d{{3}}) (?:(?P<category>[a-z][a-z-]*+): )?"
        r"(?:(?P<level>debug(?= \d)|info|notice|warning|error|critical)(?: \d{1,3})?: )?"
        rf"(?=(?:client (?:@0x[0-9a-f]++ )?(?P<client>[0-9a-fA-F.:]++)#{PORT})?){MESSAGE}",
    ),
    (
        text_field("message", "message"),
        address_field("source.address", "client"),
        number_field("source.port", "port"),
        text_field("bind.category", "category"),
        text_field("log.level", "level"),
    ),
    examples=(
        "23-Nov-2026 01:00:00.123 queries: info: client @0x7f1c 192.0.2.7#40112 (shop.example): query: "
        "shop.example IN A",
    ),
)
"""A `channel` with `print-time`, with or without `print-category` and `print-severity`."""

_COREDNS_TIME = rf"(?:(?P<time>\d{{4}}[/-][01]\d[/-][0-3]\d[T ]{CLOCK}){FRACTION}{ZONE}? )?"
_COREDNS_LEVEL = r"\[(?P<level>DEBUG|INFO|WARNING|ERROR|FATAL|PANIC)\]"
_COREDNS_CLIENT = rf"\[?(?P<client>[0-9a-fA-F.:]+?)\]?:{PORT}"
_COREDNS_QUERY = (
    rf'(?P<id>\d{{1,9}}) "(?P<type>{WORD}) (?P<class>{WORD}) (?P<name>{WORD}) (?P<transport>{WORD}) '
    rf'(?P<asked>\d{{1,9}}) [^"\n]*+" (?:-|(?P<code>{WORD})) (?:-|(?P<flags>{WORD})) (?P<answered>\d{{1,9}}) '
    rf"(?P<took>\d{{1,9}}\.\d{{1,12}})s{EXTRA}"
)

COREDNS = LogFormat(
    "CoreDNS",
    (
        rf"{_COREDNS_TIME}{_COREDNS_LEVEL} {_COREDNS_CLIENT} - {_COREDNS_QUERY}",
        rf"{_COREDNS_CLIENT} - \[(?P<time>[0-3]\d/{MONTH}/\d{{4}}:{CLOCK}) (?P<zone>[+-]\d{{4}})\] {_COREDNS_QUERY}",
        rf"{_COREDNS_TIME}{_COREDNS_LEVEL} {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        address_field("source.address", "client"),
        number_field("source.port", "port"),
        number_field("dns.id", "id"),
        text_field("dns.question.type", "type"),
        text_field("dns.question.class", "class"),
        text_field("dns.question.name", "name"),
        text_field("dns.response_code", "code"),
        json_field("dns.header_flags", "flags", lambda flags: msgspec.json.encode(flags.split(",")).decode()),
        text_field("network.transport", "transport"),
        number_field("coredns.query.size", "asked"),
        number_field("coredns.response.size", "answered"),
        decimal_field("coredns.duration", "took"),
        text_field("log.level", "level", str.lower),
        text_field("log.extra", "extra"),
    ),
    examples=(
        '[INFO] 192.0.2.7:40112 - 4711 "A IN shop.example. udp 41 false 1232" NOERROR qr,aa,rd 106 0.000123456s',
        '192.0.2.7:4011 - [23/Nov/2026:01:00:00 +0000] 47 "A IN shop.example. udp 41 false 512" NOERROR qr 9 0.01s',
        "[INFO] plugin/reload: Running configuration SHA512 = 0a1b",
    ),
)
"""The plug-ins `log` and `errors`, and the query log of versions before 1.2.4. The duration stays in seconds, with
the digits of the log."""
