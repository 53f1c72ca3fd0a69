"""The requests of `sidecar check --connect`: brokers, topics and permissions. No message is sent."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from urllib.parse import urlsplit

from confluent_kafka import KafkaError, KafkaException, TopicCollection

from sidecar.errors import Misconfigured, Retryable
from sidecar.lib.clock import Clock
from sidecar.sinks.common.foreign_server import foreign_server_error, identify_server
from sidecar.sinks.common.target_name import TargetTemplate
from sidecar.sinks.contract import ProbeResult
from sidecar.sinks.kafka import errors
from sidecar.sinks.kafka.calls import ClientCalls
from sidecar.sinks.kafka.client import CONNECT_S, create_admin
from sidecar.sinks.kafka.session import Session
from sidecar.sinks.kafka.settings import KafkaSettings
from sidecar.sinks.kafka.topics import POLICY, TopicAdmin
from sidecar.sinks.kafka.version import create_tls, name_version


def examine(settings: KafkaSettings, template: TargetTemplate, clock: Clock) -> ProbeResult:
    """Connect as a write does, with another transactional id, and examine the topic. Raise `DeliveryError`."""
    session = Session(settings, f"{settings.transactional_id_prefix}.check.{socket.gethostname()}", "", clock)
    try:
        session.connect()
    except Retryable as error:
        if name := _name_foreign_server(settings):
            advice = "write kafka+ssl://, or set tls: true"
            raise foreign_server_error(name, settings.destination(), "Kafka", advice) from error
        raise
    finally:
        session.close()
    name = template.render(datetime.fromtimestamp(clock.now(), UTC))
    warnings = [*_examine_topic(settings, name), *_examine_positions_topic(settings, clock)]
    return ProbeResult(name_version(settings), warnings)


def _name_foreign_server(settings: KafkaSettings) -> str:
    """Return the kind of server at the first address; "" if it is Kafka or unknown."""
    host = urlsplit(f"//{settings.brokers[0]}")
    tls = create_tls(settings) if settings.has_tls else None
    return identify_server(host.hostname, host.port, tls) if host.hostname and host.port else ""


def _examine_topic(settings: KafkaSettings, name: str) -> list[str]:
    """Return warnings about the topic. Raise `DeliveryError` if this user may not write to it."""
    at, admin = settings.destination(), create_admin(settings, lambda error: None)
    request = admin.describe_topics(TopicCollection([name]), include_authorized_operations=True)[name]
    try:
        operations = request.result(CONNECT_S).authorized_operations or ()
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        if reason.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return [f"the topic {name} does not exist; create it, unless the brokers create topics automatically"]
        raise errors.error_of(reason, at) from error
    if operations and "WRITE" not in {operation.name for operation in operations}:
        raise Misconfigured(f"this user may not write to the topic {name}", location=at, hint="allow Write on it")
    return []


def _examine_positions_topic(settings: KafkaSettings, clock: Clock) -> list[str]:
    """Return a warning if the topic is compacted. Without permission to read its settings, return none."""
    name = settings.positions_topic
    try:
        topic = TopicAdmin(settings, ClientCalls(settings.destination(), clock)).read(name)
    except KafkaException:
        return []
    if topic is None or "compact" not in topic["config"].get(POLICY, ""):
        return []
    return [f"the topic {name} is compacted, so documents may be sent twice after a crash; set {POLICY}=delete"]
