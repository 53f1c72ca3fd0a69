"""What is measured: which log, through which pipeline, into which null servers. One line of data for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.parse.formats import FORMATS

_ACCESS = (
    r'(?P<address>\S+) - (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<method>\S+) (?P<url>\S+) HTTP/(?P<version>\S+)"'
    r' (?P<status>\d+) (?P<size>\d+) "(?P<referrer>[^"]*)" "(?P<agent>[^"]*)"'
)
_ACCESS_TYPES = {"address": "ip", "status": "integer", "size": "integer"}
_ACCESS_TIME = {"field": "time", "formats": ["%d/%b/%Y:%H:%M:%S %z"]}


@dataclass(frozen=True, slots=True)
class Workload:
    """A log of kind `log`, shipped with the settings `pipeline` into a null server of each name in `sinks`."""

    log: str
    pipeline: Mapping[str, Any]
    sinks: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"elasticsearch": {}})
    """Further settings by the name of the null server."""
    says: str = ""
    """How documents are compared with the log: a name in `tests/benchmarks/verify.py`, by default that of the log."""


_DISSECTED = "%{level_and_day} %{clock} %{} %{source}] %{message}"
_GROKKED = (
    r"^%{TIMESTAMP_ISO8601:time} %{LOGLEVEL:level} +\[%{NOTSPACE:thread}\] %{NOTSPACE:logger}"
    r" - %{GREEDYDATA:message}$"
)
_OF_REQUESTS = ("envoy", "squid", "uwsgi", "aws_elb", "aws_s3", "haproxy")
_TO_BOTH: Mapping[str, Mapping[str, Any]] = {"elasticsearch": {}, "mongodb": {}}
_JSON = {"parser": "json"}
_SECRETS = ["password", "email", "ip"]


def _csv(fourth: str) -> Workload:
    """The log of rows, whose fourth column has this name."""
    parser = {"type": "csv", "columns": ["time", "level", "n", fourth, "message"], "types": {"n": "integer"}}
    return Workload("csv", {"parser": parser}, says="message")


def _timed(log: str, *formats: str) -> Workload:
    """A log of JSON whose times are in one of these formats, or else in one that is looked for."""
    timestamp = {"timestamp": {"field": "time", "formats": list(formats)}} if formats else {}
    return Workload(log, {**_JSON, **timestamp}, says="timed")


WORKLOADS: Mapping[str, Workload] = {
    "json": Workload("json", _JSON),
    "nginx": Workload("nginx", {"parser": "nginx"}),
    "plain": Workload("plain", {"parser": "plain"}),
    "json-mongodb": Workload("json", _JSON, {"mongodb": {}}),
}
"""The workloads of the comparison with the bare job and the peers."""

PARSERS: Mapping[str, Workload] = {
    "plain": Workload("plain", {"parser": "plain"}),
    "json": Workload("json", _JSON),
    "json → MongoDB": WORKLOADS["json-mongodb"],
    "json, two sinks": Workload("json", _JSON, _TO_BOTH),
    "json, gzip": Workload("json", _JSON, {"elasticsearch": {"compress": True}}),
    "nginx": Workload("nginx", {"parser": "nginx"}),
    "regex, 10 groups": Workload(
        "nginx", {"parser": {"type": "regex", "pattern": _ACCESS}, "timestamp": _ACCESS_TIME}, says="regex"
    ),
    "regex, types": Workload(
        "nginx",
        {"parser": {"type": "regex", "pattern": _ACCESS, "types": _ACCESS_TYPES}, "timestamp": _ACCESS_TIME},
        says="regex",
    ),
    "regex, strptime": Workload(
        "local_times",
        {
            "parser": {"type": "regex", "pattern": r"(?P<time>.+?) \[(?P<level>\w+)\] (?P<message>.*)"},
            "timestamp": {"field": "time", "formats": ["%d/%b/%Y %H:%M:%S.%f"]},
        },
        says="dated",
    ),
    "json, ISO 8601": _timed("timed_iso"),
    "json, ISO 8601 without a zone": _timed("timed_naive"),
    "json, epoch": _timed("timed_epoch"),
    "json, epoch of any size": _timed("timed_epoch_us", "epoch"),
    "json, epoch_us": _timed("timed_epoch_us", "epoch_us"),
    "json, strptime": _timed("timed_zoned", "%d/%b/%Y %H:%M:%S.%f %z"),
    "json, strptime without a year": _timed("timed_no_year", "%b %d %H:%M:%S.%f"),
    "json or plain": Workload("mixed", {"parser": ["json", "plain"]}),
    "json or plain, 1 in 1,000": Workload("mixed_rarely", {"parser": ["json", "plain"]}, says="mixed"),
    "json, a field named host": Workload("json_host", _JSON, says="text"),
    "syslog": Workload("syslog", {"parser": "syslog"}, says="message"),
    "syslog, RFC 3164": Workload("syslog_3164", {"parser": "syslog"}, says="message"),
    "logfmt": Workload("logfmt", {"parser": "logfmt"}, says="message"),
    "logfmt, differing keys": Workload("logfmt_many", {"parser": "logfmt"}, says="message"),
    "csv": _csv("server"),
    "csv, a reserved name": _csv("host"),
    "dissect": Workload("klog", {"parser": {"type": "dissect", "pattern": _DISSECTED}}, says="message"),
    "grok": Workload("log4j", {"parser": {"type": "grok", "pattern": _GROKKED}}, says="message"),
    "grok, COMBINEDAPACHELOG": Workload("nginx", {"parser": {"type": "grok", "pattern": "%{COMBINEDAPACHELOG}"}}),
    **{
        name: Workload(name, {"parser": name}, says="url" if name in _OF_REQUESTS else "message")
        for name in ("cri", "docker", "journald", *(name for name in FORMATS if name != "syslog"))
    },
    "apache": Workload("nginx", {"parser": "apache"}),
    "nginx, main": Workload("nginx_main", {"parser": "nginx"}, says="url"),
    "nginx, request time": Workload("nginx_timed", {"parser": "nginx"}, says="url"),
    "nginx, virtual host": Workload("nginx_vhost", {"parser": "nginx"}, says="url"),
    "multiline java": Workload("traces", {"multiline": "java"}),
    **{
        f"multiline {name}": Workload(f"events_{name}", {"multiline": name}, says="plain")
        for name in ("python", "indent", "go", "ruby", "elixir", "node", "dotnet", "php", "rust", "postgresql")
    },
    "multiline mysql_slow": Workload("mysql_slow", {"multiline": "mysql_slow"}, says="plain"),
    "multiline cri": Workload("parts_cri", {"parser": "cri", "multiline": "cri"}, says="parts"),
    "multiline docker": Workload("parts_docker", {"parser": "docker", "multiline": "docker"}, says="parts"),
    "multiline java, no traces": Workload("plain", {"multiline": "java"}),
    "encoding latin-1": Workload("latin_1", {"encoding": "latin-1"}, says="plain"),
    "encoding utf-16": Workload("utf_16", {"encoding": "utf-16"}, says="plain"),
    "redact, 3 patterns": Workload("secrets", {"transforms": [{"redact": _SECRETS}]}),
    "redact, 3 patterns, no hit": Workload("plain", {"transforms": [{"redact": _SECRETS}]}),
    "json, add": Workload("json", {**_JSON, "transforms": [{"add": {"team": "payments"}}]}),
    "json, host": Workload("json", {**_JSON, "transforms": ["host"]}),
    "json, rename": Workload("json", {**_JSON, "transforms": [{"rename": {"took_ms": "took"}}]}, says="text"),
    "json, drop_fields": Workload("json", {**_JSON, "transforms": [{"drop_fields": ["cached"]}]}, says="text"),
    "json, copy": Workload("json", {**_JSON, "transforms": [{"copy": {"took_ms": "took"}}]}),
    "json, lowercase": Workload("json", {**_JSON, "transforms": [{"lowercase": ["logger"]}]}, says="text"),
    "json, convert": Workload("json", {**_JSON, "transforms": [{"convert": {"seq": "string"}}]}, says="text"),
    "json, keep_fields": Workload(
        "json", {**_JSON, "transforms": [{"keep_fields": ["time", "message"]}]}, says="text"
    ),
    "json, kubernetes": Workload("json", {**_JSON, "transforms": ["kubernetes"]}),
    "json, keep_when": Workload("json", {**_JSON, "transforms": [{"keep_when": 'level != "none"'}]}),
    "json, sample": Workload("json", {**_JSON, "transforms": [{"sample": {"rate": 1 - 2**-53}}]}),
    "nginx, user_agent": Workload("nginx", {"parser": "nginx", "transforms": ["user_agent"]}),
    "json, drop_when": Workload("json", {**_JSON, "transforms": [{"drop_when": 'level == "none"'}]}),
    "json, fingerprint": Workload(
        "json", {**_JSON, "transforms": [{"fingerprint": {"fields": ["message"], "target": "hash"}}]}
    ),
}
"""What a line costs with each parser, preset, transform and way of sending, as a multiple of plain."""
