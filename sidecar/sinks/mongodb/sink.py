"""The sink for MongoDB: sends unordered inserts, and returns the result of each document.

The `_id` of a document is its position in the file. So if a stored document is sent again, the server answers that it
exists (E11000). A document that BSON cannot represent, or that is too large, is rejected before the request.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import bson
import bson.errors
import pymongo
import pymongo.errors
from bson.decimal128 import Decimal128
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection

from sidecar.errors import DeliveryError, Misconfigured, RequestTooLarge, Retryable
from sidecar.lib.clock import Clock, SystemClock
from sidecar.model.batch import Batch, Refusal, RefusalScope, Rejection, WriteResult
from sidecar.model.documents import BulkFraming
from sidecar.sinks.archive_contract import Archive
from sidecar.sinks.common.credentials import ReloadingClient, read_secret
from sidecar.sinks.common.errors import ErrorTable, dns_error, shorten, tls_error, translate_errors, unreachable_error
from sidecar.sinks.common.reasons import describe_reason
from sidecar.sinks.common.target_limit import RoutedSink, TargetLimiter
from sidecar.sinks.contract import ProbeResult
from sidecar.sinks.mongodb import errors as codes
from sidecar.sinks.mongodb.archive import MongoDBArchive
from sidecar.sinks.mongodb.bson_encoder import LINES, Encoder, Rows
from sidecar.sinks.mongodb.control_plane import find_warnings, name_foreign_server, name_server
from sidecar.sinks.mongodb.replies import OWN_CLIENT, ReplyTooLarge, bound_replies
from sidecar.sinks.mongodb.settings import MongoDBSettings
from sidecar.sinks.mongodb.setup import MongoDBSetup, plan_objects
from sidecar.sinks.setup_contract import ServerObject, SetupConnection

__all__ = ["DRIVER_ERRORS", "MongoDBSettings", "MongoDBSink"]

_SERVER_SELECTION_MS = 5000
_CLOSE_S = 1.0
_MAX_CLOSED_CONNECTIONS, _MAX_CLOSED_BY_ONE = 2, 3
"""If the server closes the connection at this number of inserts and answers in between, the rows are divided, and a
row that is alone is refused. A network that cuts connections from time to time does not do that."""

_IDS_PER_REPLY = 10_000
_INDEX_CONFLICT_CODES = (85, 86)
_UNRESOLVED = re.compile(r"\[Errno -\d+\]|nodename nor servname")
_CHECK_SETTINGS = "check the settings of the sink"
_UNREADABLE_RESPONSE_ERRORS = (LookupError, TypeError, ValueError, AttributeError, RecursionError, SystemError)
"""Exceptions that the driver raises for a response that does not have MongoDB's format."""

_ENCODER = Encoder(bson.encode, Decimal128, (bson.errors.BSONError, OverflowError, UnicodeEncodeError))
_Client = pymongo.MongoClient[dict[str, Any]]


@dataclass(slots=True)
class _BatchOutcome:
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


