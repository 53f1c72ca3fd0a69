"""What the sink remembers: the resume token in the state, and the records of the positions topic.

The last message of each transaction is a record in the positions topic with the ids of all its documents. The resume
token is the offset after the last record whose documents are settled in the state. So after a crash, the records from
this offset on name the documents that are committed in Kafka, but not settled in the state. They are not sent again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise

import msgspec

_MAX_DIGITS = 18


class PackedIds(msgspec.Struct, frozen=True):
    """Ids in few bytes."""

    offsets: Mapping[str, Sequence[int]] = {}
    """Generation → the first offset, and the distance of each further one."""

    others: Sequence[str] = ()
    """Ids that are not generation and offset, such as those of copies of dead letters."""


class ResumeToken(msgspec.Struct, frozen=True):
    """The position of the sink, as it is committed with the checkpoints."""

    transactional_id: str
    """The id of the transactions so far. It is kept when the name of the Pod changes, because it finishes them."""

    partition: int
    """Partition of the positions topic."""

    offset: int
    """Offset in the positions topic from which on records have to be read."""

    unsettled: PackedIds = PackedIds()
    """Documents of earlier records that are committed in Kafka, but not settled in the state yet."""


class PositionRecord(msgspec.Struct, frozen=True):
    """A record of the positions topic. Its key is the transactional id."""

    writer: str
    """Identifies the sink object that has written the record. Another one means that it has taken over."""

    stored: PackedIds = PackedIds()
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


def pack_ids(ids: Iterable[str]) -> PackedIds:
    """Return these ids in few bytes."""
    offsets: dict[str, list[int]] = {}
    others: list[str] = []
    for name in ids:
        generation, separator, offset = name.rpartition("-")
        if separator and _is_number(offset):
            offsets.setdefault(generation, []).append(int(offset))
        else:
            others.append(name)
    return PackedIds({key: list(_distances(sorted(found))) for key, found in offsets.items()}, others)


def unpack_ids(packed: PackedIds) -> Collection[str]:
    """Return the ids."""
    rows = packed.offsets.items()
    return {*packed.others, *(f"{generation}-{offset}" for generation, steps in rows for offset in accumulate(steps))}


def _is_number(text: str) -> bool:
    """Return whether the text is what `str` makes of a number."""
    is_short = text.isdecimal() and text.isascii() and len(text) <= _MAX_DIGITS
    return is_short and (text[0] != "0" or text == "0")


def _distances(offsets: list[int]) -> Iterator[int]:
    yield offsets[0]
    yield from (after - before for before, after in pairwise(offsets))
