"""Default log formats of widespread programs. Fields have the names of the Elastic Common Schema.

In patterns, `.` may match the line ends of a multiline event; no other part may. Text of a line that the format does
not define is kept in `log.extra`, or is part of the message.
"""

from __future__ import annotations

from sidecar.parse.format_parser import LogFormat
from sidecar.parse.formats.databases import CLICKHOUSE, MONGODB, MYSQL, MYSQL_SLOW, POSTGRESQL, REDIS
from sidecar.parse.formats.java import JAVA_GC, LOG4J
from sidecar.parse.formats.languages import DOTNET, GO, KLOG, PHP, RUBY, RUST
from sidecar.parse.formats.python import PYTHON
from sidecar.parse.formats.servers import BIND, COREDNS, RABBITMQ
from sidecar.parse.formats.syslog import SYSLOG
from sidecar.parse.formats.systems import AUDITD, DMESG, DPKG, LOGCAT
from sidecar.parse.formats.web import APACHE_ERROR, AWS_ELB, AWS_S3, HAPROXY, NGINX_ERROR, SQUID, UWSGI

FORMATS: dict[str, LogFormat] = {
    "nginx_error": NGINX_ERROR,
    "apache_error": APACHE_ERROR,
    "haproxy": HAPROXY,
    "squid": SQUID,
    "uwsgi": UWSGI,
    "aws_elb": AWS_ELB,
    "aws_s3": AWS_S3,
    "klog": KLOG,
    "mysql_slow": MYSQL_SLOW,
    "postgresql": POSTGRESQL,
    "mysql": MYSQL,
    "redis": REDIS,
    "mongodb": MONGODB,
    "clickhouse": CLICKHOUSE,
    "rabbitmq": RABBITMQ,
    "bind": BIND,
    "coredns": COREDNS,
    "auditd": AUDITD,
    "logcat": LOGCAT,
    "java_gc": JAVA_GC,
    "log4j": LOG4J,
    "ruby": RUBY,
    "php": PHP,
    "rust": RUST,
    "dotnet": DOTNET,
    "go": GO,
    "python": PYTHON,
    "dpkg": DPKG,
    "dmesg": DMESG,
    "syslog": SYSLOG,
}
"""Name of the parser → format. `sidecar explain --detect` tries them in this order: the strictest formats first."""
