"""The contract of a sink from which dead letters can be replayed (`sidecar dead-letters replay --from`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

import msgspec


class StoredDocument(msgspec.Struct, frozen=True):
    """A document that was read from a sink."""

    key: Any
    """What the sink needs to delete the document."""

    content: Mapping[str, Any]


class Archive(Protocol):
    """A connection to the index or collection of a sink. Its methods raise `DeliveryError`."""

    def read(self) -> Iterator[StoredDocument]:
        """Yield all documents."""
        ...

    def delete(self, keys: Iterable[Any]) -> None:
        """Delete these documents."""
        ...


@runtime_checkable
class ArchivingSink(Protocol):
    """A sink whose documents can be read and deleted."""

    def open_archive(self) -> AbstractContextManager[Archive]:
        """Connect to the server with the credentials of the sink. Raise `DeliveryError`."""
        ...
