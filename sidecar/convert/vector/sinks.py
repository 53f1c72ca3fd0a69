"""Converts sinks of Vector: Elasticsearch, Kafka, file and console."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sidecar.convert.model import Conversion, Reasons, SinkDraft
from sidecar.convert.outputs import set_credentials, set_headers, set_hosts, set_name, set_tls_files
from sidecar.convert.patterns import to_duration
from sidecar.convert.source import Section

_FIELDS = re.compile(r"\{\{\s*\.?([^{}\s]+)\s*\}\}|(%[A-Za-z])")
_TLS = Reasons(
    not_needed={
        "enabled": "certificates or https:// decide that",
        "verify_hostname": "`verify` decides that",
        "alpn_protocols": "the library chooses",
        "server_name": "the name of the host is used",
    },
    no_counterpart={"key_pass": "store the key without a password"},
)
_REASONS = Reasons(
    not_needed={
        "inputs": "pipelines name their sinks",
        "batch": "see `batch_records`, `batch_bytes` and `linger`",
        "buffer": "lines wait in their files, so no buffer is needed",
        "healthcheck*": "see `sidecar check --connect`",
        "acknowledgements": "a line is settled when its sink has stored it",
        "api_version": "the client finds it out",
        "suppress_type_name": "indexes have no types since Elasticsearch 8",
        "doc_type": "indexes have no types since Elasticsearch 8",
        "request_retry_partial": "each document is settled by itself",
        "distribution": "requests go to all hosts",
        "metrics": "the sidecar ships log lines only",
        "key_field": "the `_id` of a document is the key of its message",
        "message_timeout_ms": "see `timeout`",
        "socket_timeout_ms": "see `timeout`",
        "rate_limit*": "requests adapt to how fast the server answers",
        "target": "documents go to standard output",
        "idle_timeout_secs": "a file stays open",
        "auto_routing": "see `data_stream.dataset` with a field",
        "sync_fields": "the fields of the data stream are part of each document",
        "retry_*": "a batch is retried until it is stored",
        "concurrency": "`workers: auto` adapts to how fast the server answers",
        "adaptive_concurrency": "`workers: auto` adapts to how fast the server answers",
        "codec": "each document is one line of JSON",
        "json": "each document is one line of JSON",
        "framing": "each document is one line of JSON",
        "action": "documents are created, never replaced",
        "uri_key": "the file has the path as it is written",
        "timestamp_format": "times are RFC 3339",
    },
    no_counterpart={
        "id_key": "the position of a line is its `_id`; a field cannot be",
        "*_fields": "use `drop_fields` or `keep_fields` of the pipeline",
        "proxy": "set `proxy` of the sink, or the variables http_proxy and https_proxy",
        "headers_key": "messages of Kafka have no headers",
    },
)


def convert_sink(conversion: Conversion, name: str, section: Section) -> str:
    """Add a sink. Return its name, or "" if it has no counterpart."""
    kind = section.word("type")
    convert = _SINKS.get(kind)
    if convert is None:
        section.skip()
        conversion.leave_out(section.place, f"sinks.{name}", f"the sidecar has no sink `{kind}`")
        return ""
    sink = conversion.add_sink(name, section.place)
    convert(conversion, sink, section)
    sink.explain_unused(section, _REASONS, f"sinks.{name}.")
    return sink.name


def _elasticsearch(conversion: Conversion, sink: SinkDraft, section: Section) -> None:
    service = section.word("opensearch_service_type")
    sink.settings["type"] = "opensearch" if service else "elasticsearch"
    option = next((name for name in ("endpoints", "endpoint", "host") if name in section), "endpoints")
    set_hosts(conversion, sink, section.texts(option) or ["localhost"], section.place_of(option))
    _set_auth(conversion, sink, section)
    if service == "serverless" and "aws_region" in sink.settings:
        sink.settings["aws_service"] = "aoss"
    bulk = section.section("bulk")
    is_stream = section.word("mode") == "data_stream" or "data_stream" in section
    if is_stream:
        _set_data_stream(sink, section.section("data_stream"))
    else:
        options = bulk if "index" in bulk else section
        index = options.text("index", "vector-%Y.%m.%d")
        set_name(sink, "index", index, _FIELDS, {}, options.place_of("index"))
    if pipeline := section.text("pipeline"):
        set_name(sink, "pipeline", pipeline, _FIELDS, {}, section.place_of("pipeline"))
    request = section.section("request")
    set_headers(conversion, sink, request.section("headers"))
    if timeout := to_duration(request.text("timeout_secs")):
        sink.settings["timeout"] = timeout
    query = section.section("query")
    if values := {key: conversion.field_value(query.text(key), key, query.place_of(key)) for key in query.names()}:
        sink.settings["parameters"] = values
    if section.word("compression") == "gzip":
        sink.settings["compress"] = True
    section.use("compression")
    _set_tls(sink, section.section("tls"))
    section.section("encoding")
    section.section("buffer").skip()
    section.section("batch").skip()


def _set_data_stream(sink: SinkDraft, options: Section) -> None:
    stream = SinkDraft(sink.name, sink.place)
    for name in ("type", "dataset", "namespace"):
        text = options.text(name)
        if text.startswith("{{"):
            # A data set may begin with a field, because its name begins with its type.
            text = _FIELDS.sub(lambda match: f"{{{match[1]}:generic}}", text)
            stream.settings[name] = text
        elif text:
            set_name(stream, name, text, _FIELDS, {}, options.place_of(name))
    sink.settings["data_stream"] = stream.settings
    sink.remarks += stream.remarks


def _set_auth(conversion: Conversion, sink: SinkDraft, section: Section) -> None:
    auth = section.section("auth")
    strategy = auth.word("strategy")
    if strategy == "aws":
        auth.skip()
        sink.settings["aws_region"] = section.section("aws").text("region")
        return
    if strategy == "bearer":
        sink.settings["bearer_token"] = conversion.secret(
            auth.text("token"), f"{sink.name}_bearer_token", auth.place_of("token")
        )
        return
    set_credentials(conversion, sink, auth.text("user"), auth.text("password"), auth.place_of("password"))


def _set_tls(sink: SinkDraft, tls: Section) -> None:
    set_tls_files(
        sink, ca=tls.text("ca_file"), certificate=tls.text("crt_file"), key=tls.text("key_file"), place=tls.place
    )
    if not tls.flag("verify_certificate", default=True):
        sink.settings["verify"] = False
    sink.explain_unused(tls, _TLS, "tls.")


def _kafka(conversion: Conversion, sink: SinkDraft, section: Section) -> None:
    sink.settings.update({"type": "kafka", "brokers": section.texts("bootstrap_servers", ",")})
    set_name(sink, "topic", section.text("topic", "vector"), _FIELDS, {}, section.place_of("topic"))
    sasl = section.section("sasl")
    if sasl.flag("enabled", default=bool(sasl)):
        place = sasl.place_of("password")
        set_credentials(conversion, sink, sasl.text("username"), sasl.text("password"), place)
        if "username" in sink.settings:
            sink.settings["sasl_mechanism"] = sasl.text("mechanism", "PLAIN").upper()
    tls = section.section("tls")
    if tls.flag("enabled", default=bool(tls)):
        sink.settings["tls"] = True
    _set_tls(sink, tls)
    if sink.settings.pop("verify", True) is False:
        sink.leave_out(tls.place, "tls.verify_certificate", "the certificates of brokers are always verified")
    if compression := section.word("compression"):
        sink.settings["compression"] = compression
    options = section.section("librdkafka_options")
    for name in options.names():
        options.use(name)
        sink.leave_out(options.place_of(name), "librdkafka_options", "the client has its own options")
    section.section("encoding")


def _file(_: Conversion, sink: SinkDraft, section: Section) -> None:
    path = section.text("path")
    sink.settings["type"] = "file"
    if "{{" in path or "%" in path:
        sink.leave_out(section.place_of("path"), "path", "a file has a fixed name")
        path = re.sub(r"[-_.]*(?:\{\{[^{}]*\}\}|%[A-Za-z])", "", path)
    sink.settings["path"] = path
    section.section("encoding")


def _console(_: Conversion, sink: SinkDraft, section: Section) -> None:
    sink.settings["type"] = "stdout"
    section.section("encoding")


_SINKS: Mapping[str, Callable[[Conversion, SinkDraft, Section], None]] = {
    "elasticsearch": _elasticsearch,
    "kafka": _kafka,
    "file": _file,
    "console": _console,
}
