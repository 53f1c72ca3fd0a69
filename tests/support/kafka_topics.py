"""Reads and creates topics of a real Kafka, as any consumer does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic


def create_topic(broker: str, name: str, partitions: int = 1, **config: str) -> None:
    """Create a topic. In names of its settings, `_` stands for a dot."""
    topic = NewTopic(name, partitions, config={key.replace("_", "."): value for key, value in config.items()})
    admin = AdminClient({"bootstrap.servers": broker})
    admin.create_topics([topic])[name].result(30)


def read_topic(broker: str, topic: str, *, committed: bool = True) -> Iterator[tuple[str, bytes]]:
    """Yield key and value of each message, of committed transactions or of all."""
    options = {
        "bootstrap.servers": broker, "group.id": "reader", "enable.auto.commit": False, "enable.partition.eof": True,
        "auto.offset.reset": "earliest", "isolation.level": "read_committed" if committed else "read_uncommitted",
        "fetch.wait.max.ms": 20,
    }  # fmt: skip
    with closing(Consumer(options)) as consumer:
        partitions = list(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        unread = set(partitions)
        while unread:
            message = consumer.poll(30)
            assert message is not None, f"{topic} cannot be read"
            error = message.error()
            if error is None:
                yield bytes(message.key() or b"").decode(), bytes(message.value() or b"")
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error
                unread.discard(message.partition())
