"""Default log formats of widespread programs. Fields have the names of the Elastic Common Schema.

In patterns, `.` may match the line ends of a multiline event; no other part may. Text of a line that the format does
not define is kept in `log.extra`, or is part of the message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:  # a format is imported when it is used
    from sidecar.parse.format_parser import LogFormat

_MODULES = {
    "nginx_error": "web:NGINX_ERROR",
    "apache_error": "web:APACHE_ERROR",
    "haproxy": "web:HAPROXY",
    "envoy": "web:ENVOY",
    "squid": "web:SQUID",
    "uwsgi": "web:UWSGI",
    "aws_elb": "web:AWS_ELB",
    "aws_s3": "web:AWS_S3",
    "klog": "languages:KLOG",
    "mysql_slow": "databases:MYSQL_SLOW",
    "postgresql": "databases:POSTGRESQL",
    "mysql": "databases:MYSQL",
    "redis": "databases:REDIS",
    "mongodb": "databases:MONGODB",
    "clickhouse": "databases:CLICKHOUSE",
    "rabbitmq": "servers:RABBITMQ",
    "bind": "servers:BIND",
    "auditd": "systems:AUDITD",
    "logcat": "systems:LOGCAT",
    "esp": "systems:ESP",
    "suricata": "security:SURICATA",
    "weblogic": "application_servers:WEBLOGIC",
    "websphere": "application_servers:WEBSPHERE",
    "java_gc": "java:JAVA_GC",
    "log4j": "java:LOG4J",
    "ruby": "languages:RUBY",
    "php": "languages:PHP",
    "rust": "languages:RUST",
    "dotnet": "languages:DOTNET",
    "elixir": "node:ELIXIR",
    "go": "languages:GO",
    "python": "python:PYTHON",
    "coredns": "servers:COREDNS",
    "node": "node:NODE",
    "dpkg": "systems:DPKG",
    "cluster": "clusters:CLUSTER",
    "mail": "mail:MAIL",
    "daemons": "daemons:DAEMONS",
    "dmesg": "systems:DMESG",
    "syslog": "syslog:SYSLOG",
}
"""Name of the parser → module and constant. A detection tries them in this order: the strictest formats first."""


class _Formats(Mapping[str, "LogFormat"]):
    """The formats by name. The module of a format is imported when it is used."""

    def __getitem__(self, name: str) -> LogFormat:
        module, _, constant = _MODULES[name].partition(":")
        return cast("LogFormat", getattr(import_module(f"{__name__}.{module}"), constant))

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


FORMATS: Mapping[str, LogFormat] = _Formats()
"""Name of the parser → format."""