class MongoDBSink(RoutedSink):
    """Writes batches to a collection, or to one for each day or value of a field."""

    settings: ClassVar = MongoDBSettings
    concurrency: ClassVar[int] = 2

    def __init__(self, settings: MongoDBSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._at = settings.destination()
        self._collection = settings.template()
        self._limiter = TargetLimiter(self._collection, settings.max_targets, self._clock)
        self._ttl_collections: set[str] = set()
        self._client = ReloadingClient(settings.files(), self._connect, _close)

    def open(self) -> None:
        """Connect and authenticate. Create the index for `expire_after`, if it is set."""
        with self._borrow_client() as client:
            client.admin.command("ping")
            if self._collection.fixed is not None:
                self._ensure_ttl_index(client[self._settings.database][self._collection.fixed])

    @property
    def envelope(self) -> BulkFraming:
        """The input format of the BSON encoder."""
        return LINES

    def write(self, batch: Batch) -> WriteResult:
        routed = self._limiter.route(batch)
        names = routed.names
        outcome = _BatchOutcome()
        rows = _ENCODER.encode_batch(batch, names, outcome.rejected)
        with self._borrow_client() as client:
            database = client[self._settings.database]
            for name, group in _group_by_target(names, rows).items():
                try:
                    self._insert(database[name], group, outcome)
                except DeliveryError as error:
                    if not outcome.stored:
                        raise
                    outcome.error = error
        return routed.count(outcome.result(len(batch)))

    def probe(self) -> ProbeResult:
        """Insert a document with an `_id` that every server rejects (an array), and expect that rejection.

        This tests address, credentials, primary and the permission to insert. If the server stores the document, it
        is deleted.
        """
        try:
            return self._probe()
        except Retryable as error:
            if name := name_foreign_server(self._settings):
                raise Misconfigured(
                    f"{name} answers at this address, not MongoDB", location=self._at, hint="check host and port"
                ) from error
            raise

    def _probe(self) -> ProbeResult:
        name = self._collection.render(datetime.fromtimestamp(self._clock.now(), UTC))
        refused = {"_id": ["log-sidecar-probe"]}
        outcome = _BatchOutcome()
        with self._borrow_client() as client:
            database = client[self._settings.database]
            result = ProbeResult(name_server(client), find_warnings(database, name))
            collection = database[name]
            self._insert(collection, Rows([0], [bson.encode(refused)]), outcome)
            if outcome.stored:
                collection.delete_one(refused)
        if outcome.error is not None:
            raise outcome.error
        return result

    def plan_setup(self) -> Sequence[ServerObject]:
        return plan_objects(self._settings)

    @contextmanager
    def connect_setup(self) -> Iterator[SetupConnection]:
        try:
            yield MongoDBSetup(self._settings, self._borrow_client)
        finally:
            self.close()

    @contextmanager
    def open_archive(self) -> Iterator[Archive]:
        try:
            yield MongoDBArchive(self._settings, self._borrow_client)
        finally:
            self.close()

    def has_changed_files(self) -> bool:
        return self._client.has_changed_files()

    def close(self) -> None:
        self._client.close()

    def _insert(self, collection: Collection[dict[str, Any]], rows: Rows, outcome: _BatchOutcome) -> None:
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
            self._insert(collection, Rows(rows.indexes[part], rows.data[part]), outcome)

    def _refuse_closing(self, index: int, target: str, outcome: _BatchOutcome) -> None:
        """Add a refusal for a document at which the server closes the connection."""
        reason = "the server closes the connection at this document"
        may_reject = self._settings.unknown_refusals == "dead_letter"
        error = Retryable(reason, location=self._at, hint="read the log of the server")
        rejection = Rejection(index, "ConnectionClosed", reason, target=target)
        outcome.refuse(rejection, error, "unclear" if may_reject else "kept")

    def _insert_once(self, collection: Collection[dict[str, Any]], rows: Rows, outcome: _BatchOutcome) -> None:
        try:
            self._ensure_ttl_index(collection)
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
        self, failure: pymongo.errors.OperationFailure, target: str, rows: Rows, outcome: _BatchOutcome
    ) -> None:
        """Add a refusal for each row of a refused command. Raise `failure` if it is about the whole sink."""
        details = codes.details_of(failure)
        if codes.is_about_sink(details):
            raise failure
        error = codes.error_of(details, self._at, self._names(target))
        for index in rows.indexes:
            outcome.refuse(self._rejection(index, str(failure.code), details, target), error, "target")

    def _collect(
        self, details: Any, collection: Collection[dict[str, Any]], rows: Rows, outcome: _BatchOutcome
    ) -> None:
        """Add the result of each row to `outcome`. Rows without an error are stored. Raise `DeliveryError` if the
        write concern was not met.
        """
        for unmet in details["writeConcernErrors"]:
            raise codes.error_of(unmet, self._at, prefix="the write concern was not met: ")
        errors = {error["index"]: error for error in details["writeErrors"]}
        if not all(type(position) is int and 0 <= position < len(rows.data) for position in errors):
            raise _unreadable(KeyError("index"), self._at)
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

    def _reject(self, error: Any, index: int, target: str, has_stored: bool, outcome: _BatchOutcome) -> None:
        is_duplicate = error.get("code") in codes.DUPLICATE_KEY_CODES
        kind = "DuplicateKey" if is_duplicate else codes.document_error_name(error)
        rejection = self._rejection(index, kind or f"code {error.get('code')}", error, target)
        if kind:
            outcome.rejected.append(rejection)
            return
        failure = codes.error_of(error, self._at, self._names(target))
        if codes.is_retryable(error):
            outcome.error = outcome.error or failure
        else:
            may_reject = self._settings.unknown_refusals == "dead_letter"
            scope = codes.scope_of(error, has_stored=has_stored, may_reject_unknown=may_reject)
            outcome.refuse(rejection, failure, scope)

    def _rejection(self, index: int, kind: str, error: Any, target: str) -> Rejection:
        message = codes.message_of(error)
        reason = describe_reason(message, self._names(target))
        return Rejection(index, kind, reason, error.get("code"), target, shorten(message))

    def _names(self, target: str) -> tuple[str, ...]:
        """Return the names that the sidecar sends, and that its log may therefore contain."""
        return target, self._settings.database, self._settings.username

    def _ensure_ttl_index(self, collection: Collection[dict[str, Any]]) -> None:
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

    @contextmanager
    def _borrow_client(self) -> Iterator[_Client]:
        """Lend the client. The setting `timeout` limits the whole block."""
        with self._translate(), self._client.lend() as client, pymongo.timeout(self._settings.timeout):
            if not client.topology_description.has_writable_server():
                with pymongo.timeout(client.options.server_selection_timeout):
                    client.admin.command("ping")
            yield client

    @contextmanager
    def _translate(self) -> Iterator[None]:
        with translate_errors(DRIVER_ERRORS, self._at):
            try:
                yield
            except (pymongo.errors.ServerSelectionTimeoutError, *_UNREADABLE_RESPONSE_ERRORS):
                self._client.close()  # the driver keeps the first description of a server, even if it was not valid
                raise

    def _connect(self) -> _Client:
        given = self._settings
        options: dict[str, Any] = {
            "appname": "log-sidecar",
            "driver": OWN_CLIENT,
            "serverSelectionTimeoutMS": _SERVER_SELECTION_MS,
            "retryWrites": False,  # the sidecar retries; the driver would use up the time limit
            "retryReads": False,
            "connectTimeoutMS": int(given.timeout * 1000) or 1,
            "socketTimeoutMS": int(given.timeout * 1000) or 1,
        }
        chosen = {key.lower() for key, _ in parse_qsl(urlsplit(given.url).query)}
        options = {key: value for key, value in options.items() if key.lower() not in chosen}
        options |= {"w": given.write_concern, "journal": given.journal}
        if given.username:
            options |= {"username": given.username, "password": read_secret(given.password, given.password_file)}
        if given.ca_file is not None:
            options |= {"tls": True, "tlsCAFile": str(given.ca_file)}
        bound_replies()
        return pymongo.MongoClient(given.url, **options)


