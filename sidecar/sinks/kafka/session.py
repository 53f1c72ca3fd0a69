"""Writes transactions, and finds out after a crash which documents the last ones have stored."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any, Literal

from confluent_kafka import KafkaError, Message, Producer

from sidecar.errors import Retryable
from sidecar.lib.clock import Clock
from sidecar.sinks.kafka import errors
from sidecar.sinks.kafka.calls import CALL_S, CLIENT_ERRORS, ClientCalls
from sidecar.sinks.kafka.client import CONNECT_S, create_producer
from sidecar.sinks.kafka.messages import Failure, Row
from sidecar.sinks.kafka.position_reader import PositionReader
from sidecar.sinks.kafka.positions import PositionRecord, ResumeToken, encode_record, pack_ids, unpack_ids
from sidecar.sinks.kafka.settings import KafkaSettings

_FLUSH_S = 0.5
"""Limit for one call that waits for answers. After a refusal, the client does not send the other messages."""


class Session:
    """Writes transactions with one transactional id. One thread at a time may use it.

    After a `DeliveryError`, the outcome of the last transaction is unknown, and a new session has to be started.
    """

    def __init__(self, settings: KafkaSettings, transactional_id: str, writer: str, clock: Clock) -> None:
        self._settings, self._id, self._writer = settings, transactional_id, writer
        self._at = settings.destination()
        self._calls = ClientCalls(self._at, clock)
        self._partition = 0
        self._producer: Producer | None = None
        self._rows: dict[bytes, Row] = {}
        self._refused: list[tuple[Row | None, KafkaError]] = []
        """Messages of the current transaction that were refused. None: the position record."""

        self._confirmed: set[bytes] = set()
        """Keys of the messages of the current transaction that the brokers have stored: ids of documents, and the
        transactional id for the position record.
        """

        self.position = -1
        """Offset of the last record of this session in the positions topic."""

        self.unsettled: set[str] = set()
        """Ids of documents that are committed in Kafka, but not settled in the state."""

    def start(self, token: ResumeToken | None, last_position: int | None) -> None:
        """Finish the last transaction with this id, and read which documents it has stored.

        `last_position`: offset of the last record of an earlier session of the same sink. Raise `DeliveryError`.
        """
        try:
            with closing(PositionReader(self._settings, self._id, self._calls)) as reader:
                self._partition = reader.choose_partition(token.partition if token else None)
                if last_position is not None:
                    self._refuse_successor(reader, last_position)
                self._start_producer()
                self.send([])
                if token is not None:
                    self.unsettled.update(unpack_ids(token.unsettled))
                    for record in reader.read(self._partition, token.offset, self.position):
                        self.unsettled.update(unpack_ids(record.stored))
        except CLIENT_ERRORS as error:
            raise self._calls.translate(error) from error

    def connect(self) -> None:
        """Test what `start` needs, without a transaction. Raise `DeliveryError`."""
        try:
            with closing(PositionReader(self._settings, self._id, self._calls)) as reader:
                reader.choose_partition(None)
            self._start_producer()
        except CLIENT_ERRORS as error:
            raise self._calls.translate(error) from error

    def token(self) -> ResumeToken:
        """Return the position after the last transaction."""
        return ResumeToken(self._id, self._partition, self.position + 1, pack_ids(self.unsettled))

    def send(self, rows: Sequence[Row]) -> list[Failure]:
        """Send and commit these documents in one transaction. Return the messages because of which it was aborted.

        Raise `DeliveryError` if the reason is the sink, or if it is not known whether the transaction is committed.
        """
        producer, deadline = self._open_producer(), self._calls.deadline(self._settings.timeout)
        self._refused, self._rows = [], {row.id.encode(): row for row in rows}
        self._confirmed.clear()
        try:
            producer.begin_transaction()
            self._produce_all(rows, deadline)
            while len(producer) and not self._refused and (remaining := self._calls.remaining(deadline)):
                producer.flush(min(_FLUSH_S, remaining))
            failures = self._list_failures(rows, is_late=len(producer) > 0 and not self._refused)
            if not failures:
                self._calls.repeat(producer.commit_transaction, deadline, producer.poll)
                return []
        except CLIENT_ERRORS as error:
            failures = self._list_failures(rows) or self._list_forbidden(rows, error)
            if not failures:
                raise self._calls.translate(error) from error
        # The client leaves a gap in its sequence numbers after a refusal. A new producer also aborts the transaction.
        self.close()
        try:
            self._start_producer()
        except CLIENT_ERRORS as error:
            raise self._calls.translate(error) from error
        return failures

    def close(self) -> None:
        """Drop what is not sent. The brokers abort an open transaction."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None

    def _refuse_successor(self, reader: PositionReader, last_position: int) -> None:
        """Raise `Misconfigured` if another sink has written with this id after this record.

        A producer with the same id is fenced when it starts. So two sidecars with one id would stop each other again
        and again, and the one that was replaced could win.
        """
        for record in reader.read(self._partition, last_position + 1, None):
            if record.writer != self._writer:
                raise errors.fenced_error(self._id, self._at)

    def _start_producer(self) -> None:
        self._producer = producer = create_producer(self._settings, self._id, self._calls.note_cause)
        self._calls.repeat(producer.init_transactions, self._calls.deadline(CONNECT_S), producer.poll)

    def _open_producer(self) -> Producer:
        if self._producer is None:
            raise Retryable("is not open", location=self._at)
        return self._producer

    def _produce_all(self, rows: Sequence[Row], deadline: float) -> None:
        """Send the documents, and at last the position record."""
        for row in rows:
            self._produce(deadline, row.topic, row.document, key=row.id, on_delivery=self._on_document)
        record = encode_record(PositionRecord(self._writer, pack_ids([row.id for row in rows])))
        self._produce(
            deadline, self._settings.positions_topic, record, key=self._id, partition=self._partition,
            on_delivery=self._on_position,
        )  # fmt: skip

    def _produce(self, deadline: float, topic: str, value: str | bytes, **options: Any) -> None:
        producer = self._open_producer()
        while True:
            try:
                producer.produce(topic, value, **options)
            except BufferError:
                if not self._calls.remaining(deadline):
                    raise Retryable("takes no messages in time", location=self._at, hint="wait for it") from None
                producer.poll(CALL_S)
            else:
                return

    def _on_document(self, error: KafkaError | None, message: Message) -> None:
        key = bytes(message.key() or b"")
        if error is None:
            self._confirmed.add(key)
        elif error.code() not in errors.IGNORED_CODES:
            self._refused.append((self._rows[key], error))

    def _on_position(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self._confirmed.add(self._id.encode())
            self.position = message.offset() or 0
        elif error.code() not in errors.IGNORED_CODES:
            self._refused.append((None, error))

    def _list_failures(self, rows: Sequence[Row], *, is_late: bool = False) -> list[Failure]:
        """Return the messages because of which the transaction is aborted. Raise `DeliveryError` if the reason is
        the sink.

        `is_late`: some messages are not confirmed in time.
        """
        has_timed_out = is_late or any(error.code() == KafkaError._MSG_TIMED_OUT for _, error in self._refused)
        if has_timed_out and (late := self._list_late_topics(rows)):
            return [
                Failure(row, "shard", "MSG_TIMED_OUT", "not confirmed", errors.late_error(self._at, row.topic))
                for row in rows if row.topic in late
            ]  # fmt: skip
        if is_late:
            raise self._calls.error_of(KafkaError(KafkaError._MSG_TIMED_OUT))
        return [self._failure(row, error) for row, error in self._refused]

    def _list_late_topics(self, rows: Sequence[Row]) -> set[str]:
        """Return the topics that have not confirmed all messages, if others and the positions topic have."""
        late = {row.topic for row in rows if row.id.encode() not in self._confirmed}
        has_others = self._id.encode() in self._confirmed and late != {row.topic for row in rows}
        return late if has_others else set()

    def _list_forbidden(self, rows: Sequence[Row], error: Exception) -> list[Failure]:
        """Return a failure of each document if the user may not write to some of their topics, otherwise nothing.

        The brokers do not say which topic they mean.
        """
        cause = error.args[0]
        if not isinstance(cause, KafkaError) or cause.code() != KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return []
        return [
            Failure(row, "some topic", cause.name(), cause.str(), errors.topic_error(cause, row.topic, self._at))
            for row in rows
        ]

    def _failure(self, row: Row | None, error: KafkaError) -> Failure:
        """Return what is wrong with a message. Raise `DeliveryError` if the message is not the reason."""
        code = error.code()
        if code in errors.TOPIC_CODES:
            topic = row.topic if row else self._settings.positions_topic
            failure = errors.topic_error(error, topic, self._at)
            if row is None:
                raise failure
            return Failure(row, "topic", error.name(), error.str(), failure)
        if row is None:
            raise self._calls.error_of(error)
        if code not in errors.TOO_LARGE_CODES | errors.DOCUMENT_CODES:
            if not errors.may_be_about_topic(error):
                raise self._calls.error_of(error)
            unknown = errors.unknown_topic_error(error, row.topic, self._at)
            return Failure(row, "shard", error.name(), error.str(), unknown)
        cause: Literal["size", "document"] = "size" if code in errors.TOO_LARGE_CODES else "document"
        return Failure(row, cause, error.name(), error.str(), errors.document_error(error, self._at))
