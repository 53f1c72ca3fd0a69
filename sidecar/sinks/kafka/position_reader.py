"""Reads the positions topic."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from sidecar.errors import Retryable
from sidecar.sinks.kafka import errors
from sidecar.sinks.kafka.calls import CALL_S, ClientCalls
from sidecar.sinks.kafka.client import CONNECT_S, create_consumer
from sidecar.sinks.kafka.positions import PositionRecord, decode_record
from sidecar.sinks.kafka.settings import KafkaSettings
from sidecar.sinks.kafka.topics import create_positions_topic


class PositionReader:
    """Reads the records of one transactional id."""

    def __init__(self, settings: KafkaSettings, transactional_id: str, calls: ClientCalls) -> None:
        self._settings, self._id, self._calls = settings, transactional_id, calls
        self._consumer: Consumer = create_consumer(settings, transactional_id, calls.note_cause)

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def choose_partition(self, known: int | None) -> int:
        """Return the partition for the records of this id: the known one, if it exists.

        If the topic is missing, it is created.
        """
        count = self._count_partitions()
        if not count:
            create_positions_topic(self._settings, self._calls)
            count = self._count_partitions() or 1
        return known if known is not None and known < count else zlib.crc32(self._id.encode()) % count

    def read(self, partition: int, first: int, last: int | None) -> Iterator[PositionRecord]:
        """Yield the committed records from one offset to another, or to the end of the partition.

        Other sidecars use the same partition. A record can be read only when their transactions before it have ended.
        """
        key, deadline = self._id.encode(), self._calls.deadline(max(CONNECT_S, self._settings.timeout))
        self._consumer.assign([TopicPartition(self._settings.positions_topic, partition, first)])
        while True:
            message = self._consumer.poll(CALL_S)
            error = message.error() if message is not None else None
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                if last is None:
                    return
            elif error is not None:
                raise KafkaException(error)
            elif message is not None:
                if message.key() == key:
                    yield decode_record(bytes(message.value() or b""))
                if message.offset() == last:
                    return
            if not self._calls.remaining(deadline):
                raise Retryable(
                    "the positions of the last transactions cannot be read in time",
                    location=self._settings.destination(), hint="wait for the transactions of other sidecars",
                )  # fmt: skip

    def _count_partitions(self) -> int:
        """Return the number of partitions; 0 if the topic does not exist."""
        topic, counts = self._settings.positions_topic, [0]

        def ask(timeout: float) -> None:
            found = self._consumer.list_topics(topic, timeout=timeout).topics[topic]
            if found.error is not None and found.error.code() not in errors.TOPIC_CODES:
                raise KafkaException(found.error)
            counts.append(len(found.partitions))

        self._calls.repeat(ask, self._calls.deadline(CONNECT_S), self._consumer.poll)
        return counts[-1]