def _close(client: _Client) -> None:
    """Close the client without waiting for a server that does not answer. Its sessions expire on the server."""
    with pymongo.timeout(_CLOSE_S):
        client.close()


def _group_by_target(names: str | Sequence[str], rows: Rows) -> dict[str, Rows]:
    """Return the rows by collection."""
    if isinstance(names, str):
        return {names: rows} if rows.data else {}
    groups: dict[str, Rows] = {}
    for index, data in zip(rows.indexes, rows.data, strict=True):
        group = groups.setdefault(names[index], Rows([], []))
        group.indexes.append(index)
        group.data.append(data)
    return groups


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


def _unreachable(error: pymongo.errors.PyMongoError, at: str) -> DeliveryError:
    """Return the error for an unreachable server. The driver reports the cause only as text, once per host."""
    text = re.split(r" \(configured timeouts|, Timeout: ", str(error))[0]
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return tls_error(re.sub(r".*certificate verify failed: |\(_ssl\.c.*", "", text), at)
    if _UNRESOLVED.search(text):
        return dns_error(at)
    return unreachable_error(text, at)


def _refused(error: pymongo.errors.OperationFailure | pymongo.errors.NotPrimaryError, at: str) -> DeliveryError:
    return codes.error_of(codes.details_of(error), at)


