"""Encodes documents as BSON, as docs/reference/mongodb.md describes.

The documents of a chunk are encoded in one pass: by `_bson.c` if it is compiled, else by the driver as one array. If
this fails, documents are encoded one by one; if this fails too, value by value. The result is always the same bytes.
Functions of the driver are passed as arguments, because only the sink's module may import the driver.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from sidecar.model.batch import Batch, Rejection
from sidecar.model.documents import BulkFraming

try:
    from sidecar.sinks.mongodb._bson import documents as compiled
except ImportError:
    compiled = None  # type: ignore[assignment]

MAX_DEPTH = 100
"""Maximum levels of nesting in MongoDB. The document itself is the first level."""

MAX_BYTES = 16 << 20
"""Maximum size of a document in MongoDB."""

LINES = BulkFraming("", "\n")
"""The input format of the encoder: the `_id` of each document on one line, and the document on the next."""

_INT64 = range(-(2**63), 2**63)
_INFINITE = (float("inf"), float("-inf"))
_OBJECTS = msgspec.json.Decoder(dict[str, Any])
_LENGTH = struct.Struct("<i")


class TooDeep(ValueError):
    """The document has, or may have, more than `MAX_DEPTH` levels."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Documents to be sent: the index of each in its batch, and its BSON."""

    indexes: list[int]
    data: list[bytes]


@dataclass(frozen=True, slots=True)
class Encoder:
    """Encodes documents as BSON.

    `encode` encodes one document, and raises one of `errors` if BSON cannot represent it. `decimal` returns a decimal
    number for digits, or raises `ArithmeticError`. `compiled` encodes text in the format `LINES`; its result has None
    for a document that must be encoded alone.
    """

    encode: Callable[[dict[str, Any]], bytes]
    decimal: Callable[[str], Any]
    errors: tuple[type[Exception], ...]
    compiled: Callable[[bytes], list[bytes | None]] | None = compiled

    def encode_batch(self, batch: Batch, names: str | Sequence[str], rejected: list[Rejection]) -> Rows:
        """Return the documents that can be sent, and add the others to `rejected`.

        `names`: the collection of all documents, or of each.
        """
        rows = Rows([], [])
        encoded = (data for part in batch.parts for data in self._encode_each(part.encode(LINES)))
        for index, data in enumerate(encoded):
            if isinstance(data, bytes) and len(data) <= MAX_BYTES:
                rows.indexes.append(index)
                rows.data.append(data)
            else:
                rejected.append(_rejection(index, data, names if isinstance(names, str) else names[index]))
        return rows

    def encode_in_python(self, lines: bytes) -> list[bytes | None]:
        """Encode documents in the format `LINES` as one array. If this fails, return None for each document."""
        names, texts = _split_lines(lines)
        try:
            documents = _decode([f'{{"_id":"",{text[1:]}' for text in texts])
            for document, name in zip(documents, names, strict=True):
                document["_id"] = name
                set_dates(document, _parse_date)
            array = self.encode({"": documents})
        except self._encoding_errors:
            return [None] * len(texts)
        return [array[begin:end] for begin, end in _find_documents(array, len(texts))]

    @property
    def _encoding_errors(self) -> tuple[type[Exception], ...]:
        return (msgspec.MsgspecError, RecursionError, TooDeep, *self.errors)

    def _encode_each(self, lines: bytes) -> Sequence[bytes | Exception]:
        """Return each document as BSON, or the exception if it cannot be encoded."""
        encoded = self.compiled(lines) if self.compiled else self.encode_in_python(lines)
        usual = [data for data in encoded if data is not None]
        if len(usual) == len(encoded):
            return usual
        rows = zip(encoded, *_split_lines(lines), strict=True)
        return [self._encode_alone(name, text) if data is None else data for data, name, text in rows]

    def _encode_alone(self, name: str, text: str) -> bytes | Exception:
        """Return the document as BSON, or the exception if it cannot be encoded."""
        try:
            return self._with_id(name, _decode([text])[0], _parse_date)
        except self._encoding_errors:
            pass  # the error is returned below, if `encode_carefully` fails too
        try:
            return self._with_id(name, encode_carefully(text, self.decimal), _parse_date_in_range)
        except TooDeep as error:
            return error
        except self.errors as error:
            return error

    def _with_id(self, name: str, document: dict[str, Any], date: Callable[[str], datetime | str]) -> bytes:
        set_dates(document, date)
        document["_id"] = name
        return self.encode(document)


