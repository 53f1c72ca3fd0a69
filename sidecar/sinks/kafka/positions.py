"""What the sink remembers: the resume token in the state, and the records of the positions topic.

The last message of each transaction is a record in the positions topic with the ids of all its documents. The resume
token is the offset after the last record whose documents are settled in the state. So after a crash, the records from
this offset on name the documents that are committed in Kafka, but not settled in the state. They are not sent again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import accumulate, pairwise

import msgspec

Ids = Mapping[str, list[int]]
"""Ids in few bytes: the generation of each → the first offset, and the distance of each further one."""


class ResumeToken(msgspec.Struct, frozen=True):
    """The position of the sink, as it is committed with the checkpoints."""

    transactional_id: str
    """The id of the transactions so far. It is kept when the name of the Pod changes, because it finishes them."""

    partition: int
    """Partition of the positions topic."""

    offset: int
    """Offset in the positions topic from which on records have to be read."""

    unsettled: Ids = {}
    """Documents of earlier records that are committed in Kafka, but not settled in the state yet."""


class PositionRecord(msgspec.Struct, frozen=True):
    """A record of the positions topic. Its key is the transactional id."""

    writer: str
    """Identifies the sink object that has written the record. Another one means that it has taken over."""

    stored: Ids = {}
    """The documents of the transaction."""


_TOKEN = msgspec.json.Decoder(ResumeToken)
_RECORD = msgspec.msgpack.Decoder(PositionRecord)
_PACK = msgspec.msgpack.Encoder()


def decode_token(text: str) -> ResumeToken:
    """Return the token that `encode_token` has encoded."""
    return _TOKEN.decode(text)


def encode_token(token: ResumeToken) -> str:
    """Return the token as JSON, as the state stores it."""
    return msgspec.json.encode(token).decode()


def decode_record(data: bytes) -> PositionRecord:
    """Return the record that `encode_record` has encoded."""
    return _RECORD.decode(data)


def encode_record(record: PositionRecord) -> bytes:
    """Return the record as MessagePack, the value of its message."""
    return _PACK.encode(record)


def pack_ids(ids: Iterable[str]) -> Ids:
    """Return these ids in few bytes."""
    offsets: dict[str, list[int]] = {}
    for name in ids:
        generation, _, offset = name.rpartition("-")
        offsets.setdefault(generation, []).append(int(offset))
    return {generation: list(_distances(sorted(found))) for generation, found in offsets.items()}


def unpack_ids(packed: Ids) -> Collection[str]:
    """Return the ids."""
    return {f"{generation}-{offset}" for generation, steps in packed.items() for offset in accumulate(steps)}


def _distances(offsets: list[int]) -> Iterator[int]:
    yield offsets[0]
    yield from (after - before for before, after in pairwise(offsets))
