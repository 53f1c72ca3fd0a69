"""Decodes the response to a bulk request, and returns the result of each document.

`DOCUMENT_ERRORS` lists the errors that are known to be about the document, `_TARGET_ERRORS` those that are known to
be about the index. For any other error, `deliver.evidence` decides by the results of the other documents.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Annotated

import msgspec
from msgspec.structs import replace

from sidecar.errors import DeliveryError, Misconfigured, RequestTooLarge, Retryable
from sidecar.model.batch import Refusal, RefusalScope, Rejection, WriteResult
from sidecar.sinks.common.errors import shorten
from sidecar.sinks.common.reasons import describe_kind, describe_reason

FILTER_PATH = "errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.failure_store"
"""The `filter_path` for exactly the fields that this module decodes."""

BRIEF_FILTER_PATH = "errors,items.*.status,items.*.error.type,items.*.failure_store"
"""`FILTER_PATH` without the reasons of errors, which quote the document."""

RETRYABLE_STATUSES = frozenset({429, 500, 502, 503, 504})
"""Statuses of an item or of a whole request after which the sidecar tries again later."""

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
    "x_content_parse_exception": ("",),  # invalid text, found before an ingest pipeline
    "fail_processor_exception": ("",),  # an ingest pipeline rejects the document on purpose
}
"""`error.type` → parts of `error.reason`, one of which must occur."""

_MAPPING_CHANGED = (
    "cannot be changed from type",
    "can't merge a non object mapping",
    "can't merge a non-nested mapping",
)
"""Reasons of a document for which the server has derived a mapping, while another request added a different one."""

_SHARD_ERRORS = frozenset({"unavailable_shards_exception", "no_shard_available_action_exception"})
"""No node has the shard of the document. The server has waited for it up to the time limit of the request."""

_SHARD_IS_FULL = "umber of documents in the index can"
"""Part of the reason if the shard of the document has as many documents as Lucene can hold."""

_TEMPORARY_ERRORS = frozenset({
    "node_closed_exception", "process_cluster_event_timeout_exception", "not_master_exception",
    "failed_to_commit_cluster_state_exception", "resource_already_exists_exception",
})  # fmt: skip
_TEMPORARY_REASONS = ("timed out while waiting for a dynamic mapping update",)
"""Errors of the cluster that pass by themselves. They can have the status 500."""

_TARGET_ERRORS = frozenset({
    "cluster_block_exception", "index_closed_exception", "index_not_found_exception", "invalid_index_name_exception",
    "invalid_alias_name_exception", "security_exception", "routing_missing_exception",
    "validation_exception",  # no more shards may be created
})  # fmt: skip
_NO_PIPELINE = "pipeline with id ["
_TARGET_REASONS = (
    "no write index is defined for alias", _NO_PIPELINE, "has more than one ind",
    "this action would add [",  # more shards than allowed; older servers call it an illegal argument
)  # fmt: skip
_NO_IDS_REASONS = ("is in time_series mode", "Document ID is not supported")
"""Parts of the reasons of time series, and of OpenSearch Serverless, which accept no ids."""

_CONFLICT = 409
_SAME_POINT_OF_SERIES = re.compile(r"\]\[[^]]*@\d{4}-\d\d-\d\dT")
"""In the reason of a conflict in a time series: its id is made of the dimensions and the time of the document."""

_BUSY_STATUSES = RETRYABLE_STATUSES - {500}
"""Statuses of items that are simply sent again. Not 500, because an ingest pipeline returns it for a single
document."""

_PERMISSION_STATUSES = (401, 403)
"""Statuses of items that never become dead letters, because an administrator has to grant the permission."""

_HINTS = {
    "cluster_block_exception": "if the disk is full, free space; then remove the block of the index",
    "index_closed_exception": "open the index, or write to another index",
    "index_not_found_exception": "create the index, or enable action.auto_create_index",
    "invalid_index_name_exception": "choose another name for the index",
    "security_exception": "give this user the privileges create_doc and auto_configure on the index",
    "routing_missing_exception": "write to an index that needs no routing",
}
_TOO_MANY_REQUESTS = 429
_MEMORY_FOR_INDEXING = re.compile(
    r"rejected execution of (?:coordinating|primary) operation \[.*"
    r"\b(?:coordinating|primary)_operation_bytes=(\d{1,18}), max_\w+_bytes=(\d{1,18})\b"
)
"""A reason with the bytes that an operation needs, and with the limit for all operations together."""

_REQUIRED = ("[require_alias]", "requires a data stream")
_CREATE_HINT = "create it with `sidecar setup`, or leave require_alias and require_data_stream out"
_DEFAULT_HINT = "change the index or the settings of the sink; lines wait in their files until then"
_NOT_STORED = 200
"""Status of a document that an ingest pipeline has dropped. A document that was created has the status 201."""

_CREATED = b'{"create":{"status":201}}'
_HEAD, _TAIL = b'{"errors":false,"items":[', b"]}"


class ErrorCause(msgspec.Struct, gc=False):
    """The `error` of an item."""

    type: str = ""
    reason: str | None = None


class BulkItemStatus(msgspec.Struct, gc=False):
    """The result of one document."""

    status: Annotated[int, msgspec.Meta(ge=100, le=999)]
    error: msgspec.Raw = msgspec.Raw()
    failure_store: str = ""

    def cause(self) -> ErrorCause:
        """Return `error`, or its text if it does not have the form of Elasticsearch's errors."""
        return _decode_cause(self.error)