def _rejection(index: int, data: bytes | Exception, target: str) -> Rejection:
    if isinstance(data, bytes):
        reason = f"the document has {len(data)} bytes, and MongoDB allows {MAX_BYTES}"
        return Rejection(index, "BSONObjectTooLarge", reason, 10334, target)
    if isinstance(data, TooDeep):
        return Rejection(index, "Overflow", f"nested deeper than {MAX_DEPTH} levels", 15, target)
    return Rejection(index, "InvalidBSON", f"BSON cannot represent it ({type(data).__name__})", 22, target)


def _split_lines(lines: bytes) -> tuple[list[str], list[str]]:
    """Return the ids and the documents in a text of the format `LINES`."""
    apart = lines.decode().split("\n")
    return apart[:-1:2], apart[1::2]


def _decode(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return each document as a dictionary. Raise `TooDeep` if the number of brackets allows too many levels."""
    joined = "\n".join(texts)
    further = joined.count("{") + joined.count("[") - len(texts)  # each document has one bracket
    if further >= MAX_DEPTH and max(text.count("{") + text.count("[") for text in texts) > MAX_DEPTH:
        raise TooDeep
    encoded: list[dict[str, Any]] = _OBJECTS.decode_lines(joined)
    return encoded


def _find_documents(array: bytes, count: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of each document in the BSON of `{"": documents}`."""
    end = 10  # after two lengths, a type and an empty name
    for _ in range(count):
        begin = array.index(b"\0", end) + 1  # after a type, and the document's index in digits
        end = begin + _LENGTH.unpack_from(array, begin)[0]
        yield begin, end


def set_dates(document: dict[str, Any], date: Callable[[str], datetime | str]) -> None:
    """Convert `@timestamp` and `event.ingested` to dates. Keep values that are not timestamps."""
    written = document.get("@timestamp")
    if type(written) is str:
        document["@timestamp"] = date(written)
    event = document.get("event")
    if type(event) is dict and type(event.get("ingested")) is str:
        event["ingested"] = _parse_repeated_date(event["ingested"])


def encode_carefully(text: str, decimal: Callable[[str], Any]) -> dict[str, Any]:
    """Return the document with all keys and values converted to what BSON can represent. Raise `TooDeep`."""
    walk = _BsonWalk(decimal)
    try:
        encoded = json.loads(text, parse_int=walk.integer, parse_float=walk.fraction)
    except RecursionError:
        raise TooDeep from None
    document: dict[str, Any] = walk.value(encoded, 1)
    return document


class _BsonWalk:
    """Converts a document that BSON cannot represent, value by value."""

    def __init__(self, decimal: Callable[[str], Any]) -> None:
        self._decimal = decimal

    def integer(self, digits: str) -> Any:
        if len(digits) < 19 or (len(digits) < 21 and int(digits) in _INT64):
            return int(digits)
        return self._exact(digits)

    def fraction(self, digits: str) -> Any:
        number = float(digits)
        return self._exact(digits) if number in _INFINITE else number

    def value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return _escape_surrogates(value)
        if not isinstance(value, dict | list):
            return value
        if depth > MAX_DEPTH:
            raise TooDeep
        if isinstance(value, list):
            return [self.value(each, depth + 1) for each in value]
        members: dict[str, Any] = {}
        for key, each in value.items():
            members[_unused_key(_escape_key(key), key, value, members)] = self.value(each, depth + 1)
        return members

    def _exact(self, digits: str) -> Any:
        try:
            return self._decimal(digits)
        except ArithmeticError:
            return digits


def _escape_surrogates(text: str) -> str:
    """Return the text with unpaired surrogates, which UTF-8 cannot represent, as JSON escapes (`\\ud800`)."""
    return text.encode("utf-8", "backslashreplace").decode()


def _escape_key(key: str) -> str:
    """Return the key with each NUL as a JSON escape, because a key of BSON ends at the first NUL."""
    return _escape_surrogates(key).replace("\0", "\\u0000")


def _unused_key(wanted: str, key: str, value: dict[str, Any], members: dict[str, Any]) -> str:
    while wanted != key and (wanted in value or wanted in members):
        wanted += "_"
    return wanted


def _parse_date(text: str) -> datetime | str:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


def _parse_date_in_range(text: str) -> datetime | str:
    """Return the date, or the text if it is not a date, or not in the years 1 to 9999 in UTC."""
    encoded = _parse_date(text)
    try:
        return encoded.astimezone(UTC) if isinstance(encoded, datetime) else encoded
    except OverflowError:
        return text


_parse_repeated_date = lru_cache(maxsize=64)(_parse_date)
