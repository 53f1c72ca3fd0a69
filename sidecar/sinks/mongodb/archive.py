"""Reads and deletes the documents of a collection, for a replay of dead letters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from pymongo import MongoClient

from sidecar.errors import Misconfigured
from sidecar.sinks.archive_contract import StoredDocument
from sidecar.sinks.mongodb.settings import MongoDBSettings

_PAGE = 500

Borrow = Callable[[], AbstractContextManager[MongoClient[dict[str, Any]]]]


class MongoDBArchive:
    """Implements `Archive`. `borrow` lends the client, with a time limit, and translates its errors."""

    def __init__(self, settings: MongoDBSettings, borrow: Borrow) -> None:
        self._settings, self._borrow = settings, borrow
        if settings.template().fixed is None:
            raise Misconfigured(
                "the name of the collection has a date or a field, so its documents cannot be read back",
                location=settings.destination(), hint="write dead letters to a collection with a fixed name",
            )  # fmt: skip

    def read(self) -> Iterator[StoredDocument]:
        last: Any = None
        while page := self._page(last):
            for document in page:
                yield StoredDocument(document["_id"], {name: _as_text(value) for name, value in document.items()})
            last = page[-1]["_id"]

    def _page(self, last: Any) -> list[dict[str, Any]]:
        """Return the next documents in the order of `_id`: those after `last`, or the first ones if it is None.

        A time limit applies to each page, not to the whole replay.
        """
        with self._borrow() as client:
            collection = client[self._settings.database][self._settings.collection]
            following = {} if last is None else {"_id": {"$gt": last}}
            return list(collection.find(following).sort("_id", 1).limit(_PAGE))

    def delete(self, keys: Iterable[Any]) -> None:
        with self._borrow() as client:
            collection = client[self._settings.database][self._settings.collection]
            collection.delete_many({"_id": {"$in": list(keys)}})


def _as_text(value: Any) -> Any:
    """Return a time as RFC 3339 text, as it was before the sink stored it as a date."""
    return value.replace(tzinfo=UTC).isoformat() if isinstance(value, datetime) else value
