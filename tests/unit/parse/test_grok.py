"""grok: known patterns, fields with paths and types, own patterns, and what is wrong told before anything runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import ValidationError

from sidecar.lib.user_regex import compile_user_regex
from sidecar.model.records import RecordBatch
from sidecar.parse.grok import expand_pattern
from sidecar.parse.grok_patterns import line_layouts, named_patterns
from sidecar.parse.line_layout import LayoutRegex
from tests.support.builders.records import fields, framed, make_parser
from tests.support.builders.records import parsed as of_parser


def parsed(pattern: str, *lines: str, **options: Any) -> RecordBatch:
    return of_parser({"type": options.pop("kind", "grok"), "pattern": pattern, **options}, *lines)


def test_named_patterns_become_fields_with_paths_and_types() -> None:
    pattern = r"%{TIMESTAMP_ISO8601:time} %{LOGLEVEL:log.level} %{IP:[source][ip]} %{NUMBER:took:float} (?<rest>.*)"
    records = parsed(pattern, "2026-11-23T01:00:00Z ERROR 203.0.113.7 12.50 it failed", "nothing")
    assert fields(records) == [
        {"time": "2026-11-23T01:00:00Z", "log": {"level": "ERROR"}, "source": {"ip": "203.0.113.7"}, "took": 12.5,
         "rest": "it failed"},
        {"message": "nothing"},
    ]  # fmt: skip
    assert list(records.times) == ["2026-11-23T01:00:00Z", ""]
    assert records.errors == {1: "the line does not match the pattern"}
    assert "12.50" in records.bodies[0]


def test_own_patterns_win_and_refer_to_each_other() -> None:
    own = {"ORDER": r"%{PREFIX}-\d+", "PREFIX": "[A-Z]{2}", "WORD": "x+"}
    assert fields(parsed("%{ORDER:order} %{WORD:a}", "see AB-12 xx", patterns=own)) == [{"order": "AB-12", "a": "xx"}]


def test_what_is_there_twice_is_a_list_and_what_took_no_part_is_nothing() -> None:
    assert fields(parsed("%{INT:n:int} %{INT:n:int}|%{WORD:w}", "1 2", "up")) == [{"n": [1, 2]}, {"w": "up"}]


@pytest.mark.parametrize("kind", ["grok", "regex"])
def test_what_does_not_convert_stays_text_and_is_told(kind: str) -> None:
    records = parsed(r"(?P<n>\S+) (?P<m>\S+)", "1 2", "x 3", kind=kind, types={"n": "integer", "m": "float"})
    assert fields(records) == [{"n": 1, "m": 2}, {"n": "x", "m": 3}]
    assert records.annotations == {1: {"error.message": '"n cannot be read as integer"'}}


@pytest.mark.parametrize(
    ("pattern", "own", "reason"),
    [
        ("%{IPP:a}", {}, 'unknown grok pattern IPP; did you mean "IP"'),
        ("%{COMBINEDAPACHLOG}", {}, 'did you mean "COMBINEDAPACHELOG"'),
        ("%{QQQQQQ:a}", {}, "define custom patterns in `patterns`"),
        ("%{WORD}", {}, "has no field; add at least one"),
        ("%{WORD:a:number}", {}, "unknown type number"),
        ("%{A:a}", {"A": "%{B}", "B": "%{A}"}, "refers to itself"),
        (
            "%{A9:a}",
            {"A0": "xxxxxxxxxx", **{f"A{n}": f"%{{A{n - 1}}}" * 9 for n in range(1, 10)}},
            "more than 100,000",
        ),
        ("%{WORD:a}(", {}, "does not compile"),
        ("%{foo-bar}", {}, "is not a reference"),
        ("%{WORD:[a]b}", {}, "not a field path"),
    ],
)
def test_what_is_wrong_with_a_pattern_is_told(pattern: str, own: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError, match=regex.escape(reason)):
        parsed(pattern, "x", patterns=own)


EXAMPLES = [
    ("USERNAME", "ann.b-c_1"), ("EMAILADDRESS", "ann+x@shop.example"), ("INT", "-12"), ("NUMBER", "-1.50"),
    ("BASE16NUM", "0xfF"), ("BASE16FLOAT", "0x1f.a"), ("POSINT", "12"), ("NONNEGINT", "0"), ("WORD", "up"),
    ("NOTSPACE", "a/b"), ("GREEDYDATA", "all of it"), ("QS", r'"a \"b\""'), ("QS", "'a'"),
    ("UUID", "01234567-89ab-cdef-0123-456789abcdef"), ("URN", "urn:isbn:0451450523"), ("MAC", "00:1a:2B:3c:4d:5e"),
    ("MAC", "001a.2b3c.4d5e"), ("MAC", "00-1a-2b-3c-4d-5e"), ("IP", "203.0.113.7"), ("IP", "2001:db8::1"),
    ("IP", "::"), ("IP", "::ffff:203.0.113.7"), ("IP", "1:2:3:4:5:6:7:8"), ("HOSTNAME", "web-1.shop.example"),
    ("HOSTPORT", "shop.example:8080"), ("UNIXPATH", "/var/log/a.log"), ("WINPATH", r"C:\logs\a.log"),
    ("TTY", "/dev/pts/1"), ("URI", "https://ann:x@shop.example:8/a/b?c=d"), ("URIPATHPARAM", "/a?b=c"),
    ("MONTH", "September"), ("MONTHDAY", "31"), ("DAY", "Monday"), ("YEAR", "2026"), ("TIME", "23:59:60.5"),
    ("DATE_US", "11/23/2026"), ("DATE_EU", "23.11.2026"), ("DATESTAMP", "23.11.2026 01:00:00"),
    ("TIMESTAMP_ISO8601", "2026-11-23 01:00:00,123+01:00"), ("TIMESTAMP_ISO8601", "2026-11-23T01:00Z"),
    ("DATESTAMP_RFC822", "Mon Nov 23 2026 01:00:00 UTC"), ("DATESTAMP_OTHER", "Mon Nov 23 01:00:00 UTC 2026"),
    ("DATESTAMP_RFC2822", "Mon, 23 Nov 2026 01:00:00 +0100"), ("DATESTAMP_EVENTLOG", "20261123010000"),
    ("SYSLOGTIMESTAMP", "Nov  3 01:00:00"), ("HTTPDATE", "23/Nov/2026:01:00:00 +0000"), ("LOGLEVEL", "Warning"),
    ("PROG", "cron"), ("SYSLOGFACILITY", "<3.4>"), ("SYSLOGBASE", "Nov 23 01:00:00 node cron[7]:"),
    ("JAVACLASS", "com.example.Shop$Order"), ("JAVAMETHOD", "<init>"), ("JAVAFILE", "Shop.java"),
    ("SYSLOGBASE2", "2026-11-23T01:00:00Z node cron[7]:"), ("SYSLOG5424PRINTASCII", "a!~"), ("SYSLOG5424PRI", "<34>"),
    ("SYSLOGLINE", "Nov 23 01:00:00 node cron[7]: done"), ("SYSLOG5424SD", r'[a@1 b="c\] \"d\""][e@2]'),
    ("SYSLOG5424BASE", '<34>1 2026-11-23T01:00:00Z node su 7 ID47 [a@1 b="c"]'),
    ("SYSLOG5424LINE", "<34>1 - - - - - - done"), ("CRON_ACTION", "END EDIT"),
    ("CRONLOG", "Nov 23 01:00:00 node CRON[7]: (root) CMD (run (all))"),
    ("SYSLOGPAMSESSION", "Nov 23 01:00:00 node sshd[7]: pam_unix(sshd:session): session opened for user ann"),
    ("HTTPDERROR_DATE", "Mon Nov 23 01:00:00.123456 2026"),
    ("HTTPD_ERRORLOG", "[Mon Nov 23 01:00:00 2026] [error] [client 203.0.113.7] File does not exist: /a"),
    ("HTTPD_ERRORLOG", "[Mon Nov 23 01:00:00.1 2026] [core:error] [pid 35:tid 43] [client 203.0.113.7:51] AH001: no"),
    ("JAVATHREAD", "TP-Processor4"), ("JAVASTACKTRACEPART", "\tat c.e.Shop.<init>(Shop.java:42)"),
    ("JAVASTACKTRACEPART", "at c.e.Shop.run(Native Method)"), ("CATALINA_DATESTAMP", "Nov 23, 2026 1:00:00 AM"),
    ("CATALINALOG", "Nov 23, 2026 1:00:00 AM o.a.c.Catalina start INFO: up"),
    ("CATALINALOG", "23-Nov-2026 01:00:00.123 INFO [main] o.a.c.Catalina.start up in [7] ms"),
    ("HAPROXYHTTPREQUESTLINE", "<BADREQ>"), ("MONGO3_SEVERITY", "I"), ("MONGO3_COMPONENT", "-"),
    ("MONGO_LOG", "Nov 23 01:00:00 [conn7] end connection"),
    ("POSTGRESQL", "23.11.2026 01:00:00 UTC ann 5f2d.1a 4711"),
    ("HAPROXYDATE", "23/Nov/2026:01:00:00.655"), ("REDISTIMESTAMP", "23 Nov 2026 01:00:00.123"),
    ("RUBY_LOGLEVEL", "FATAL"), ("NAGIOSTIME", "[1795395600]"),
    ("MONTH", "Mai"), ("MONTH", "Dez"), ("MONTH", "März"), ("HAPROXYTIME", "23:59:60"), ("SECOND", "60"),
    ("WINPATH", r"C:\Program Files\shop"), ("HTTPDATE", "04/Mai/2026:13:17:15 +0200"),
    ("TOMCATLOG", "2026-11-23 01:00:00,005 -0700 | ERROR | c.e.Shop - failed"),
    ("TOMCATLOG", "23-Nov-2026 01:00:00.123 INFO [main] o.a.c.Catalina.start up"),
    ("TOMCATLOG", "2026-11-23 01:00:00,005 INFO o.a.c.core.[shop]c.e.Shop: start(1): up"),
    ("TOMCAT_DATESTAMP", "2026-11-23 01:00:00,005 -0700"), ("MONGO_WORDDASH", "my-db"),
    ("MONGO_SLOWQUERY", "query shop.orders query: { a: 1 } ntoreturn:0 ntoskip:0 nscanned:9 nreturned:1 150ms"),
    ("ELB_ACCESS_LOG", "2026-11-23T01:00:00.1Z lb 203.0.113.7:51 192.0.2.8:80 0.001 0.012 -1 200 200 0 29"
     ' "GET http://shop.example:80/a?b=1 HTTP/1.1"'),
    ("REDISLOG", "[7] 23 Nov 01:00:00.123 *"), ("RUUID", "0123456789abcdef" * 2),
    ("REDISMONLOG", '1795395600.123 [0 192.0.2.7:51] "GET" "a"'), ("RCONTROLLER", "OrdersController#show"),
    ("RUBY_LOGGER", "I, [2026-11-23T01:00:00.123456 #7]  INFO -- shop: up"),
    ("RAILS3HEAD", 'Started GET "/a?b=1" for 203.0.113.7 at 2026-11-23 01:00:00 +0000'),
    ("RAILS3FOOT", "Completed 200 OK in 12ms (Views: 9.1ms | ActiveRecord: 1.2ms)"),
    ("MAVEN_VERSION", "1.2.3-SNAPSHOT"),
    ("BIND9", "23-Nov-2026 01:00:00.123 queries: info: client @0x7f1c 192.0.2.7#51 (a.example): query: "
    "a.example IN A +E"
     " (192.0.2.53)"),
    ("SQUID3_STATUS", "000"), ("MCOLLECTIVE", "I, [2026-11-23T01:00:00.123456 #7]  INFO"),
    ("HTTPD_ERRORLOG", "[Mon Nov 23 01:00:00.1 2026] [proxy:error] [pid 35] (70008)Partial results: "
    "[client 192.0.2.7:5] x"),
    ("COMMONAPACHELOG", '203.0.113.7 - ann [23/Nov/2026:01:00:00 +0000] "GET /a HTTP/1.1" 200 -'),
    ("EMAILLOCALPART", "ann+x"), ("HOST", "web-1"), ("PATH", "/srv/a"), ("QUOTEDSTRING", "'a'"), ("SPACE", "  "),
    ("URIHOST", "shop.example:8443"), ("URIPARAM", "?a=b"), ("WINDOWSMAC", "00-1a-2B-3c-4d-5e"),
    ("CISCOMAC", "001a.2b3c.4d5e"), ("MONTHNUM2", "09"), ("ISO8601_HOUR", "23"), ("ISO8601_SECOND", "59.5"),
    ("DATE_YMD", "2026-11-23"), ("TIMESTAMP_YMD", "2026-11-23 01:00:00"), ("CISCO_INTERVAL", "300-second interval"),
    ("BACULA_CAPACITY", "1,234"), ("BRO_BOOL", "T"), ("BRO_DATA", "a b"), ("EXIM_FLAGS", "=>"), ("EXIM_QT", "2d3h"),
    ("EXIM_EXCLUDE_TERMS", "Start queue run"), ("RT_FLOW_EVENT", "RT_FLOW_SESSION_DENY"),
    ("CISCOFW104003", "(Primary) Switching to FAILED."), ("CISCOFW104004", "(Primary) Switching to OK."),
    ("CATALINA8_DATESTAMP", "23-Nov-2026 01:00:00.123"), ("TOMCAT50_DATESTAMP", "2026-11-23 01:00:00"),
    ("TOMCATLEGACY_DATESTAMP", "2026-11-23 01:00:00,123 +0000"),
    ("NAGIOS_EC_SCHEDULE_SERVICE_DOWNTIME", "SCHEDULE_SERVICE_DOWNTIME"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), EXAMPLES)
def test_a_known_pattern_takes_all_of_what_it_stands_for(name: str, text: str) -> None:
    assert fields(parsed(f"^%{{{name}:found}}$", text))[0]["found"] == text


@pytest.mark.parametrize(
    ("name", "text"), [("IP", "256.1.1.1"), ("MONTHDAY", "32"), ("POSINT", "0"), ("UUID", "0-1")]
)
def test_a_known_pattern_takes_nothing_else(name: str, text: str) -> None:
    assert parsed(f"^%{{{name}:found}}$", text).errors


@pytest.mark.parametrize("legacy", [False, True])
def test_every_known_pattern_compiles(legacy: bool) -> None:
    assert all(
        expand_pattern(f"%{{{name}:found}}", {}, legacy=legacy).paths for name in named_patterns(legacy=legacy)
    )


def test_all_names_of_logstash_are_known() -> None:
    names = json.loads(Path(__file__).with_name("grok_names.json").read_text(encoding="utf-8"))
    assert set(names["v1"]) <= set(named_patterns())
    assert set(names["disabled"]) <= set(named_patterns(legacy=True))


def test_fields_have_paths_of_the_common_schema_or_names_without_dots() -> None:
    ecs, legacy = (set(_PATHS.findall("".join(named_patterns(legacy=old).values()))) for old in (False, True))
    assert {path for path in ecs if "." not in path} == {"timestamp", "message"}
    assert {path for path in legacy if "." in path} <= ecs


_PATHS = re.compile(r"(?:%\{\w+:|\(\?<)([A-Za-z_][\w.-]*)")
# A pattern without a field, or a layout that a set does not have, is null there.
GROK_LINES: list[dict[str, Any]] = [
    json.loads(line)
    for line in Path(__file__).with_name("grok_lines.ndjson").read_text(encoding="utf-8").splitlines()
]
LINES = [
    pytest.param(line, key, setting, id=f"{key}-{setting}-{number}-{line['pattern']}")
    for number, line in enumerate(GROK_LINES)
    for key, setting in (("ecs", "v1"), ("legacy", "disabled"))
    if line[key] is not None
]


@pytest.mark.parametrize("legacy", [False, True])
def test_every_known_pattern_takes_part_in_an_example_or_in_a_line(legacy: bool) -> None:
    known = named_patterns(legacy=legacy)
    marked = {name: f"(?<part_{name}>{pattern})" for name, pattern in known.items()}
    found = {name for name, _ in EXAMPLES}
    for line in GROK_LINES:
        if line["legacy" if legacy else "ecs"] is not None:
            expanded = expand_pattern(f"%{{{line['pattern']}}}", marked, legacy=legacy)
            match = compile_user_regex(expanded.pattern).search(line["line"])
            assert match
            found |= {name.removeprefix("part_") for name, text in match.groupdict().items() if text is not None}
    assert known.keys() - found == ({"BACULA_LOG_NOSTAT"} if legacy else set())  # a colon ends its path in this set


@pytest.mark.parametrize(("line", "key", "setting"), LINES)
def test_a_line_of_a_program_has_the_fields_that_logstash_gives_it(
    line: dict[str, Any], key: str, setting: str
) -> None:
    options = {"pattern": f"%{{{line['pattern']}}}", "ecs_compatibility": setting}
    records = make_parser({"type": "grok", **options}).parse(framed(line["line"], events=(0,)))
    assert (fields(records), records.errors, records.annotations) == ([line[key]], {}, {})


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("TOMCATLOG", "23-Nov-2026 01:00:00.123 INFO [main] o.a.c.Catalina.start up in [7] ms"),
        ("TOMCATLOG", "Nov 23, 2026 1:00:00 AM o.a.c.Catalina start\nINFO: up"),
        ("CATALINALOG", "23-Nov-2026 01:00:00.123 INFO [main] o.a.c.Catalina.start up in [7] ms"),
        ("BACULA_LOGLINE", "23-Nov-2026 01:00 sd JobId 7: End auto prune."),
        ("BACULA_LOGLINE", "23-Nov 01:00 sd JobId 7:      Could not stat /var/lib/a: ERR=No such file"),
        ("SYSLOGLINE", "Nov 23 01:00:00 su: failed for ann"),
        ("NETSCREENSESSIONLOG", "Nov 23 01:00:00 fw-1 edge: NetScreen device_id=edge [Root]system-note-00257(a)"
         ': start_time="2026-11-23 00:59:58" duration=2 policy_id=7 service=https proto=6 src zone=a dst zone=b'
         " action=Deny sent=0 rcvd=4812 src=192.0.2.7 dst=203.0.113.7"),
    ],
)  # fmt: skip
def test_a_layout_that_only_the_set_of_the_common_schema_has_is_not_read_by_the_legacy_set(
    name: str, line: str
) -> None:
    pattern = f"%{{{name}}}"
    assert not make_parser({"type": "grok", "pattern": pattern}).parse(framed(line, events=(0,))).errors
    legacy = make_parser({"type": "grok", "pattern": pattern, "ecs_compatibility": "disabled"})
    assert legacy.parse(framed(line, events=(0,))).errors


def test_columns_that_a_legacy_row_has_too_many_are_part_of_its_first_free_field() -> None:
    row = "1795395600.1 Cab1 192.0.2.7 51 192.0.2.53 53 udp 4 0.07 a.example 1 C 1 A 0 NOERROR F F T T 0 - - F"
    parser = make_parser({"type": "grok", "pattern": "%{BRO_DNS}", "ecs_compatibility": "disabled"})
    [record] = fields(parser.parse(framed(row.replace(" ", "\t"))))
    assert (record["query"], record["qclass"], record["rejected"]) == ("0.07\ta.example", "1", "F")


def test_a_group_may_be_a_path_and_metadata_is_not_stored() -> None:
    pattern = r"(?<[http][method]>[A-Z]+) (?<a.b>\d+) %{INT:[@metadata][n]:int} (?<[@metadata][m]>\w+) (?<c>x)(?P=c)"
    assert fields(parsed(pattern, "GET 7 8 word xx")) == [{"http": {"method": "GET"}, "a": {"b": "7"}, "c": "x"}]


def test_an_empty_value_is_no_field_and_a_dot_takes_line_ends_as_in_logstash() -> None:
    parser = make_parser({"type": "grok", "pattern": "(?i)^%{DATA:a},%{DATA:b};%{GREEDYDATA:message}"})
    records = parser.parse(framed("x,;one", "two", events=(0,)))
    assert fields(records) == [{"a": "x", "message": "one\ntwo"}]
    assert fields(parser.parse(framed(",y;", "x,;z"))) == [{"b": "y"}, {"a": "x", "message": "z"}]


def test_an_access_log_has_the_fields_of_the_common_schema() -> None:
    line = '203.0.113.7 - ann [23/Nov/2026:01:00:00 +0000] "GET /a HTTP/1.1" 200 512 "-" "curl/8.5"'
    records = parsed("%{COMBINEDAPACHELOG}", line)
    assert fields(records) == [
        {
            "source": {"address": "203.0.113.7"}, "user": {"name": "ann"}, "timestamp": "23/Nov/2026:01:00:00 +0000",
            "http": {"request": {"method": "GET"}, "version": "1.1",
                     "response": {"status_code": 200, "body": {"bytes": 512}}},
            "url": {"original": "/a"}, "user_agent": {"original": "curl/8.5"},
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "line", "found"),
    [
        ("HTTPD_ERRORLOG", "[Mon Nov 23 01:00:00 2026] [core:warn] [pid 35] [client 203.0.113.7:51] AH001: no",
         {"timestamp": "Mon Nov 23 01:00:00 2026", "apache": {"error": {"module": "core"}},
          "error": {"code": "AH001"},
          "log": {"level": "warn"}, "process": {"pid": 35}, "source": {"address": "203.0.113.7", "port": 51},
          "message": "no"}),
        ("SYSLOG5424LINE", '<34>1 2026-11-23T01:00:00Z node su - ID47 [a@1 b="c"] failed',
         {"timestamp": "2026-11-23T01:00:00Z", "process": {"name": "su"}, "message": "failed",
          "log": {"syslog": {"priority": 34}}, "host": {"hostname": "node"}, "event": {"code": "ID47"},
          "system": {"syslog": {"version": "1", "structured_data": '[a@1 b="c"]'}}}),
        ("CATALINALOG", "23-Nov-2026 01:00:00.123 INFO [main] o.a.Catalina.start up",
         {"timestamp": "23-Nov-2026 01:00:00.123", "log": {"level": "INFO", "origin": {"function": "start"}},
          "java": {"log": {"origin": {"thread": {"name": "main"}, "class": {"name": "o.a.Catalina"}}}},
          "message": "up"}),
        ("MONGO3_LOG", "2026-11-23T01:00:00.123+0000 I NETWORK  [conn7] end connection",
         {"timestamp": "2026-11-23T01:00:00.123+0000", "log": {"level": "I"}, "message": "end connection",
          "mongodb": {"component": "NETWORK", "context": "conn7"}}),
        ("SYSLOGPAMSESSION", "Nov 23 01:00:00 node sshd[7]: pam_unix(sshd:session): session closed for user ann",
         {"timestamp": "Nov 23 01:00:00", "host": {"hostname": "node"}, "user": {"name": "ann"},
          "process": {"name": "sshd", "pid": 7},
          "message": "pam_unix(sshd:session): session closed for user ann",
          "system": {"auth": {"pam": {"module": "pam_unix", "origin": "sshd:session", "session_state": "closed"}}}}),
    ],
)  # fmt: skip
def test_a_pattern_of_a_whole_line_has_the_fields_that_it_names(name: str, line: str, found: dict[str, Any]) -> None:
    assert fields(parsed(f"^%{{{name}}}$", line)) == [found]


def test_a_pattern_that_backtracks_stops_after_its_time() -> None:
    records = parsed("(?:(?:%{WORD}a?)+)*!%{INT:n}", "a" * 40)
    assert records.errors[0].startswith(("the pattern took longer", "the line does not match"))


_ATOM = r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]"
_OCTET, _GROUP = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)", r"[0-9A-Fa-f]{1,4}"
PLAINLY = {
    "WORD": r"\b\w+\b",
    "POSINT": r"\b[1-9]\d*\b",
    "NONNEGINT": r"\b\d+\b",
    "EMAILADDRESS": rf"{_ATOM}{{1,64}}(?:\.{_ATOM}{{1,62}}){{0,63}}@%{{HOSTNAME}}",
    "MONTH": (
        r"\b(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?"
        r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b"
    ),
    "IPV6": (
        rf"(?:(?:{_GROUP}:){{6}}(?:{_OCTET}\.){{3}}{_OCTET}|(?:{_GROUP}:){{7}}{_GROUP}"
        rf"|(?:{_GROUP}(?::{_GROUP}){{0,6}})?::(?:(?:{_GROUP}:){{0,5}}(?:{_OCTET}\.){{3}}{_OCTET}"
        rf"|{_GROUP}(?::{_GROUP}){{0,6}})?)(?:%\w+)?"
    ),
}
"""Known patterns as one would write them who does not think of the time that they take."""

BITS = {
    "WORD": "ab1_ -\u00e4", "POSINT": "0129 .a", "NONNEGINT": "019 .a\u0663", "EMAILADDRESS": "a1.@- +",
    "MONTH": ["J", "an", "uary", "une", "ul", "y", "Feb", "Ma", "r", "ch", "A", "ug", "ust", "Sep", "t", "ember",
              " "],
    "IPV6": ["::", ":", "1", "ff", "2001", "%", "eth0", ".", "203.0.113.7", " ", "1:2:3:4:5:6:", "g"],
}  # fmt: skip
AROUND = ["{}", "^{}$", "{} ", ".*{}", "{}{}", "(?:{}|.)+x?", "{}(?=.)"]


@given(st.data())
def test_known_patterns_that_do_not_go_back_take_what_the_plain_ones_take(data: st.DataObject) -> None:
    name, around = data.draw(st.sampled_from(list(PLAINLY))), data.draw(st.sampled_from(AROUND))
    line = data.draw(st.lists(st.sampled_from(BITS[name]), max_size=10).map("".join))
    pattern = around.replace("{}", f"%{{{name}:found}}")
    ours, plain = (regex.compile(expand_pattern(pattern, own).pattern).search(line) for own in ({}, PLAINLY))
    assert (ours and (ours.span(), ours.groups())) == (plain and (plain.span(), plain.groups()))


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Dec")
ACCESS_PIECES = (
    ["203.0.113.7", "web-1.shop.example", "::1", "2001:db8::7", "1:2:3:4:5:6:7:8", "256.1.1.1", "web-.", "a_", "-",
     "1::", "::ffff:192.0.2.7", "fe80::1%eth0", "1:2:3:4:5:6:7::", "1::2:3:4:5:6:7:8", "host-", "192.0.2.7:80",
     "\u00e4.example"],
    [" - ", " ann ", " -  ", " a@b ", "  "],
    ["-", "ann", "-a", "a.b_c-1", "ann@shop.example", "", "-\u0660", "a b", "--"],
    [" [", "[", " [ "],
    ["23/Nov/2026:01:00:00 +0000", "3/May/26:1:00:00 -0700", "04/Mai/2026:13:17:15 +0200", "31/Dec/2026:23:59:60 0",
     "32/Nov/2026:01:00:00 +0000", "23/Nov/2026:24:00:00 +0000", "01/Jul/2026:00:59:59.5 +0000", "",
     "30/Feb/2026:09:08:07 +1400", "00/Jan/2026:01:00:00 +0000",
     *(f"1{number % 10}/{month}/2026:01:00:00 +0100" for number, month in enumerate(MONTHS))],
    ['] "', ']"', '] '],
    ["GET", "get", "G-T", "GET\u00e4", ""],
    [" ", "  ", ""],
    ["/a?b=c", '/a"b', "/a\\b", "/\u00e4", "/a b", "", "*", "/%20'();", "/\x7f", "/\u2028", "/\x1c"],
    [" HTTP/1.1", " HTTP/2", " HTTP/1.12", " HTTP/", "", " HTTP/2.0 ", " http/1.1", " HTTP/\u0661"],
    ['" ', '"  ', " "],
    ["200", "-", "+200", "2\u0660", "2000", "", "0"],
    [" ", "  "],
    ["512", "-", "0", "-5", "5.1", "", "00"],
    [' "', "", ' ', ' ""'],
    ["-", "", "https://shop.example/", "a\\\"b", "-x", "a\\b", "\u00e4 \u2028", "a b\tc"],
    ['" "', '""', '"'],
    ["-", "", "curl/8.5", "Mozilla/5.0 (X11; \u00e4)", "-\\\"", "--"],
    ['"', '" "192.0.2.7"', '" 0.005', '"x', "", '"\t-'],
)  # fmt: skip
"""The parts of a line of an access log, in order. The first one of each is usual."""

USUAL_OR_NOT = st.tuples(*(st.just(of[0]) | st.sampled_from(of) for of in ACCESS_PIECES)).map("".join)
ACCESS_LINE = USUAL_OR_NOT | st.builds(
    lambda line, at, cut, text: line[:at] + text + line[at + cut :],
    USUAL_OR_NOT, st.integers(0, 120), st.integers(0, 3), st.text('09aZ-" :[]\\/.%@\u0661\u00e4', max_size=3),
)  # fmt: skip
WITH_LAYOUT = [
    around.replace("{}", f"%{{{name}}}")
    for name in sorted(line_layouts()) for around in ("{}", "^{}", "{}$", "^{}$")
]  # fmt: skip


@given(st.lists(ACCESS_LINE, min_size=1, max_size=4), st.sampled_from(WITH_LAYOUT), st.booleans())
def test_the_usual_layout_of_a_pattern_has_the_captures_of_the_pattern(
    lines: list[str], pattern: str, legacy: bool
) -> None:
    usual = "".join(of[0] for of in ACCESS_PIECES)
    expanded = expand_pattern(pattern, {}, legacy=legacy)
    assert expanded.layout
    batch = framed(*(line.replace("\n", " ") or "x" for line in lines), usual)
    columns, failed = LayoutRegex(expanded.layout).columns(batch)
    assert "COMMON" in pattern or len(lines) not in failed
    compiled = regex.compile(expanded.pattern)
    for row, index in enumerate(index for index in range(batch.count) if index not in failed):
        match = compiled.search(batch.texts[index])
        assert match
        assert match.start() == 0
        found = {expanded.paths[name]: text for name, text in match.groupdict().items() if text}
        assert found == {path: column[row] for path, column in columns.items() if column[row]}
    settings = "disabled" if legacy else "v1"
    parser = {"type": "grok", "pattern": pattern, "ecs_compatibility": settings}
    records, alone = (
        make_parser(parser).parse(batch), make_parser(parser).parse(replace(batch, is_uniform=False, text=""))
    )  # fmt: skip
    assert (records.bodies, records.times, records.errors, records.annotations) == (
        alone.bodies, alone.times, alone.errors, alone.annotations
    )  # fmt: skip


def test_a_pattern_that_uses_other_patterns_has_no_layout() -> None:
    assert expand_pattern("%{COMBINEDAPACHELOG}", {"OTHER": "x"}).layout
    for pattern, own in (
        ("%{COMBINEDAPACHELOG}", {"IPV4": "x"}), ("%{COMBINEDAPACHELOG}", {"COMBINEDAPACHELOG": "%{WORD:a}"}),
        ("%{COMBINEDAPACHELOG} %{WORD:a}", {}), ("%{COMBINEDAPACHELOG:a}", {}), ("%{WORD:a}", {}),
    ):  # fmt: skip
        assert expand_pattern(pattern, own).layout is None
