"""Documents as BSON: the projection that is written down in docs/mongodb.md.

Nearly every document can be encoded as it was decoded; only one that cannot takes the long way, value by value.
What BSON's own library has to offer comes in from outside, since only the sink's module may know the driver.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from sidecar.flow import Batch, Rejection

MAX_DEPTH = 100
"""Levels of nesting that MongoDB supports, the document itself being the first."""

MAX_BYTES = 16 << 20
"""Size of a document that MongoDB takes."""

_INT64 = range(-(2**63), 2**63)
_INFINITE = (float("inf"), float("-inf"))


class TooDeep(ValueError):
    """The document is nested more deeply than `MAX_DEPTH`."""


@dataclass(frozen=True, slots=True)
class Row:
    """A document on its way: its index in the batch, its `_id`, and its BSON."""

    index: int
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Encoder:
    """Makes documents BSON.

    `encode` raises one of `faults` for a document that it cannot hold as it is; `decimal` makes a decimal number of
    digits, or raises `ArithmeticError`.
    """

    encode: Callable[[dict[str, Any]], bytes]
    decimal: Callable[[str], Any]
    faults: tuple[type[Exception], ...]

    def rows(self, batch: Batch, names: str | Sequence[str], rejected: list[Rejection]) -> list[Row]:
        """All documents that can be sent; the others are added to `rejected`, with their collection from `names`."""
        rows = []
        for index, (key, text, found) in enumerate(zip(batch.ids, batch.documents, _objects(batch), strict=True)):
            data = self._encoded(key, text, found)
            if isinstance(data, bytes) and len(data) <= MAX_BYTES:
                rows.append(Row(index, key, data))
            else:
                target = names if isinstance(names, str) else names[index]
                rejected.append(_rejection(index, data, target))
        return rows

    def _encoded(self, key: str, text: str, found: dict[str, Any] | None) -> bytes | Exception:
        """The document as BSON, or why it cannot be that."""
        if found is not None and text.count("{") + text.count("[") <= MAX_DEPTH:
            try:
                return self._with_id(key, found, _date)
            except self.faults:
                pass  # told below, if the careful way fails as well
        try:
            return self._with_id(key, careful(text, self.decimal), _date_in_range)
        except TooDeep as error:
            return error
        except self.faults as error:
            return error

    def _with_id(self, key: str, document: dict[str, Any], date: Callable[[str], datetime | str]) -> bytes:
        set_dates(document, date)
        document["_id"] = key
        return self.encode(document)


def _rejection(index: int, data: bytes | Exception, target: str) -> Rejection:
    if isinstance(data, bytes):
        reason = f"the document has {len(data)} bytes, MongoDB takes {MAX_BYTES}"
        return Rejection(index, "BSONObjectTooLarge", reason, 10334, target)
    if isinstance(data, TooDeep):
        return Rejection(index, "Overflow", f"nested deeper than {MAX_DEPTH} levels", 15, target)
    return Rejection(index, "InvalidBSON", f"BSON cannot hold it ({type(data).__name__})", 22, target)


def _objects(batch: Batch) -> Sequence[dict[str, Any] | None]:
    """Each document decoded at the speed of C; None for all of them if one cannot be."""
    try:
        return batch.objects()
    except (msgspec.MsgspecError, RecursionError):
        return [None] * len(batch)


def set_dates(document: dict[str, Any], date: Callable[[str], datetime | str]) -> None:
    """Make our two times dates, where they are times; anything else in their place stays what it is."""
    written = document.get("@timestamp")
    if type(written) is str:
        document["@timestamp"] = date(written)
    event = document.get("event")
    if type(event) is dict and type(event.get("ingested")) is str:
        event["ingested"] = _repeated_date(event["ingested"])


def careful(text: str, decimal: Callable[[str], Any]) -> dict[str, Any]:
    """The document with every value and key in a form that BSON can hold. Raises `TooDeep`."""
    walk = _Walk(decimal)
    try:
        found = json.loads(text, parse_int=walk.integer, parse_float=walk.fraction)
    except RecursionError:
        raise TooDeep from None
    document: dict[str, Any] = walk.value(found, 1)
    return document


class _Walk:
    """Goes through a document that BSON cannot hold as it is."""

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
            return _text(value)
        if not isinstance(value, dict | list):
            return value
        if depth > MAX_DEPTH:
            raise TooDeep
        if isinstance(value, list):
            return [self.value(each, depth + 1) for each in value]
        members: dict[str, Any] = {}
        for key, each in value.items():
            members[_free(_key(key), key, value, members)] = self.value(each, depth + 1)
        return members

    def _exact(self, digits: str) -> Any:
        try:
            return self._decimal(digits)
        except ArithmeticError:
            return digits


def _text(text: str) -> str:
    """Half a surrogate pair, which UTF-8 cannot express, as the escape that stood in the log."""
    return text.encode("utf-8", "backslashreplace").decode()


def _key(key: str) -> str:
    """A key of BSON ends at the first NUL, so a NUL is written as the escape that stood in the log."""
    return _text(key).replace("\0", "\\u0000")


def _free(wanted: str, key: str, value: dict[str, Any], members: dict[str, Any]) -> str:
    while wanted != key and (wanted in value or wanted in members):
        wanted += "_"
    return wanted


def _date(text: str) -> datetime | str:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


def _date_in_range(text: str) -> datetime | str:
    """The same, but a moment that is outside the years 1 to 9999 in UTC stays text."""
    found = _date(text)
    try:
        return found.astimezone(UTC) if isinstance(found, datetime) else found
    except OverflowError:
        return text


_repeated_date = lru_cache(maxsize=64)(_date)
