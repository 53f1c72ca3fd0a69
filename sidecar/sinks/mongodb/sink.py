"""The sink for MongoDB: sends unordered inserts, and returns the result of each document.

The `_id` of a document is its position in the file. So if a stored document is sent again, the server answers that it
exists (E11000). A document that BSON cannot represent, or that is too large, is rejected before the request.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import bson
import bson.errors
import pymongo
import pymongo.errors
from bson.decimal128 import Decimal128

from sidecar.errors import DeliveryError, Retryable
from sidecar.lib.clock import Clock, SystemClock
from sidecar.model.batch import Batch, WriteResult
from sidecar.model.documents import BulkFraming
from sidecar.sinks.archive_contract import Archive
from sidecar.sinks.common.credentials import ReloadingClient, read_secret
from sidecar.sinks.common.errors import translate_errors
from sidecar.sinks.common.foreign_server import foreign_server_error
from sidecar.sinks.common.target_limit import RoutedSink, TargetLimiter
from sidecar.sinks.contract import ProbeResult
from sidecar.sinks.mongodb.archive import MongoDBArchive
from sidecar.sinks.mongodb.bson_encoder import LINES, Encoder, Rows
from sidecar.sinks.mongodb.control_plane import find_warnings, name_foreign_server, name_server
from sidecar.sinks.mongodb.driver_errors import DRIVER_ERRORS, UNREADABLE_RESPONSE_ERRORS
from sidecar.sinks.mongodb.inserts import BatchOutcome, Inserter
from sidecar.sinks.mongodb.replies import OWN_CLIENT, bound_replies
from sidecar.sinks.mongodb.settings import MongoDBSettings
from sidecar.sinks.mongodb.setup import MongoDBSetup, plan_objects
from sidecar.sinks.setup_contract import ServerObject, SetupConnection

__all__ = ["DRIVER_ERRORS", "MongoDBSettings", "MongoDBSink"]

_SERVER_SELECTION_MS = 5000
_CLOSE_S = 1.0

_ENCODER = Encoder(bson.encode, Decimal128, (bson.errors.BSONError, OverflowError, UnicodeEncodeError))
_Client = pymongo.MongoClient[dict[str, Any]]


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
        self._inserter = Inserter(settings, self._translate)
        self._client = ReloadingClient(settings.files(), self._connect, _close)

    def open(self) -> None:
        """Connect and authenticate. Create the index for `expire_after`, if it is set."""
        with self._borrow_client() as client:
            client.admin.command("ping")
            if self._collection.fixed is not None:
                self._inserter.ensure_ttl_index(client[self._settings.database][self._collection.fixed])

    @property
    def envelope(self) -> BulkFraming:
        """The input format of the BSON encoder."""
        return LINES

    def write(self, batch: Batch) -> WriteResult:
        routed = self._limiter.route(batch)
        names = routed.names
        outcome = BatchOutcome()
        rows = _ENCODER.encode_batch(batch, names, outcome.rejected)
        with self._borrow_client() as client:
            database = client[self._settings.database]
            for name, group in _group_by_target(names, rows).items():
                try:
                    self._inserter.insert(database[name], group, outcome)
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
                raise foreign_server_error(name, self._at, "MongoDB", "add tls=true to the URL") from error
            raise

    def _probe(self) -> ProbeResult:
        name = self._collection.render(datetime.fromtimestamp(self._clock.now(), UTC))
        refused = {"_id": ["log-sidecar-probe"]}
        outcome = BatchOutcome()
        with self._borrow_client() as client:
            database = client[self._settings.database]
            result = ProbeResult(name_server(client), find_warnings(database, name))
            collection = database[name]
            self._inserter.insert(collection, Rows([0], [bson.encode(refused)]), outcome)
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
            except (pymongo.errors.ServerSelectionTimeoutError, *UNREADABLE_RESPONSE_ERRORS):
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
