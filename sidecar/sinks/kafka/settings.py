"""Settings of the Kafka sink, by URL or by YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar, Literal, Self

from sidecar.errors import ConfigurationError
from sidecar.lib.declarations import ConfigDict, Field, PositiveInt, SecretStr, model_validator
from sidecar.lib.settings_model import COMMAS, SECRET_FILE, SHOWN, LocalPath, ShownInPart
from sidecar.lib.units import Duration
from sidecar.sinks.common.checks import list_name_problems, list_password_problems, raise_problems, settings_from
from sidecar.sinks.common.exposure import warn_of_plain_credentials
from sidecar.sinks.common.target_name import TargetTemplate
from sidecar.sinks.common.url import host_and_port, list_hosts, parse_url, replace_url, show_url
from sidecar.sinks.contract import SinkSettings
from sidecar.sinks.kafka.setup_settings import KafkaSetupSettings

_PORT = 9092
_TLS_SCHEME = "kafka+ssl"
# https://kafka.apache.org/documentation (Topic.LEGAL_CHARS and MAX_NAME_LENGTH)
_TOPIC = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
_NAME_ADVICE = "use up to 249 letters, digits, dots, - and _"
MAX_TRANSACTION_S = 900
"""The brokers' default limit for the time of a transaction (`transaction.max.timeout.ms`)."""


class KafkaSettings(SinkSettings):
    """Address, credentials and topic of Apache Kafka."""

    model_config = ConfigDict(
        hide_input_in_errors=True, json_schema_extra={"anyOf": [{"required": ["url"]}, {"required": ["brokers"]}]}
    )

    type: Literal["kafka"] = "kafka"
    """Apache Kafka 2.5 or newer, through `librdkafka`; needs `pip install 'log-sidecar[kafka]'`."""

    url: Annotated[str, ShownInPart(show_url)] = ""
    """Everything in one: `kafka://user:password@broker:9092,broker2/topic`, or `kafka+ssl://…` for TLS. Other
    settings of this sink may follow as `?compression=zstd`. The password is never shown."""

    brokers: Annotated[tuple[str, ...], SHOWN, COMMAS] = ()
    """Brokers from which the client learns all others: `host:9092`. Default port: 9092."""

    tls: bool = False
    """Connect with TLS; `kafka+ssl://` in a URL. Certificates enable it too."""

    topic: Annotated[str, SHOWN] = "logs"
    """Topic. `%Y.%m.%d` is the time of the event in UTC, `{service.name:other}` the value of a field, or the word
    after the colon if the field is missing."""

    max_targets: PositiveInt = 100
    """Topics that dates and fields in the name may start to use on one day (UTC). Other documents go to the name with
    the word for missing fields and the day on which the sidecar first saw their file."""

    positions_topic: Annotated[str, SHOWN] = "log-sidecar-positions"
    """Topic with the ids of the documents of each transaction, which are read after a crash. It is created if it is
    missing and the user may create it: 8 partitions, records are kept for 7 days."""

    transactional_id_prefix: Annotated[str, SHOWN, Field(min_length=1)] = "log-sidecar"
    """Beginning of the transactional id; the names of the pipeline, the sink and the Pod (or host) follow.
    Sidecars of different installations on the same brokers need different ids."""

    username: Annotated[str, SHOWN] = ""
    """User for SASL."""

    password: SecretStr | None = None
    """Password of that user. Prefer `password_file`."""

    password_file: Annotated[LocalPath | None, SECRET_FILE] = None
    """File with the password; read again when it changes."""

    sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    """How user and password are proved to the broker."""

    ca_file: LocalPath | None = None
    """Certificate authorities that may sign the certificates of the brokers (PEM). Default: those of the system, or
    the well-known ones."""

    client_certificate_file: LocalPath | None = None
    """Client certificate (PEM)."""

    client_key_file: Annotated[LocalPath | None, SECRET_FILE] = None
    """Key of the client certificate (PEM)."""

    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "lz4"
    """Compression of the messages."""

    setup: KafkaSetupSettings = KafkaSetupSettings()
    """The topics that `sidecar setup` creates."""

    timeout: Duration = 30.0
    """Limit for one transaction, from its first message to its commit."""

    schemes: ClassVar[tuple[str, ...]] = ("kafka", _TLS_SCHEME)

    @classmethod
    def from_url(cls, url: str) -> Self:
        return settings_from(cls, {"url": url})

    @property
    def has_tls(self) -> bool:
        """Whether connections to the brokers use TLS."""
        return self.tls or bool(self.ca_file or self.client_certificate_file)

    def template(self) -> TargetTemplate:
        """Return the template of the name of the topic."""
        return TargetTemplate(self.topic)

    def warnings(self) -> list[str]:
        if self.has_tls or not self.username:
            return []
        return warn_of_plain_credentials(self.brokers, "write kafka+ssl://, or set tls: true")

    def destination(self) -> str:
        return f"{_TLS_SCHEME if self.has_tls else 'kafka'}://{','.join(self.brokers)}/{self.topic}"

    @model_validator(mode="before")
    @classmethod
    def _split_urls(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        fields = _from_url(given) if isinstance(given.get("url"), str) and given["url"] else dict(given)
        brokers = list_hosts(fields.get("brokers"))
        if brokers is not None:
            fields["brokers"] = tuple(host_and_port(broker, _PORT, key="brokers") for broker in brokers)
        return fields

    @model_validator(mode="after")
    def _check(self) -> Self:
        raise_problems([
            (not self.brokers, "brokers", "is missing", "write url: kafka://broker:9092/topic"),
            *list_password_problems(self),
            (bool(self.client_certificate_file) != bool(self.client_key_file), "client_certificate_file",
             "and client_key_file need each other", "set both of them"),
            (not 1 <= self.timeout <= MAX_TRANSACTION_S / 2, "timeout", "must be between 1s and 450s",
             "write for example 30s"),
            (not _TOPIC.fullmatch(self.positions_topic), "positions_topic", "is not a valid topic name",
             _NAME_ADVICE),
            (find_spec("confluent_kafka") is None, "type", "needs a package that is not installed",
             "pip install 'log-sidecar[kafka]'"),
            *list_name_problems(self.template, _TOPIC.fullmatch, key="topic", kind="topic",
                                example="logs-%Y.%m.%d", advice=_NAME_ADVICE),
        ])  # fmt: skip
        return self


def _from_url(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with the settings that the URL contains, and with the URL without credentials."""
    address = parse_url(given["url"])
    if address.scheme not in KafkaSettings.schemes:
        raise ConfigurationError("has an unknown scheme", location="url", hint="write kafka:// or kafka+ssl://")
    parts = {
        "brokers": tuple(host_and_port(host, _PORT, key="url") for host in address.hosts),
        "tls": True if address.scheme == _TLS_SCHEME else None,
        "username": address.username,
        "password": address.password,
        "topic": address.path or None,
    }
    plain = f"{address.scheme}://{','.join(address.hosts)}/{address.path}"
    return replace_url(given, plain, address.options, parts)
