"""The documents of a transaction, and those because of which it was aborted."""

from __future__ import annotations

from typing import Literal

import msgspec

from sidecar.errors import DeliveryError


class Row(msgspec.Struct, frozen=True):
    """A document to send."""

    index: int
    """Index in the batch."""

    topic: str
    id: str
    document: str


class Failure(msgspec.Struct, frozen=True):
    """A document because of which a transaction was aborted."""

    row: Row
    cause: Literal["size", "document", "topic", "some topic", "shard"]
    """What the brokers do not accept. `some topic`: that of at least one of the documents. `shard`: a partition of
    the topic is unavailable, or refuses messages for an unknown reason.
    """

    name: str
    """Name of the error, as Kafka calls it."""

    reason: str
    error: DeliveryError
