"""The sink for Apache Kafka: sends each batch in one transaction, and returns the result of each document.

A transaction also contains a record with the ids of its documents. After a crash, these records say which documents
are stored, so a consumer with `isolation.level=read_committed` receives each document once. See `positions`.
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from sidecar.errors import DeliveryError, RequestTooLarge
from sidecar.lib.clock import Clock, SystemClock
from sidecar.model.batch import Batch, Refusal, Rejection, WriteResult
from sidecar.sinks.common.credentials import ReloadingClient
from sidecar.sinks.common.target_limit import BatchTargets, RoutedSink, TargetLimiter
from sidecar.sinks.contract import ProbeResult
from sidecar.sinks.kafka.messages import Failure, Row
from sidecar.sinks.kafka.positions import ResumeToken, decode_token, encode_token
from sidecar.sinks.kafka.settings import KafkaSettings
from sidecar.sinks.setup_contract import ServerObject, SetupConnection

if TYPE_CHECKING:  # the client is an extra
    from sidecar.sinks.kafka.session import Session

__all__ = ["KafkaSettings", "KafkaSink"]

_MAX_TRANSACTIONS = 20
"""Maximum number of transactions for one batch. Each but the last finds documents that are refused."""


class KafkaSink(RoutedSink):
    """Writes batches to a topic of Apache Kafka, or to one for each day or value of a field."""

    settings: ClassVar[type[KafkaSettings]] = KafkaSettings
    concurrency: ClassVar[int] = 1

    def __init__(self, settings: KafkaSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._at = settings.destination()
        self._topic = settings.template()
        self._limiter = TargetLimiter(self._topic, settings.max_targets, self._clock)
        self._name = socket.gethostname()
        self._writer = uuid.uuid4().hex
        self._token: ResumeToken | None = None
        self._last_position: int | None = None
        """Offset of the last position record of this object; None before the first."""

        self._session = ReloadingClient(settings.files(), self._start_session, lambda session: session.close())

    def identify(self, name: str) -> None:
        """Use this name in the transactional id."""
        self._name = name

    def resume(self, token: str | None) -> None:
        """Read the documents of later transactions with the next `open`."""
        self._token = decode_token(token) if token else None

    def resume_token(self) -> str:
        """Return the position after the last transaction."""
        assert self._token is not None
        return encode_token(self._token)

    def open(self) -> None:
        """Connect, and finish the last transaction with the same transactional id."""
        self._session.close()
        with self._session.lend():
            pass

    def write(self, batch: Batch) -> WriteResult:
        routed = self._limiter.route(batch)
        with self._session.lend() as session:
            duplicates = [index for index, name in enumerate(batch.ids) if name in session.unsettled]
            outcome = _Outcome(list(duplicates))
            try:
                outcome.write(session, _list_rows(batch, routed, duplicates))
            except RequestTooLarge:
                raise
            except DeliveryError:
                self._session.close()  # the next session finds out what is stored
                raise
            session.unsettled.difference_update([batch.ids[index] for index in duplicates])
            self._remember(session)
        return routed.count(outcome.result(len(batch), len(duplicates), self.resume_token()))

    def probe(self) -> ProbeResult:
        """Connect, and examine the topic and the permissions. No message is sent."""
        from sidecar.sinks.kafka.control_plane import examine  # noqa: PLC0415 - the client is an extra

        return examine(self._settings, self._topic, self._clock)

    def plan_setup(self) -> Sequence[ServerObject]:
        from sidecar.sinks.kafka.setup import plan_objects  # noqa: PLC0415 - the client is an extra

        return plan_objects(self._settings)

    def connect_setup(self) -> AbstractContextManager[SetupConnection]:
        from sidecar.sinks.kafka.setup import connect  # noqa: PLC0415 - the client is an extra

        return connect(self._settings, self._clock)

    def has_changed_files(self) -> bool:
        return self._session.has_changed_files()

    def close(self) -> None:
        self._session.close()

    def _start_session(self) -> Session:
        from sidecar.sinks.kafka.session import Session  # noqa: PLC0415 - the client is an extra

        name = f"{self._settings.transactional_id_prefix}.{self._name}"
        session = Session(
            self._settings, self._token.transactional_id if self._token else name, self._writer, self._clock
        )
        try:
            session.start(self._token, self._last_position)
        except BaseException:
            session.close()
            raise
        self._remember(session)
        return session

    def _remember(self, session: Session) -> None:
        self._token, self._last_position = session.token(), session.position


@dataclass(slots=True)
class _Outcome:
    """Collects the results of one batch."""

    stored: list[int]
    rejected: list[Rejection] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def write(self, session: Session, rows: Sequence[Row]) -> None:
        """Write transactions until one succeeds, each without the documents that were refused before."""
        for _ in range(_MAX_TRANSACTIONS):
            if not rows:
                return
            failures = session.send(rows)
            if not failures:
                self.stored.extend(row.index for row in rows)
                return
            topics = {failure.row.topic for failure in failures}
            if len(topics) > 1 and failures[0].cause == "some topic":
                for topic in sorted(topics):
                    self.write(session, [row for row in rows if row.topic == topic])
                return
            self._add(failures)
            failed = {failure.row.index for failure in failures}
            rows = [row for row in rows if row.index not in failed]

    def _add(self, failures: Sequence[Failure]) -> None:
        too_large = [failure for failure in failures if failure.cause == "size"]
        if len(too_large) > 1:  # the client sends several messages in one request, which is refused as a whole
            raise too_large[0].error
        for failure in failures:
            row = failure.row
            rejection = Rejection(row.index, failure.name, failure.reason, target=row.topic)
            if failure.cause in ("topic", "some topic"):
                self.refused.append(Refusal(rejection, failure.error, "target"))
            elif failure.cause == "shard":
                self.refused.append(Refusal(rejection, failure.error, "shard"))
            else:
                self.rejected.append(rejection)

    def result(self, count: int, duplicates: int, resume_token: str) -> WriteResult:
        """Return the result for a batch of `count` documents."""
        stored = range(count) if len(self.stored) == count else sorted(self.stored)
        error = self.refused[0].error if self.refused else None
        return WriteResult(stored, self.rejected, error, duplicates, resume_token=resume_token, refused=self.refused)


def _list_rows(batch: Batch, routed: BatchTargets, duplicates: Collection[int]) -> list[Row]:
    """Return the documents to send."""
    left_out = set(duplicates)
    rows = zip(batch.ids, batch.documents, strict=True)
    return [
        Row(index, routed.name_of(index), name, document)
        for index, (name, document) in enumerate(rows)
        if index not in left_out
    ]
