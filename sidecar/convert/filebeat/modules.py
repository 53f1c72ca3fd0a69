"""Converts modules of Filebeat to pipelines with the parser of the same program."""

from __future__ import annotations

from typing import Any, NamedTuple

from sidecar.convert.filebeat.inputs import convert_file_options
from sidecar.convert.filebeat.processors import add_fields_and_tags, convert_processors
from sidecar.convert.model import Conversion, Reasons
from sidecar.convert.source import Section

_REASONS = Reasons({"var": "the parser needs no such option", "period": "nothing is polled"})


class _Fileset(NamedTuple):
    """What a fileset of a module reads."""

    parser: Any
    """Parser with the same purpose."""

    paths: tuple[str, ...]
    """Usual places of its log files, if the module does not name others."""

    multiline: Any = None
    """Preset or pattern that joins lines."""


_FILESETS = {
    "apache.access": _Fileset("apache", ("/var/log/apache2/access.log*", "/var/log/httpd/access_log*")),
    "apache.error": _Fileset("apache_error", ("/var/log/apache2/error.log*", "/var/log/httpd/error_log*")),
    "auditd.log": _Fileset("auditd", ("/var/log/audit/audit.log*",)),
    "coredns.log": _Fileset("coredns", ("/var/log/coredns.log*",)),
    "elasticsearch.server": _Fileset(
        ["json", "log4j"], ("/var/log/elasticsearch/*_server.json", "/var/log/elasticsearch/*.log"), "java"
    ),
    "elasticsearch.deprecation": _Fileset(["json", "log4j"], ("/var/log/elasticsearch/*_deprecation.json",)),
    "elasticsearch.slowlog": _Fileset(["json", "log4j"], ("/var/log/elasticsearch/*_slowlog.json",)),
    "haproxy.log": _Fileset("haproxy", ("/var/log/haproxy.log*",)),
    "kafka.log": _Fileset("log4j", ("/opt/kafka/logs/server.log*", "/opt/kafka/logs/controller.log*"), "java"),
    "kibana.log": _Fileset("json", ("/var/log/kibana/kibana.log*",)),
    "logstash.log": _Fileset(["json", "log4j"], ("/var/log/logstash/logstash-plain*.log",), "java"),
    "mongodb.log": _Fileset(["json", "mongodb"], ("/var/log/mongodb/mongodb.log*",)),
    "mysql.error": _Fileset("mysql", ("/var/log/mysql/error.log*", "/var/log/mysqld.log*"), "indent"),
    "mysql.slowlog": _Fileset("mysql_slow", ("/var/log/mysql/*-slow.log*", "/var/lib/mysql/*-slow.log*")),
    "nginx.access": _Fileset("nginx", ("/var/log/nginx/*access.log*",)),
    "nginx.error": _Fileset("nginx_error", ("/var/log/nginx/error.log*",)),
    "nginx.ingress_controller": _Fileset("nginx", ("/var/log/nginx/ingress.log*",)),
    "postgresql.log": _Fileset("postgresql", ("/var/log/postgresql/postgresql-*.log*",), "postgresql"),
    "rabbitmq.log": _Fileset("rabbitmq", ("/var/log/rabbitmq/rabbit@*.log*",), "indent"),
    "redis.log": _Fileset("redis", ("/var/log/redis/redis-server.log*",)),
    "squid.log": _Fileset("squid", ("/var/log/squid/access.log*",)),
    "system.auth": _Fileset("syslog", ("/var/log/auth.log*", "/var/log/secure*")),
    "system.syslog": _Fileset("syslog", ("/var/log/messages*", "/var/log/syslog*"), "indent"),
    "tomcat.log": _Fileset("log4j", ("/var/log/tomcat*/catalina*.log*",), "java"),
    "traefik.access": _Fileset(["json", "nginx"], ("/var/log/traefik/access.log*",)),
}
"""Module and fileset → what it reads."""


def convert_module(conversion: Conversion, section: Section) -> None:
    """Add a pipeline for each fileset of a module."""
    module = section.text("module")
    is_enabled = section.flag("enabled", default=True)
    for fileset in section.names():
        options = section.section(fileset)
        if fileset not in section or not options:
            continue
        if not is_enabled or not options.flag("enabled", default=True):
            options.skip()
            conversion.note(options.place, f"module {module}.{fileset}", "it is disabled")
            continue
        _convert_fileset(conversion, f"{module}.{fileset}", options)
    conversion.explain_unused(section, _REASONS)


def _convert_fileset(conversion: Conversion, name: str, options: Section) -> None:
    known = _FILESETS.get(name)
    if known is None:
        options.skip()
        conversion.leave_out(options.place, f"module {name}", "the sidecar has no parser with its name")
        return
    pipeline = conversion.add_pipeline(name.replace(".", "-"), options.place)
    variables = options.section("var")
    paths = variables.texts("paths")
    if not paths:
        pipeline.note(options.place, name, "the module uses its default paths; check that these are the right ones")
    pipeline.settings["paths"] = paths or list(known.paths)
    pipeline.settings["parser"] = known.parser if isinstance(known.parser, list) else [known.parser]
    if known.multiline:
        pipeline.settings["multiline"] = known.multiline
    if variables.flag("convert_timezone"):
        pipeline.note(variables.place, "var.convert_timezone", "set `timestamp.zone` if the times have no zone")
    if tags := variables.texts("tags"):
        pipeline.add("add", {"tags": tags})
    override = options.section("input")
    convert_file_options(pipeline, override)
    add_fields_and_tags(conversion, pipeline, override)
    convert_processors(conversion, pipeline, override)
    pipeline.explain_unused(options, _REASONS)