class Item(msgspec.Struct, gc=False):
    """One item. The sidecar sends only the action `create`."""

    create: BulkItemStatus


class BulkResponse(msgspec.Struct, gc=False):
    """The whole response. If the whole request was rejected, `error` is set instead."""

    errors: bool | None = None
    items: list[Item] = []
    error: msgspec.Raw = msgspec.Raw()

    def cause(self) -> ErrorCause:
        """Return `error`, or an empty `ErrorCause` if it does not have the form of Elasticsearch's errors."""
        cause = _decode_cause(self.error)
        return cause if cause.type else ErrorCause()


class Created(msgspec.Struct, frozen=True):
    """The usual response: all `count` documents were created."""

    count: int


_RESPONSES = msgspec.json.Decoder(BulkResponse)
_CAUSES = msgspec.json.Decoder(ErrorCause)
_TEXTS = msgspec.json.Decoder(str)


def _decode_cause(error: bytes | msgspec.Raw) -> ErrorCause:
    try:
        return _CAUSES.decode(error)
    except msgspec.DecodeError:
        pass
    try:
        return ErrorCause(reason=_TEXTS.decode(error))
    except msgspec.DecodeError:
        return ErrorCause()


def decode_response(data: bytes) -> BulkResponse | Created:
    """Decode the response to a request with `FILTER_PATH`. Raise `ValueError` if `data` is not such a response."""
    count, rest = divmod(len(data) - len(_HEAD) - len(_TAIL) + 1, len(_CREATED) + 1)
    if not rest and data == _HEAD + b",".join([_CREATED] * count) + _TAIL:
        return Created(count)
    return _RESPONSES.decode(data)


def size_error(cause: ErrorCause, status: int, at: str) -> RequestTooLarge | None:
    """Return the error for an operation that needs more memory than all operations may use; None for another cause.

    The server refuses such an operation with the same error as one for which memory will be free later.
    """
    found = _MEMORY_FOR_INDEXING.match(cause.reason or "") if status == _TOO_MANY_REQUESTS else None
    if found is None or int(found[1]) <= int(found[2]):
        return None
    return RequestTooLarge(
        f"the request is too large (answered {status}: it needs {found[1]} bytes of memory for indexing, and the "
        f"limit is {found[2]})",
        location=at, hint="give the nodes more memory, or raise indexing_pressure.memory.limit", status=status,
    )  # fmt: skip


