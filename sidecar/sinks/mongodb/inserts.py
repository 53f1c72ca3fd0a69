"""Inserts the documents of a batch, and collects the result of each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import pymongo.errors
from bson.raw_bson import RawBSONDocument
from msgspec.structs import replace
from pymongo.collection import Collection

from sidecar.errors import DeliveryError, RequestTooLarge, Retryable
from sidecar.model.batch import Refusal, RefusalScope, Rejection, WriteResult
from sidecar.sinks.common.errors import shorten
from sidecar.sinks.common.reasons import describe_reason
from sidecar.sinks.mongodb import errors as codes
from sidecar.sinks.mongodb.bson_encoder import Rows
from sidecar.sinks.mongodb.driver_errors import unreadable_response
from sidecar.sinks.mongodb.replies import ReplyTooLarge
from sidecar.sinks.mongodb.settings import MongoDBSettings

_MAX_CLOSED_CONNECTIONS, _MAX_CLOSED_BY_ONE = 2, 3
"""If the server closes the connection at this number of inserts and answers in between, the rows are divided, and a
row that is alone is refused. A network that cuts connections from time to time does not do that."""

_IDS_PER_REPLY = 10_000
_INDEX_CONFLICT_CODES = (85, 86)


@dataclass(slots=True)
class BatchOutcome:
    """Collects the results of one batch."""

    stored: list[int] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    error: DeliveryError | None = None
    duplicates: int = 0

    def refuse(self, rejection: Rejection, error: DeliveryError, scope: RefusalScope) -> None:
        self.refused.append(Refusal(rejection, error, scope))
        self.error = self.error or error

    def result(self, count: int) -> WriteResult:
        stored = range(count) if len(self.stored) == count else self.stored
        return WriteResult(stored, self.rejected, self.error, self.duplicates, refused=self.refused)


class Inserter:
    """Inserts rows into collections. `translate` turns exceptions of the driver into `DeliveryError`."""

    def __init__(self, settings: MongoDBSettings, translate: Callable[[], AbstractContextManager[None]]) -> None:
        self._settings, self._translate = settings, translate
        self._at = settings.destination()
        self._ttl_collections: set[str] = set()

    def insert(self, collection: Collection[dict[str, Any]], rows: Rows, outcome: BatchOutcome) -> None:
        """Insert rows, and add their results to `outcome`. Raise `DeliveryError` if no result is known.

        A server may close the connection at a document that it cannot read. The rows are divided until it is alone.
        """
        is_alone = len(rows.data) == 1
        for _ in range(_MAX_CLOSED_BY_ONE if is_alone else _MAX_CLOSED_CONNECTIONS):
            with self._translate():
                try:
                    self._insert_once(collection, rows, outcome)
                except pymongo.errors.AutoReconnect as error:
                    if type(error) is not pymongo.errors.AutoReconnect:
                        raise  # a subclass says why, for example a change of the primary
                    collection.database.client.admin.command("ping")  # raises if the server cannot be reached
                else:
                    return
        if is_alone:
            self._refuse_closing(rows.indexes[0], collection.name, outcome)
            return
        middle = len(rows.data) // 2
        for part in (slice(None, middle), slice(middle, None)):
            self.insert(collection, Rows(rows.indexes[part], rows.data[part]), outcome)

    def _refuse_closing(self, index: int, target: str, outcome: BatchOutcome) -> None:
        """Add a refusal for a document at which the server closes the connection."""
        reason = "the server closes the connection at this document"
        error = Retryable(reason, location=self._at, hint="read the log of the server")
        rejection = Rejection(index, "ConnectionClosed", reason, target=target)
        outcome.refuse(rejection, error, "unclear" if self._settings.may_reject_unknown else "kept")

    def _insert_once(self, collection: Collection[dict[str, Any]], rows: Rows, outcome: BatchOutcome) -> None:
        try:
            self.ensure_ttl_index(collection)
            collection.insert_many(list(map(RawBSONDocument, rows.data)), ordered=False)
        except pymongo.errors.BulkWriteError as error:
            self._collect(error.details, collection, rows, outcome)
        except pymongo.errors.OperationFailure as error:
            self._refuse_all(error, collection.name, rows, outcome)
        except ReplyTooLarge as error:
            if len(rows.data) == 1:
                raise
            raise RequestTooLarge("the reply is too large", location=self._at, hint="lower batch_bytes") from error
        else:
            outcome.stored.extend(rows.indexes)

    def _refuse_all(
        self, failure: pymongo.errors.OperationFailure, target: str, rows: Rows, outcome: BatchOutcome
    ) -> None:
        """Add a refusal for each row of a refused command. Raise `failure` if it is about the whole sink."""
        details = codes.details_of(failure)
        if codes.is_about_sink(details):
            raise failure
        error = codes.error_of(details, self._at, self._names(target))
        for index in rows.indexes:
            outcome.refuse(self._rejection(index, str(failure.code), details, target), error, "target")

    def _collect(
        self, details: Any, collection: Collection[dict[str, Any]], rows: Rows, outcome: BatchOutcome
    ) -> None:
        """Add the result of each row to `outcome`. Rows without an error are stored. Raise `DeliveryError` if the
        write concern was not met.
        """
        for unmet in details["writeConcernErrors"]:
            raise codes.error_of(unmet, self._at, prefix="the write concern was not met: ")
        errors = {error["index"]: error for error in details["writeErrors"]}
        if not all(type(position) is int and 0 <= position < len(rows.data) for position in errors):
            raise unreadable_response(KeyError("index"), self._at)
        already_stored = _find_already_stored(collection, rows, errors)
        has_stored = len(errors) < len(rows.data) or bool(already_stored)
        for position, index in enumerate(rows.indexes):
            if position not in errors:
                outcome.stored.append(index)
            elif position in already_stored:
                outcome.stored.append(index)
                outcome.duplicates += 1
            else:
                self._reject(errors[position], index, collection.name, has_stored, outcome)

    def _reject(self, error: Any, index: int, target: str, has_stored: bool, outcome: BatchOutcome) -> None:
        is_duplicate = error.get("code") in codes.DUPLICATE_KEY_CODES
        kind = "DuplicateKey" if is_duplicate else codes.document_error_name(error)
        rejection = self._rejection(index, kind or f"code {error.get('code')}", error, target)
        if kind:
            outcome.rejected.append(replace(rejection, is_conflict=is_duplicate))
            return
        failure = codes.error_of(error, self._at, self._names(target))
        if codes.is_retryable(error) and not codes.is_about_shard(error):
            outcome.error = outcome.error or failure
        else:
            scope = codes.scope_of(error, has_stored=has_stored, may_reject_unknown=self._settings.may_reject_unknown)
            outcome.refuse(rejection, failure, scope)

    def _rejection(self, index: int, kind: str, error: Any, target: str) -> Rejection:
        message = codes.message_of(error)
        reason = describe_reason(message, self._names(target))
        return Rejection(index, kind, reason, error.get("code"), target, shorten(message))

    def _names(self, target: str) -> tuple[str, ...]:
        """Return the names that the sidecar sends, and that its log may therefore contain."""
        return target, self._settings.database, self._settings.username

    def ensure_ttl_index(self, collection: Collection[dict[str, Any]]) -> None:
        """Create or change the index that makes documents of this collection expire, if `expire_after` is set."""
        if not self._settings.has_expiry_index or collection.name in self._ttl_collections:
            return
        seconds = int(self._settings.expire_after or 0)
        try:
            collection.create_index("@timestamp", expireAfterSeconds=seconds)
        except pymongo.errors.OperationFailure as error:
            if error.code not in _INDEX_CONFLICT_CODES:
                raise
            wanted = {"keyPattern": {"@timestamp": 1}, "expireAfterSeconds": seconds}
            collection.database.command("collMod", collection.name, index=wanted)
        self._ttl_collections.add(collection.name)


def _find_already_stored(collection: Collection[dict[str, Any]], rows: Rows, errors: dict[int, Any]) -> set[int]:
    """Return the positions of rows that are already stored.

    A server may report another unique index although the same document exists. So the ids of such rows are looked up.
    """
    duplicates = [position for position, error in errors.items() if error.get("code") in codes.DUPLICATE_KEY_CODES]
    stored = {position for position in duplicates if codes.is_already_stored(errors[position])}
    unclear = {
        RawBSONDocument(rows.data[position])["_id"]: position for position in duplicates if position not in stored
    }
    if unclear:
        found = collection.find({"_id": {"$in": list(unclear)}}, {"_id": 1}, batch_size=_IDS_PER_REPLY)
        stored |= {unclear[document["_id"]] for document in found}
    return stored
