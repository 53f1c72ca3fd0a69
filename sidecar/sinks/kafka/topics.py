"""Creates the positions topic."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from sidecar.sinks.kafka import errors
from sidecar.sinks.kafka.calls import ClientCalls
from sidecar.sinks.kafka.client import CONNECT_S, common_options
from sidecar.sinks.kafka.settings import KafkaSettings

_PARTITIONS = 8
_RETENTION_MS = 7 * 86_400_000


def create_positions_topic(settings: KafkaSettings, calls: ClientCalls) -> None:
    """Create the topic for positions, unless it exists. Raise `DeliveryError` if that is not possible."""
    admin = AdminClient(common_options(settings, calls.note_cause))
    config = {"cleanup.policy": "delete", "retention.ms": str(_RETENTION_MS)}
    topic = NewTopic(settings.positions_topic, num_partitions=_PARTITIONS, config=config)
    creation = admin.create_topics([topic], operation_timeout=CONNECT_S)[settings.positions_topic]
    try:
        creation.result(CONNECT_S)
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        if reason.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return
        if reason.retriable():
            raise calls.error_of(reason) from error
        at = settings.destination()
        raise errors.missing_positions_error(settings.positions_topic, reason.str(), at) from error