def list_mapping_races(result: WriteResult) -> list[int]:
    """Return the rejected documents that may fit the mapping that the index has by now."""
    return [each.index for each in result.rejected if any(reason in each.answer for reason in _MAPPING_CHANGED)]


def collect_results(
    answer: object, count: int, names: str | Sequence[str], at: str, *, sent_names: Collection[str] = (),
    may_reject_unknown: bool = True, picks_pipeline: bool = False,
    may_be_sent: Callable[[int], bool] = lambda index: True,
) -> WriteResult:  # fmt: skip
    """Return the result of each document.

    Raise `Retryable` if the response does not have `count` items, and `RequestTooLarge` if all of them are refused
    because of their size.

    `names`: the index of all documents, or of each. `sent_names`: other names that the sidecar sent, such as the
    ingest pipeline; the log may contain them. `may_reject_unknown`: whether a document may become a dead letter
    because of an unknown error. `picks_pipeline`: whether each document names its pipeline, so that an unknown
    pipeline is an error of the document. `may_be_sent`: whether an earlier request may have stored the document with
    this index, so that the document of a time series that excludes it may be itself.
    """
    if isinstance(answer, Created) and answer.count == count:
        return WriteResult(range(count))
    if not isinstance(answer, BulkResponse) or answer.errors is None or len(answer.items) != count:
        raise Retryable(
            f"the response to a bulk request of {count} documents does not have one result per document",
            location=at, hint="check the proxies in front of Elasticsearch",
        )  # fmt: skip
    collector = _ResultCollector(names, at, sent_names, may_reject_unknown, picks_pipeline, may_be_sent)
    return collector.collect([item.create for item in answer.items])