def _misconfigured(error: pymongo.errors.ConfigurationError, at: str) -> DeliveryError:
    """Return the error for a URL that the driver refuses, or for a `mongodb+srv://` name that DNS cannot resolve."""
    if type(error.__cause__).__module__.startswith("dns."):
        return dns_error(at)
    return Misconfigured(
        f"the driver rejects the settings ({shorten(str(error))})", location=at, hint="check the URL"
    )


def _retry_later(error: Exception, at: str) -> DeliveryError:
    return Retryable(
        f"the request failed ({type(error).__name__})", location=at, hint="wait until the server recovers"
    )


def _unreadable(_: Exception, at: str) -> DeliveryError:
    advice = "check that the server is MongoDB, and the proxies in front of it"
    return Retryable("the response cannot be read", location=at, hint=advice)


def _too_large(_: Exception, at: str) -> DeliveryError:
    return RequestTooLarge("the request is too large", location=at, hint="lower batch_bytes")


def _driver_refuses(error: Exception, at: str) -> DeliveryError:
    return Misconfigured(
        f"the driver rejects the request ({type(error).__name__})", location=at, hint=_CHECK_SETTINGS
    )


def _bad_files(error: ssl.SSLError, at: str) -> DeliveryError:
    return Misconfigured(
        f"the certificate files cannot be used ({error.reason})", location=at, hint="check that they are PEM"
    )


DRIVER_ERRORS: ErrorTable = {
    pymongo.errors.PyMongoError: _retry_later,
    pymongo.errors.ProtocolError: _retry_later,
    pymongo.errors.ConnectionFailure: _unreachable,
    pymongo.errors.AutoReconnect: _unreachable,
    pymongo.errors.NetworkTimeout: _unreachable,
    pymongo.errors.NotPrimaryError: _refused,
    pymongo.errors.ServerSelectionTimeoutError: _unreachable,
    pymongo.errors.WaitQueueTimeoutError: _unreachable,
    pymongo.errors._OperationCancelled: _unreachable,
    pymongo.errors.InvalidOperation: _retry_later,
    pymongo.errors.ExecutionTimeout: _retry_later,
    pymongo.errors.CursorNotFound: _retry_later,
    pymongo.errors.WriteConcernError: _refused,
    pymongo.errors.WTimeoutError: _retry_later,
    pymongo.errors.OperationFailure: _refused,
    pymongo.errors.WriteError: _refused,
    pymongo.errors.DuplicateKeyError: _refused,
    pymongo.errors.BulkWriteError: _refused,
    pymongo.errors.ClientBulkWriteException: _refused,
    pymongo.errors.ConfigurationError: _misconfigured,
    pymongo.errors.InvalidURI: _misconfigured,
    pymongo.errors.InvalidName: _driver_refuses,
    pymongo.errors.CollectionInvalid: _driver_refuses,
    pymongo.errors.EncryptionError: _driver_refuses,
    pymongo.errors.EncryptedCollectionError: _driver_refuses,
    bson.errors.BSONError: _driver_refuses,
    bson.errors.InvalidDocument: _driver_refuses,
    bson.errors.InvalidStringData: _driver_refuses,
    bson.errors.InvalidId: _driver_refuses,
    bson.errors.InvalidBSON: _retry_later,
    pymongo.errors.DocumentTooLarge: _too_large,
    ssl.SSLError: _bad_files,
    ReplyTooLarge: _unreadable,
    **dict.fromkeys(_UNREADABLE_RESPONSE_ERRORS, _unreadable),
}
"""Exception of the driver → function that returns the error. A test fails if a class is missing."""
