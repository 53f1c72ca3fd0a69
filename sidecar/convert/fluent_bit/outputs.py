"""Converts outputs of Fluent Bit: Elasticsearch, OpenSearch, Kafka, file and standard output."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sidecar.convert.fluent_bit.inputs import Input
from sidecar.convert.fluent_bit.matching import is_match
from sidecar.convert.model import Conversion, Reasons, SinkDraft
from sidecar.convert.outputs import set_credentials, set_hosts, set_tls_files
from sidecar.convert.source import Section

_REASONS = Reasons(
    not_needed={
        "alias": "the name of the sink identifies it",
        "retry_limit": "a batch is retried until it is stored",
        "workers": "`workers: auto` adapts to how fast the server answers",
        "buffer_size": "responses of any size are read",
        "generate_id": "the position of a line is its `_id`",
        "write_operation": "documents are created, never replaced",
        "type": "indexes have no types since Elasticsearch 8",
        "suppress_type_name": "indexes have no types since Elasticsearch 8",
        "trace_*": "see `log_level: debug` and `sidecar dead-letters`",
        "time_key*": "the time of the event is `@timestamp`",
        "include_tag_key": "tags do not exist; `log.file.path` names the file",
        "tag_key": "tags do not exist; `log.file.path` names the file",
        "logstash_*": "see `index`",
        "current_time_index": "the index has the date of the event",
        "replace_dots": "a dotted name is a nested field",
        "net.*": "see `timeout`",
        "storage*": "lines wait in their files",
        "format": "each document is one line of JSON",
        "json_date*": "the time of the event is `@timestamp`",
        "rdkafka.*": "the client has its own defaults",
        "timestamp_*": "the time of the event is `@timestamp`",
        "queue_full_retries": "a batch is retried until it is stored",
        "tls*": "certificates or https:// decide that",
        "log_level": "`log_level` is that of the whole sidecar",
        "mkdir": "the directory must exist",
    },
    no_counterpart={
        "id_key": "the position of a line is its `_id`; a field cannot be",
        "upstream": "write all hosts into `hosts`",
        "aws_role_arn": "the credentials of the Pod are used",
        "aws_external_id": "the credentials of the Pod are used",
        "aws_sts_endpoint": "the credentials of the Pod are used",
        "message_key*": "the `_id` of a document is the key of its message",
        "topic_key": "use a field in `topic`, as in logs-{service.name:other}",
        "dynamic_topic": "use a field in `topic`, as in logs-{service.name:other}",
        "processors": "processors are not converted; write transforms",
    },
)


def convert_output(conversion: Conversion, section: Section, inputs: list[Input]) -> None:
    """Add a sink for an output, and name it in the pipelines whose tags it matches."""
    name = section.word("name")
    convert = _OUTPUTS.get(name)
    chosen = [each for each in inputs if is_match(section, each.tag)]
    section.use("match", "match_regex")
    if name == "null":
        section.skip()
        conversion.note(section.place, "output null", "lines that only this output gets are not read")
        for each in chosen:
            each.pipeline.is_discarded = True
        return
    if convert is None or not chosen:
        section.skip()
        for each in chosen:  # so that it is not taken for an input without an output
            each.pipeline.sinks = [*(each.pipeline.sinks or []), ""]
        reason = "the sidecar has no such sink" if convert is None else "its Match selects no input that reads files"
        conversion.leave_out(section.place, f"output {name}", reason)
        return
    sink = conversion.add_sink(section.text("alias") or name, section.place)
    convert(conversion, sink, section)
    for each in chosen:
        each.pipeline.sinks = [*(each.pipeline.sinks or []), sink.name]
    sink.explain_unused(section, _REASONS, f"{name}.")


def _search(kind: str) -> Callable[[Conversion, SinkDraft, Section], None]:
    def convert(conversion: Conversion, sink: SinkDraft, section: Section) -> None:
        sink.settings["type"] = kind
        _set_address(conversion, sink, section)
        place = section.place_of("http_passwd")
        set_credentials(conversion, sink, section.text("http_user"), section.text("http_passwd"), place)
        if key := section.text("http_api_key"):
            sink.settings["api_key"] = conversion.secret(
                key, f"{sink.name}_api_key", section.place_of("http_api_key")
            )
        _set_index(sink, section)
        if pipeline := section.text("pipeline"):
            sink.settings["pipeline"] = pipeline
        if section.flag("aws_auth"):
            sink.settings["aws_region"] = section.text("aws_region")
            sink.settings["aws_service"] = section.text("aws_service_name", "es")
        if section.word("compress") == "gzip":
            sink.settings["compress"] = True
        if proxy := section.text("proxy"):
            sink.settings["proxy"] = conversion.secret(proxy, f"{sink.name}_proxy", section.place_of("proxy"))
        _set_tls(sink, section)

    return convert


def _set_address(conversion: Conversion, sink: SinkDraft, section: Section) -> None:
    if identity := section.text("cloud_id"):
        sink.settings["cloud_id"] = identity
        user, _, password = section.text("cloud_auth").partition(":")
        set_credentials(conversion, sink, user, password, section.place_of("cloud_auth"))
        section.use("host", "port", "tls")
        return
    host, port = section.text("host", "127.0.0.1"), section.text("port", "9200")
    scheme = "https" if section.flag("tls") else "http"
    address = f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host
    set_hosts(
        conversion, sink, [f"{scheme}://{address}:{port}"], section.place, path=section.text("path")
    )  # fmt: skip


def _set_index(sink: SinkDraft, section: Section) -> None:
    """Set the index. Its name may have dates; with `logstash_format` it has a prefix and the date of the event."""
    if not section.flag("logstash_format"):
        sink.settings["index"] = section.text("index", "fluent-bit")
        return
    prefix, separator = section.text("logstash_prefix", "logstash"), section.text("logstash_prefix_separator", "-")
    dates = section.text("logstash_dateformat", "%Y.%m.%d")
    sink.settings["index"] = f"{prefix.replace('%', '%%')}{separator}{dates}"
    if section.text("logstash_prefix_key"):
        sink.leave_out(
            section.place_of("logstash_prefix_key"), "logstash_prefix_key",
            "a name with a field must begin with constant text, as in logs-{field:other}",
        )  # fmt: skip


def _set_tls(sink: SinkDraft, section: Section) -> None:
    set_tls_files(
        sink, ca=section.text("tls.ca_file"), certificate=section.text("tls.crt_file"),
        key=section.text("tls.key_file"), place=section.place,
    )  # fmt: skip
    if not section.flag("tls.verify", default=True):
        sink.settings["verify"] = False
    if section.text("tls.key_passwd"):
        sink.leave_out(section.place_of("tls.key_passwd"), "tls.key_passwd", "store the key without a password")


def _kafka(conversion: Conversion, sink: SinkDraft, section: Section) -> None:
    topics = section.texts("topics", ",") or ["fluent-bit"]
    sink.settings.update({"type": "kafka", "brokers": section.texts("brokers", ","), "topic": topics[0]})
    if len(topics) > 1:
        sink.leave_out(section.place_of("topics"), "topics", "a sink has one topic; use one with a field")
    set_credentials(
        conversion, sink, section.text("rdkafka.sasl.username"), section.text("rdkafka.sasl.password"),
        section.place_of("rdkafka.sasl.password"),
    )  # fmt: skip
    mechanism = section.text("rdkafka.sasl.mechanism", section.text("rdkafka.sasl.mechanisms"))
    if "username" in sink.settings:
        sink.settings["sasl_mechanism"] = mechanism.upper() or "PLAIN"
    if "ssl" in section.word("rdkafka.security.protocol"):
        sink.settings["tls"] = True
    if codec := section.word("rdkafka.compression.codec", section.word("rdkafka.compression.type")):
        sink.settings["compression"] = codec
    set_tls_files(
        sink, ca=section.text("rdkafka.ssl.ca.location"),
        certificate=section.text("rdkafka.ssl.certificate.location"),
        key=section.text("rdkafka.ssl.key.location"), place=section.place,
    )  # fmt: skip


def _file(_: Conversion, sink: SinkDraft, section: Section) -> None:
    directory, name = section.text("path", ".").rstrip("/"), section.text("file", "out")
    sink.settings.update({"type": "file", "path": f"{directory}/{name}"})


def _stdout(_: Conversion, sink: SinkDraft, section: Section) -> None:
    sink.settings["type"] = "stdout"


_OUTPUTS: Mapping[str, Callable[[Conversion, SinkDraft, Section], None]] = {
    "es": _search("elasticsearch"),
    "opensearch": _search("opensearch"),
    "kafka": _kafka,
    "file": _file,
    "stdout": _stdout,
}
