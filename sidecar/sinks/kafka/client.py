"""Creates the clients of Kafka: a producer, a reader, and the administration for topics."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import certifi
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient

from sidecar.sinks.common.credentials import read_secret
from sidecar.sinks.kafka.settings import KafkaSettings

CONNECT_S = 10.0
"""Limit for connecting to a broker."""

_MAX_MESSAGE_BYTES = 1_000_000_000
"""The client's limit for a message. The brokers decide, because their limit can differ from topic to topic."""

_UNKNOWN_TOPIC_S = 3.0
"""How long the client asks for a topic before it reports it as unknown. An automatic creation takes a moment."""

_MAX_RECONNECT_PAUSE_S = 2.0
_READER_BUFFER_KIB = 4096
_SILENT = logging.Logger("librdkafka", logging.CRITICAL + 1)  # the client would log to standard error

OnError = Callable[[KafkaError], None]
"""Called with errors of connections."""


def create_producer(settings: KafkaSettings, transactional_id: str, on_error: OnError) -> Producer:
    """Return a producer for transactions with this id. Raise `Misconfigured` if a secret cannot be read."""
    timeout_ms = int(settings.timeout * 1000)
    return Producer(
        {
            **_common_options(settings, on_error),
            "transactional.id": transactional_id,
            "transaction.timeout.ms": 2 * timeout_ms,
            "delivery.timeout.ms": timeout_ms,
            "message.max.bytes": _MAX_MESSAGE_BYTES,
            "topic.metadata.propagation.max.ms": int(_UNKNOWN_TOPIC_S * 1000),
            "compression.type": settings.compression,
            "partitioner": "murmur2_random",  # as the Java client chooses the partition for a key
        },
        logger=_SILENT,
    )


def create_consumer(settings: KafkaSettings, group: str, on_error: OnError) -> Consumer:
    """Return a reader of committed messages. It commits no offsets, so the group is only a name."""
    return Consumer(
        {
            **_common_options(settings, on_error),
            "group.id": group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "queued.max.messages.kbytes": _READER_BUFFER_KIB,
        },
        logger=_SILENT,
    )


def create_admin(settings: KafkaSettings, on_error: OnError) -> AdminClient:
    """Return a client that reads and changes topics. Raise `Misconfigured` if a secret cannot be read."""
    return AdminClient(_common_options(settings, on_error), logger=_SILENT)


def _common_options(settings: KafkaSettings, on_error: OnError) -> dict[str, Any]:
    """Return the options of every client. Raise `Misconfigured` if a secret cannot be read."""
    options: dict[str, Any] = {
        "bootstrap.servers": ",".join(settings.brokers),
        "client.id": "log-sidecar",
        "security.protocol": f"{'sasl_' if settings.username else ''}{'ssl' if settings.has_tls else 'plaintext'}",
        "socket.keepalive.enable": True,
        "socket.connection.setup.timeout.ms": int(CONNECT_S * 1000),
        "reconnect.backoff.max.ms": int(_MAX_RECONNECT_PAUSE_S * 1000),
        "enable.metrics.push": False,
        "error_cb": on_error,
    }
    if settings.username:
        password = read_secret(settings.password, settings.password_file) or ""
        options |= {"sasl.mechanisms": settings.sasl_mechanism, "sasl.username": settings.username}
        options |= {"sasl.password": password}
    if settings.has_tls:
        options["ssl.ca.location"] = str(settings.ca_file or _find_authorities())
    if settings.client_certificate_file and settings.client_key_file:
        options["ssl.certificate.location"] = str(settings.client_certificate_file)
        options["ssl.key.location"] = str(settings.client_key_file)
    return options


def _find_authorities() -> str:
    """Return the file or directory with the certificate authorities of the system, or the well-known ones."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return paths.cafile
    is_filled = paths.capath is not None and any(Path(paths.capath).iterdir())
    return str(paths.capath) if is_filled else certifi.where()
