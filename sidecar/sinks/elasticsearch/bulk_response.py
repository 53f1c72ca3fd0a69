"""The response to a bulk request, and the result for each document.

`DOCUMENT_ERRORS` lists the errors that are known to be about the document. Every other error counts as a wrong
set-up: it is logged and retried, so that a wrong set-up cannot fill the dead letters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import msgspec

from sidecar.errors import DeliveryError, Misconfigured, Retryable
from sidecar.model.batch import Rejection, WriteResult
from sidecar.sinks.common.errors import shorten

FILTER_PATH = "errors,items.*.status,items.*.error,items.*.failure_store"
"""The `filter_path` for exactly the fields that are decoded here."""

RETRYABLE_STATUSES = frozenset({429, 500, 502, 503, 504})
"""Statuses of an item or of a whole request that mean: try again later."""

DOCUMENT_ERRORS: dict[str, tuple[str, ...]] = {
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
"""`error.type` → parts of `error.reason`, one of which must occur."""

_TIME_SERIES_REASON = "is in time_series mode"
_HINTS = {
    "cluster_block_exception": "lift the block of the index, or free disk space first",
    "index_closed_exception": "open the index, or write to another one",
    "index_not_found_exception": "create the index, or allow action.auto_create_index",
    "invalid_index_name_exception": "choose another index",
    "security_exception": "give this user the privileges create_doc and auto_configure on the index",
    "routing_missing_exception": "write to an index that needs no routing",
}
_DEFAULT_HINT = "change the index or the settings of the sink; nothing is lost meanwhile"
# What a server quotes from a document: the value (Preview …), the source text (at [Source …), the bytes of a term.
_QUOTED = re.compile(
    r"\.?\s*(Preview of field's value: |at \[Source: | The prefix of the first immense term is: ).*", re.DOTALL
)
_MAX_REASON_CHARACTERS = 4096
"""Characters of a reason that are read; the message is shorter."""
_CREATED = b'{"create":{"status":201}}'
_HEAD, _TAIL = b'{"errors":false,"items":[', b"]}"


class ErrorCause(msgspec.Struct, gc=False):
    """`error` of an item."""

    type: str = ""
    reason: str | None = None


class BulkItemStatus(msgspec.Struct, gc=False):
    """Result of one document."""

    status: Annotated[int, msgspec.Meta(ge=100, le=999)]
    error: ErrorCause | None = None
    failure_store: str = ""


class Item(msgspec.Struct, gc=False):
    """One item. `create` is the only action that is sent."""

    create: BulkItemStatus


class BulkResponse(msgspec.Struct, gc=False):
    """The whole response. If the whole request was rejected, `error` is set instead."""

    errors: bool | None = None
    items: list[Item] = []
    error: msgspec.Raw = msgspec.Raw()

    def cause(self) -> ErrorCause:
        """Return `error`, or an empty one if it has another form than that of Elasticsearch."""
        try:
            return _CAUSES.decode(self.error)
        except msgspec.DecodeError:
            return ErrorCause()


class Created(msgspec.Struct, frozen=True):
    """The usual response: all `count` documents were created."""

    count: int


_RESPONSES = msgspec.json.Decoder(BulkResponse)
_CAUSES = msgspec.json.Decoder(ErrorCause)


def decode_response(data: bytes) -> BulkResponse | Created:
    """Decode the response to a request with `FILTER_PATH`. Raise `ValueError` if it is not one."""
    count, rest = divmod(len(data) - len(_HEAD) - len(_TAIL) + 1, len(_CREATED) + 1)
    if not rest and data == _HEAD + b",".join([_CREATED] * count) + _TAIL:
        return Created(count)
    return _RESPONSES.decode(data)


def collect_results(answer: object, count: int, names: str | Sequence[str], at: str) -> WriteResult:
    """Return the result of each document. Raise `Retryable` if the response has not `count` items."""
    if isinstance(answer, Created) and answer.count == count:
        return WriteResult(range(count))
    if not isinstance(answer, BulkResponse) or answer.errors is None or len(answer.items) != count:
        raise Retryable(
            f"the answer to a bulk request does not speak of each of its {count} documents",
            location=at, hint="check the proxies in front of Elasticsearch",
        )  # fmt: skip
    return _ResultCollector(names, at).collect([item.create for item in answer.items])


class _ResultCollector:
    """Collects the results of single items."""

    def __init__(self, names: str | Sequence[str], at: str) -> None:
        self._names = names
        self._at = at
        self._stored: list[int] = []
        self._rejected: list[Rejection] = []
        self._error: DeliveryError | None = None
        self._duplicates = 0

    def collect(self, statuses: Sequence[BulkItemStatus]) -> WriteResult:
        for index, status in enumerate(statuses):
            self._add(index, status)
        stored = range(len(statuses)) if len(self._stored) == len(statuses) else self._stored
        in_failure_store = sum(status.failure_store == "used" for status in statuses)
        return WriteResult(stored, self._rejected, self._error, self._duplicates, in_failure_store)

    def _add(self, index: int, status: BulkItemStatus) -> None:
        error = status.error or ErrorCause()
        if 200 <= status.status < 300:
            self._stored.append(index)
        elif status.status == 409 and error.type in ("version_conflict_engine_exception", ""):
            self._stored.append(index)
            self._duplicates += 1
        elif status.status == 400 and _is_document_error(error):
            reason = describe_cause(error.reason or error.type)
            self._rejected.append(Rejection(index, error.type, reason, status.status, self._target(index)))
        elif self._error is None or (isinstance(self._error, Retryable) and status.status not in RETRYABLE_STATUSES):
            self._error = _error_of(status.status, error, self._target(index), self._at)

    def _target(self, index: int) -> str:
        return self._names if isinstance(self._names, str) else self._names[index]


def describe_cause(reason: str) -> str:
    """Return the server's reason, shortened, without what it quotes from the document."""
    return shorten(_QUOTED.sub("", reason[:_MAX_REASON_CHARACTERS]))


def _is_document_error(error: ErrorCause) -> bool:
    reason = error.reason or ""
    known = any(part in reason for part in DOCUMENT_ERRORS.get(error.type, ()))
    return known and _TIME_SERIES_REASON not in reason


def _error_of(status: int, error: ErrorCause, target: str, at: str) -> DeliveryError:
    what = f"documents for {target} are not taken: {describe_cause(error.reason or '') or 'no reason given'}"
    detail = f"{what} ({status} {shorten(error.type)})"
    if status in RETRYABLE_STATUSES:
        return Retryable(detail, location=at, hint=_HINTS.get(error.type, "wait, or give the cluster more room"))
    if _TIME_SERIES_REASON in (error.reason or ""):
        return Misconfigured(detail, location=at, hint="set document_id: none")
    return Misconfigured(detail, location=at, hint=_HINTS.get(error.type, _DEFAULT_HINT))
