"""The answer to a bulk request, decoded at the speed of C, and what it says of each document.

`DOCUMENT_FAULTS` is the list of errors that are known to be about the document. Whatever is not listed is taken as a
matter of the set-up: shouted about and tried again, and never a flood of dead letters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import msgspec

from sidecar.errors import DeliveryError, Misconfigured, Retryable
from sidecar.model.batch import Rejection, WriteResult
from sidecar.sinks.common.errors import shorten

WANTED = "errors,items.*.status,items.*.error,items.*.failure_store"
"""The `filter_path` that asks for exactly what is decoded here."""

BUSY = frozenset({429, 500, 502, 503, 504})
"""Statuses, of an item as of a whole request, that mean: later."""

DOCUMENT_FAULTS: dict[str, tuple[str, ...]] = {
    "document_parsing_exception": ("",),
    "mapper_parsing_exception": ("",),  # servers before 8.9, and OpenSearch
    "strict_dynamic_mapping_exception": ("",),
    "illegal_argument_exception": (
        "Malformed content, found extra data after parsing",
        "Document contains at least one immense term",
        "Limit of total fields",
        "Limit of mapping depth",
        "The number of nested documents has exceeded",
        "Field name [",
        "mapper [",
        "can't merge a non object mapping",
        "can't merge a non-nested mapping",
        "is a reserved field and should not be used",
    ),
    "mapper_exception": ("Limit of total fields", "Limit of mapping depth"),
    "x_content_parse_exception": ("",),  # text that cannot be read, found on the way to an ingest pipeline
    "fail_processor_exception": ("",),  # an ingest pipeline that refuses the document on purpose
}
"""`error.type` → beginnings or parts of `error.reason`, one of which must occur."""

_SET_UP_AFTER_ALL = "is in time_series mode"
_ADVICE = {
    "cluster_block_exception": "lift the block of the index, or free disk space first",
    "index_closed_exception": "open the index, or write to another one",
    "index_not_found_exception": "create the index, or allow action.auto_create_index",
    "invalid_index_name_exception": "choose another index",
    "security_exception": "give this user the privileges create_doc and auto_configure on the index",
    "routing_missing_exception": "write to an index that needs no routing",
}
_OTHER_ADVICE = "change the index or the settings of the sink; nothing is lost meanwhile"
# What a server quotes from a document: the value (Preview …), the source text (at [Source …), the bytes of a term.
_QUOTED = re.compile(
    r"\.?\s*(Preview of field's value: |at \[Source: | The prefix of the first immense term is: ).*", re.DOTALL
)
_LONGEST_REASON = 4096
"""Characters of a reason that are looked at; what is told of it is shorter still."""
_CREATED = b'{"create":{"status":201}}'
_HEAD, _TAIL = b'{"errors":false,"items":[', b"]}"


class ErrorCause(msgspec.Struct, gc=False):
    """`error` of an item."""

    type: str = ""
    reason: str | None = None


class BulkItemStatus(msgspec.Struct, gc=False):
    """What an item says of its document."""

    status: Annotated[int, msgspec.Meta(ge=100, le=999)]
    error: ErrorCause | None = None
    failure_store: str = ""


class Item(msgspec.Struct, gc=False):
    """One item; only `create` is ever sent."""

    create: BulkItemStatus


class BulkResponse(msgspec.Struct, gc=False):
    """The whole answer; `error` is set instead when the request was refused as a whole."""

    errors: bool | None = None
    items: list[Item] = []
    error: msgspec.Raw = msgspec.Raw()

    def cause(self) -> ErrorCause:
        """Return `error`, an empty one if it is not written as Elasticsearch does."""
        try:
            return _CAUSES.decode(self.error)
        except msgspec.DecodeError:
            return ErrorCause()


class Created(msgspec.Struct, frozen=True):
    """The answer of nearly every request: all of `count` documents were created."""

    count: int


_ANSWERS = msgspec.json.Decoder(BulkResponse)
_CAUSES = msgspec.json.Decoder(ErrorCause)


def decode_response(data: bytes) -> BulkResponse | Created:
    """The answer to a bulk request that asked for `WANTED`. Raises `ValueError` if it is not one."""
    count, rest = divmod(len(data) - len(_HEAD) - len(_TAIL) + 1, len(_CREATED) + 1)
    if not rest and data == _HEAD + b",".join([_CREATED] * count) + _TAIL:
        return Created(count)
    return _ANSWERS.decode(data)


def collect_results(answer: object, count: int, names: str | Sequence[str], at: str) -> WriteResult:
    """What became of each of `count` documents. Raises `Retryable` if the answer does not speak of just these."""
    if isinstance(answer, Created) and answer.count == count:
        return WriteResult(range(count))
    if not isinstance(answer, BulkResponse) or answer.errors is None or len(answer.items) != count:
        raise Retryable(
            f"the answer to a bulk request does not speak of each of its {count} documents",
            location=at, hint="check the proxies in front of Elasticsearch",
        )  # fmt: skip
    return _Judgement(names, at).of([item.create for item in answer.items])


class _Judgement:
    """Goes through the items one by one."""

    def __init__(self, names: str | Sequence[str], at: str) -> None:
        self._names = names
        self._at = at
        self._stored: list[int] = []
        self._rejected: list[Rejection] = []
        self._fault: DeliveryError | None = None
        self._already = 0

    def of(self, outcomes: Sequence[BulkItemStatus]) -> WriteResult:
        for index, outcome in enumerate(outcomes):
            self._take(index, outcome)
        stored = range(len(outcomes)) if len(self._stored) == len(outcomes) else self._stored
        diverted = sum(outcome.failure_store == "used" for outcome in outcomes)
        return WriteResult(stored, self._rejected, self._fault, self._already, diverted)

    def _take(self, index: int, outcome: BulkItemStatus) -> None:
        error = outcome.error or ErrorCause()
        if 200 <= outcome.status < 300:
            self._stored.append(index)
        elif outcome.status == 409 and error.type in ("version_conflict_engine_exception", ""):
            self._stored.append(index)
            self._already += 1
        elif outcome.status == 400 and _about_the_document(error):
            reason = describe_cause(error.reason or error.type)
            self._rejected.append(Rejection(index, error.type, reason, outcome.status, self._target(index)))
        elif self._fault is None or (isinstance(self._fault, Retryable) and outcome.status not in BUSY):
            self._fault = _error_of(outcome.status, error, self._target(index), self._at)

    def _target(self, index: int) -> str:
        return self._names if isinstance(self._names, str) else self._names[index]


def describe_cause(reason: str) -> str:
    """The server's words, shortened, without what they quote from the document."""
    return shorten(_QUOTED.sub("", reason[:_LONGEST_REASON]))


def _about_the_document(error: ErrorCause) -> bool:
    reason = error.reason or ""
    known = any(part in reason for part in DOCUMENT_FAULTS.get(error.type, ()))
    return known and _SET_UP_AFTER_ALL not in reason


def _error_of(status: int, error: ErrorCause, target: str, at: str) -> DeliveryError:
    what = f"documents for {target} are not taken: {describe_cause(error.reason or '') or 'no reason given'}"
    detail = f"{what} ({status} {shorten(error.type)})"
    if status in BUSY:
        return Retryable(detail, location=at, hint=_ADVICE.get(error.type, "wait, or give the cluster more room"))
    if _SET_UP_AFTER_ALL in (error.reason or ""):
        return Misconfigured(detail, location=at, hint="set document_id: none")
    return Misconfigured(detail, location=at, hint=_ADVICE.get(error.type, _OTHER_ADVICE))