class _ResultCollector:
    """Collects the results of single items."""

    def __init__(
        self, names: str | Sequence[str], at: str, sent_names: Collection[str], may_reject_unknown: bool,
        picks_pipeline: bool, may_be_sent: Callable[[int], bool],
    ) -> None:  # fmt: skip
        self._names, self._at, self._sent_names = names, at, sent_names
        self._may_reject_unknown, self._picks_pipeline = may_reject_unknown, picks_pipeline
        self._may_be_sent = may_be_sent
        self._rejected: list[Rejection] = []
        self._refused: list[Refusal] = []
        self._error: DeliveryError | None = None
        self._errors: dict[tuple[int, str, str, str], DeliveryError] = {}

    def collect(self, statuses: Sequence[BulkItemStatus]) -> WriteResult:
        stored = [index for index, status in enumerate(statuses) if self._is_stored(index, status)]
        stored_targets = {self._target(index) for index in stored}
        busy = [each for each in statuses if each.status == _TOO_MANY_REQUESTS]
        too_large = [error for each in busy if (error := size_error(each.cause(), each.status, self._at))]
        if too_large and len(too_large) == len(statuses):
            raise too_large[0]
        for index, status in enumerate(statuses):
            if not self._is_stored(index, status):
                self._add_error(index, status.status, status.cause(), stored_targets)
        return WriteResult(
            stored=range(len(statuses)) if len(stored) == len(statuses) else stored,
            rejected=self._rejected,
            error=self._error,
            duplicates=sum(statuses[index].status == _CONFLICT for index in stored),
            failure_store=[index for index in stored if statuses[index].failure_store == "used"],
            dropped=[index for index in stored if statuses[index].status == _NOT_STORED],
            refused=self._refused,
        )

    def _add_error(self, index: int, status: int, cause: ErrorCause, stored_targets: Collection[str]) -> None:
        target = self._target(index)
        rejection = self._rejection(index, status, cause, target)
        if status == _CONFLICT and _is_same_point(cause):
            self._rejected.append(replace(rejection, is_conflict=True))
            return
        has_wrong_pipeline = self._picks_pipeline and _NO_PIPELINE in (cause.reason or "")
        if status == 400 and (has_wrong_pipeline or _is_document_error(cause)):
            self._rejected.append(rejection)
            return
        key = (status, rejection.kind, rejection.reason, target)
        error = self._errors.get(key) or self._errors.setdefault(key, self._error_of(status, rejection, cause))
        if self._error is None or (isinstance(self._error, Retryable) and isinstance(error, Misconfigured)):
            self._error = error
        scope = self._scope_of(status, cause, target, stored_targets)
        is_temporary = status in _BUSY_STATUSES or _is_temporary(cause)
        if scope in ("target", "shard") or not is_temporary:
            self._refused.append(Refusal(rejection, error, scope))

    def _is_stored(self, index: int, status: BulkItemStatus) -> bool:
        if status.status != _CONFLICT:
            return 200 <= status.status < 300
        cause = status.cause()
        if _is_same_point(cause):
            return self._may_be_sent(index)
        return cause.type in ("version_conflict_engine_exception", "")

    def _target(self, index: int) -> str:
        return self._names if isinstance(self._names, str) else self._names[index]

    def _scope_of(self, status: int, cause: ErrorCause, target: str, stored_targets: Collection[str]) -> RefusalScope:
        reason = cause.reason or ""
        reasons = (*_TARGET_REASONS, *_NO_IDS_REASONS)
        if cause.type in _SHARD_ERRORS or _SHARD_IS_FULL in reason:
            return "shard"
        is_about_target = cause.type in _TARGET_ERRORS or any(part in reason for part in reasons)
        if is_about_target and target not in stored_targets:
            return "target"
        if status in _PERMISSION_STATUSES or not self._may_reject_unknown:
            return "kept"
        return "unclear" if 400 <= status < 500 else "transient"

    def _rejection(self, index: int, status: int, cause: ErrorCause, target: str) -> Rejection:
        answer = cause.reason or cause.type
        reason = describe_reason(answer, {*self._sent_names, target})
        return Rejection(index, describe_kind(cause.type), reason, status, target, shorten(answer))

    def _error_of(self, status: int, rejection: Rejection, cause: ErrorCause) -> DeliveryError:
        what = f"documents for {rejection.target} were refused: {rejection.reason or 'the server gave no reason'}"
        detail = f"{what} ({status} {rejection.kind})"
        if status in RETRYABLE_STATUSES or _is_temporary(cause):
            hint = _HINTS.get(cause.type, "wait, or add capacity to the cluster")
            return Retryable(detail, location=self._at, hint=hint)
        if _refuses_ids(cause):
            return Misconfigured(detail, location=self._at, hint="set document_id: none")
        if _SHARD_IS_FULL in (cause.reason or ""):
            return Misconfigured(detail, location=self._at, hint="write to a new index, or roll over")
        if any(flag in (cause.reason or "") for flag in _REQUIRED):
            return Misconfigured(detail, location=self._at, hint=_CREATE_HINT)
        return Misconfigured(detail, location=self._at, hint=_HINTS.get(cause.type, _DEFAULT_HINT))


def _is_temporary(cause: ErrorCause) -> bool:
    reason = cause.reason or ""
    return cause.type in _TEMPORARY_ERRORS or any(part in reason for part in _TEMPORARY_REASONS)


def _refuses_ids(cause: ErrorCause) -> bool:
    return any(part in (cause.reason or "") for part in _NO_IDS_REASONS)


def _is_same_point(cause: ErrorCause) -> bool:
    """Return whether a time series has another document with the same dimensions and time."""
    is_conflict = cause.type == "version_conflict_engine_exception"
    return is_conflict and _SAME_POINT_OF_SERIES.search(cause.reason or "") is not None


def _is_document_error(error: ErrorCause) -> bool:
    reason = error.reason or ""
    known = any(part in reason for part in DOCUMENT_ERRORS.get(error.type, ()))
    return known and not _refuses_ids(error)
