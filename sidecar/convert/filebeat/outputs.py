"""Converts outputs of Filebeat: Elasticsearch, Kafka, file and console."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sidecar.convert.model import Conversion, PipelineDraft, Reasons, SinkDraft
from sidecar.convert.outputs import set_credentials, set_headers, set_hosts, set_name, set_tls_files
from sidecar.convert.patterns import to_duration
from sidecar.convert.source import Section

_FIELDS = re.compile(r"%\{(?:\[([^{}]+?)\](:[^{}]*)?|(\+[^{}]+))\}")
_DATES = {
    "yyyy": "%Y",
    "YYYY": "%Y",
    "xxxx": "%G",
    "ww": "%V",
    "MM": "%m",
    "dd": "%d",
    "DDD": "%j",
    "HH": "%H",
    "yy": "%y",
}

_REASONS = Reasons(
    not_needed={
        "enabled": "the output is converted",
        "bulk_max_size": "see `batch_records` and `batch_bytes`",
        "bulk_flush_frequency": "see `linger`",
        "worker*": "`workers: auto` adapts to how fast the server answers",
        "compression_level": "see `compress`",
        "escape_html": "text is stored as it is",
        "loadbalance": "requests go to all hosts",
        "max_retries": "a batch is retried until it is stored",
        "backoff": "pauses between retries grow on their own",
        "allow_older_versions": "Elasticsearch 8 and 9 and OpenSearch 2 and 3 work",
        "non_indexable_policy": "rejected documents become dead letters",
        "broker_timeout": "see `timeout`",
        "required_acks": "each batch is a transaction, which all replicas confirm",
        "max_message_bytes": "the topic decides; a larger message becomes a dead letter",
        "client_id": "see `transactional_id_prefix`",
        "version": "the client finds it out",
        "metadata": "the client does that itself",
        "keep_alive": "the client does that itself",
        "channel_buffer_size": "`limits.memory` limits the documents in memory",
        "partition": "the `_id` of a document is the key of its message",
        "key": "the `_id` of a document is the key of its message",
        "rotate*": "a file of the sink is appended to; use logrotate with copytruncate on other files only",
        "number_of_files": "a file of the sink is appended to",
        "permissions": "the umask decides",
        "pretty": "each document is one line",
        "codec": "each document is one line of JSON",
        "preset": "the sidecar adapts to how fast the server answers",
        "idle_connection_timeout": "the client does that itself",
    },
    no_counterpart={
        "indices": "a name by condition: use a field in `index`, as in logs-{service.name:other}",
        "pipelines": "a pipeline by condition: use a field in `pipeline`, as in {event.dataset}",
        "topics": "a topic by condition: use a field in `topic`, as in logs-{service.name:other}",
        "kerberos": "the sidecar has no Kerberos",
        "proxy_headers": "use `headers`",
        "headers": "messages of Kafka have no headers",
    },
)
_TLS = Reasons(
    not_needed={
        "enabled": "certificates or https:// decide that",
        "supported_protocols": "TLS 1.2 and 1.3 are used",
        "cipher_suites": "the library chooses",
        "curve_types": "the library chooses",
        "renegotiation": "TLS 1.3 has none",
    },
    no_counterpart={"key_passphrase": "store the key without a password", "ca_trusted_fingerprint": "use `ca_file`"},
)


def convert_outputs(conversion: Conversion, root: Section) -> None:
    """Add a sink for each output."""
    output = root.section("output")
    kinds = output.names() or (["elasticsearch"] if root.section("cloud") else [])
    for kind in kinds:
        options = output.section(kind)
        if not options.flag("enabled", default=True):
            conversion.note(options.place, f"output.{kind}", "it is disabled")
            options.skip()
            continue
        convert = _OUTPUTS.get(kind)
        if convert is None:
            options.skip()
            conversion.leave_out(output.place_of(kind), f"output.{kind}", "the sidecar has no such sink")
            continue
        sink = conversion.add_sink(kind, options.place)
        convert(conversion, sink, options, root)
        sink.explain_unused(options, _REASONS, f"output.{kind}.")


def _elasticsearch(conversion: Conversion, sink: SinkDraft, options: Section, root: Section) -> None:
    sink.settings["type"] = "elasticsearch"
    cloud = root.section("cloud")
    hosts, scheme, path = options.texts("hosts") or ["localhost"], options.word("protocol"), options.text("path")
    if identity := cloud.text("id"):
        sink.settings["cloud_id"] = identity
        user, _, password = cloud.text("auth").partition(":")
        set_credentials(conversion, sink, user, password, cloud.place_of("auth"))
    else:
        place = options.place_of("hosts")
        set_hosts(conversion, sink, hosts, place, scheme="https" if scheme == "https" else "http", path=path)
    _set_search_options(conversion, sink, options)


def _set_search_options(conversion: Conversion, sink: SinkDraft, options: Section) -> None:
    set_credentials(
        conversion, sink, options.text("username"), options.text("password"), options.place_of("password")
    )
    if key := options.text("api_key"):
        sink.settings["api_key"] = conversion.secret(key, f"{sink.name}_api_key", options.place_of("api_key"))
    if index := options.text("index"):
        set_name(sink, "index", _without_version(index), _FIELDS, _DATES, options.place_of("index"))
    else:
        sink.settings["index"] = "filebeat"
        sink.note(options.place, "index", "Filebeat writes to the data stream filebeat-VERSION; choose a name")
    if pipeline := options.text("pipeline"):
        set_name(sink, "pipeline", pipeline, _FIELDS, _DATES, options.place_of("pipeline"))
    if timeout := to_duration(options.text("timeout")):
        sink.settings["timeout"] = timeout
    if proxy := options.text("proxy_url"):
        sink.settings["proxy"] = conversion.secret(proxy, f"{sink.name}_proxy_url", options.place_of("proxy_url"))
    if options.flag("proxy_disable"):
        sink.settings["proxy"] = "none"
    set_headers(conversion, sink, options.section("headers"))
    parameters = options.section("parameters")
    if values := {
        name: conversion.public(parameters.text(name), name, parameters.place) for name in parameters.names()
    }:
        sink.settings["parameters"] = values
    _set_tls(sink, options.section("ssl"))


def _without_version(text: str) -> str:
    """Remove the version of the agent, which the sidecar does not have, from a name."""
    return re.sub(r"-?%\{\[?(?:@metadata\]\[|agent\.|beat\.)(?:version|beat)\]?\}", "", text)


def _set_tls(sink: SinkDraft, options: Section) -> None:
    authorities = options.texts("certificate_authorities")
    if len(authorities) > 1:
        sink.leave_out(options.place, "ssl.certificate_authorities", "one file holds all authorities; join the files")
    set_tls_files(
        sink, ca=next(iter(authorities), ""), certificate=options.text("certificate"), key=options.text("key"),
        place=options.place,
    )  # fmt: skip
    if options.word("verification_mode") == "none":
        sink.settings["verify"] = False
    elif options.word("verification_mode") == "certificate":
        reason = "the host name is verified as well, so the certificate must contain it"
        sink.note(options.place_of("verification_mode"), "ssl.verification_mode", reason)
    options.use("verification_mode")
    sink.explain_unused(options, _TLS, "ssl.")


def _kafka(conversion: Conversion, sink: SinkDraft, options: Section, root: Section) -> None:
    sink.settings.update({"type": "kafka", "brokers": options.texts("hosts")})
    if topic := options.text("topic"):
        set_name(sink, "topic", topic, _FIELDS, _DATES, options.place_of("topic"))
    set_credentials(
        conversion, sink, options.text("username"), options.text("password"), options.place_of("password")
    )
    mechanism = options.section("sasl").text("mechanism").upper()
    if "username" in sink.settings:
        sink.settings["sasl_mechanism"] = mechanism or "PLAIN"
    if compression := options.word("compression"):
        sink.settings["compression"] = compression
    if timeout := to_duration(options.text("timeout")):
        sink.settings["timeout"] = timeout
    tls = options.section("ssl")
    if tls.flag("enabled", default=bool(tls)):
        sink.settings["tls"] = True
    _set_tls(sink, tls)
    if sink.settings.pop("verify", True) is False:
        sink.leave_out(tls.place, "ssl.verification_mode", "the certificates of brokers are always verified")


def _file(_: Conversion, sink: SinkDraft, options: Section, root: Section) -> None:
    directory, name = options.text("path", ".").rstrip("/"), options.text("filename", "filebeat")
    sink.settings.update({"type": "file", "path": f"{directory}/{name}.ndjson"})


def _console(_: Conversion, sink: SinkDraft, options: Section, root: Section) -> None:
    sink.settings["type"] = "stdout"


_OUTPUTS: Mapping[str, Callable[[Conversion, SinkDraft, Section, Section], None]] = {
    "elasticsearch": _elasticsearch,
    "kafka": _kafka,
    "file": _file,
    "console": _console,
}


def send_to_other_index(conversion: Conversion, pipeline: PipelineDraft) -> None:
    """Give a pipeline a separate sink if its input names an index or an ingest pipeline."""
    targets = [sink for sink in conversion.sinks if sink.settings.get("type") == "elasticsearch"]
    if not pipeline.overrides or not targets:
        return
    names = pipeline.sinks or [sink.name for sink in conversion.sinks]
    others = [name for name in names if name != targets[0].name]
    sink = conversion.add_sink(f"{targets[0].name}-{pipeline.name}", pipeline.place)
    sink.settings = dict(targets[0].settings)
    for setting, text in pipeline.overrides.items():
        set_name(sink, setting, _without_version(text), _FIELDS, _DATES, pipeline.place)
    pipeline.sinks = [*others, sink.name]
    for other in conversion.pipelines:
        if other is not pipeline and other.sinks is None:
            other.sinks = [each.name for each in conversion.sinks if each is not sink]
