"""Describes, reads and creates topics."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # the package does not mark them as exported
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from confluent_kafka.cimpl import NewPartitions, NewTopic

from sidecar.errors import Misconfigured
from sidecar.sinks.kafka import errors
from sidecar.sinks.kafka.calls import ClientCalls
from sidecar.sinks.kafka.client import CONNECT_S, create_admin
from sidecar.sinks.kafka.settings import KafkaSettings

POLICY = "cleanup.policy"
_POSITIONS_PARTITIONS = 8
_POSITIONS_RETENTION_MS = 7 * 86_400_000
_MARGIN_S = 5.0
"""How much longer than the time limit of a request its result may take."""

Topic = Mapping[str, Any]
"""A topic with the names of `ServerObject.body`: `partitions`, `replication_factor`, `config`. What is missing is
decided by the brokers."""


def describe_positions_topic(settings: KafkaSettings) -> Topic:
    """Return the topic for positions. It must not be compacted, because all records since a checkpoint are needed."""
    config = {POLICY: "delete", "retention.ms": str(_POSITIONS_RETENTION_MS)}
    return {"partitions": _POSITIONS_PARTITIONS, **_replication(settings), "config": config}


def describe_topic(settings: KafkaSettings) -> Topic:
    """Return the topic for documents."""
    setup = settings.setup
    partitions = {} if setup.partitions is None else {"partitions": setup.partitions}
    retention = {} if setup.retention is None else {"retention.ms": str(int(setup.retention * 1000))}
    return {**partitions, **_replication(settings), "config": {POLICY: "delete", **retention}}


def _replication(settings: KafkaSettings) -> dict[str, int]:
    factor = settings.setup.replication_factor
    return {} if factor is None else {"replication_factor": factor}


def create_positions_topic(settings: KafkaSettings, calls: ClientCalls) -> None:
    """Create the topic for positions, unless it exists. Raise `DeliveryError` if that is not possible."""
    name = settings.positions_topic
    try:
        TopicAdmin(settings, calls).create(name, describe_positions_topic(settings))
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        if reason.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return
        if reason.retriable():
            raise calls.error_of(reason) from error
        raise errors.missing_positions_error(name, reason.str(), settings.destination()) from error


class TopicAdmin:
    """Reads and changes topics. Its methods raise `KafkaException`."""

    def __init__(self, settings: KafkaSettings, calls: ClientCalls) -> None:
        self._at = settings.destination()
        self._admin: AdminClient = create_admin(settings, calls.note_cause)

    def read(self, name: str) -> Topic | None:
        """Return a topic with all its settings; None if it does not exist."""
        request = self._admin.describe_topics(TopicCollection([name]), request_timeout=CONNECT_S)
        try:
            partitions = _wait(request[name]).partitions
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise
        resource = ConfigResource(ResourceType.TOPIC, name)
        config = _wait(self._admin.describe_configs([resource], request_timeout=CONNECT_S)[resource])
        factor = min((len(partition.replicas) for partition in partitions), default=0)
        values = {key: entry.value for key, entry in config.items()}
        return {"partitions": len(partitions), "replication_factor": factor, "config": values}

    def create(self, name: str, topic: Topic) -> None:
        """Create a topic."""
        new = NewTopic(
            name, topic.get("partitions", -1), topic.get("replication_factor", -1), config=dict(topic["config"])
        )
        _wait(self._admin.create_topics([new], request_timeout=CONNECT_S)[name])

    def change(self, name: str, current: Topic, topic: Topic) -> None:
        """Change the settings of a topic, and add partitions. Raise `Misconfigured` if the replicas differ."""
        if topic.get("replication_factor", current["replication_factor"]) != current["replication_factor"]:
            raise Misconfigured(
                f"the replication factor of the existing topic {name} cannot be changed", location=self._at,
                hint="use kafka-reassign-partitions.sh, or remove setup.replication_factor",
            )  # fmt: skip
        if (wanted := topic.get("partitions", 0)) > current["partitions"]:
            _wait(self._admin.create_partitions([NewPartitions(name, wanted)], request_timeout=CONNECT_S)[name])
        entries = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
            for key, value in topic["config"].items()
            if current["config"].get(key) != value
        ]
        if entries:
            resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
            _wait(self._admin.incremental_alter_configs([resource], request_timeout=CONNECT_S)[resource])


def _wait(request: Future[Any]) -> Any:
    return request.result(CONNECT_S + _MARGIN_S)
