"""Creates the topics that a sink needs in Kafka, for `sidecar setup`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from sidecar.lib.clock import Clock
from sidecar.sinks.kafka import errors
from sidecar.sinks.kafka.calls import ClientCalls
from sidecar.sinks.kafka.settings import KafkaSettings
from sidecar.sinks.kafka.topics import Topic, TopicAdmin, describe_positions_topic, describe_topic
from sidecar.sinks.kafka.version import name_version
from sidecar.sinks.setup_contract import ServerObject

_PREFIX = "topic "


def plan_objects(settings: KafkaSettings) -> list[ServerObject]:
    """Return the topics. A topic with a date or a field in its name is not known before its first document."""
    topics = {settings.positions_topic: describe_positions_topic(settings)}
    if (name := settings.template().fixed) is not None:
        topics[name] = describe_topic(settings)
    return [ServerObject(f"{_PREFIX}{name}", _command(name, topic), topic) for name, topic in topics.items()]


def _command(name: str, topic: Topic) -> str:
    """Return the command that creates the topic."""
    numbers = {"partitions": "--partitions", "replication_factor": "--replication-factor"}
    options = [f"{option} {topic[key]}" for key, option in numbers.items() if key in topic]
    options += [f"--config {key}={value}" for key, value in topic["config"].items()]
    return f"kafka-topics.sh --create --topic {name} {' '.join(options)}"


@contextmanager
def connect(settings: KafkaSettings, clock: Clock) -> Iterator[KafkaSetup]:
    """Yield a connection to the brokers. Its methods raise `DeliveryError`."""
    calls = ClientCalls(settings.destination(), clock)
    try:
        yield KafkaSetup(settings, TopicAdmin(settings, calls))
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        if reason.retriable() or reason.code() in errors.UNREACHABLE_CODES:
            raise calls.error_of(reason) from error
        raise errors.setup_error(reason, settings.destination()) from error


class KafkaSetup:
    """Implements `SetupConnection`."""

    def __init__(self, settings: KafkaSettings, admin: TopicAdmin) -> None:
        self._settings, self._admin = settings, admin

    @property
    def server(self) -> str:
        return name_version(self._settings)

    def plan(self) -> Sequence[ServerObject]:
        return plan_objects(self._settings)

    def read(self, wanted: ServerObject) -> Mapping[str, Any] | None:
        current = self._admin.read(_topic_of(wanted))
        if current is None:
            return None
        # Partitions can be added, but not removed: more than wanted are as good.
        partitions = min(current["partitions"], wanted.body.get("partitions", current["partitions"]))
        config = {key: value for key, value in current["config"].items() if key in wanted.body["config"]}
        return {**current, "partitions": partitions, "config": config}

    def write(self, wanted: ServerObject) -> None:
        name = _topic_of(wanted)
        current = self._admin.read(name)
        if current is None:
            self._admin.create(name, wanted.body)
        else:
            self._admin.change(name, current, wanted.body)


def _topic_of(wanted: ServerObject) -> str:
    return wanted.name.removeprefix(_PREFIX)
