"""Classifies MongoDB's errors: a document is rejected, the write is retried, or the collection accepts no documents.

The codes are those of the server's list (src/mongo/base/error_codes.yml). Five-digit codes that are not in the list
are assertions in its source. If the error of a document is unknown, `deliver.evidence` decides by the results of the
other documents.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pymongo.errors import NotPrimaryError, OperationFailure

from sidecar.errors import DeliveryError, Misconfigured, Retryable
from sidecar.model.batch import RefusalScope
from sidecar.sinks.common.reasons import describe_reason

DUPLICATE_KEY_CODES = frozenset({11000, 11001, 12582})

DOCUMENT_ERRORS = {
    15: "Overflow",  # nested too deeply
    22: "InvalidBSON",
    52: "DollarPrefixedFieldName",  # servers before 5.0
    53: "InvalidIdField",
    55: "InvalidDBRef",
    56: "EmptyFieldName",
    57: "DottedFieldName",
    121: "DocumentValidationFailure",
    171: "CannotIndexParallelArrays",
    10334: "BSONObjectTooLarge",
    16755: "CannotExtractGeoKeys",
    17261: "TextLanguageNotAString",
    17262: "TextLanguageUnsupported",
    17280: "KeyTooLong",
}

RETRYABLE_LABELS = ("RetryableWriteError", "RetryableError", "SystemOverloadedError", "TransientTransactionError")
"""Labels that the server or the driver adds to temporary errors. Many temporary errors have no label."""

ELECTION_CODES = frozenset({91, 189, 10107, 11600, 11602, 13435, 13436})
"""Errors of a member that steps down, shuts down or is not primary. Another becomes the primary within seconds."""

RETRYABLE_CODES = ELECTION_CODES | {
    6, 7, 24, 46, 50, 63, 64, 89, 112, 117, 133, 134, 150, 202, 211, 251, 262, 290, 355, 371, 9001, 11601, 13388,
    14031,
    16500,  # "request rate is large", of Azure Cosmos DB for MongoDB
}  # fmt: skip
"""Temporary errors, which are retried: no primary, connection, disk space, timeout, lock or replication."""

_SHARD_CODES = frozenset({6, 7, 70, 89, 133})
"""Errors of single documents: a router has waited for the shard of the document, and cannot reach it."""

_SINK_CODES = frozenset({11, 18, 8000})
"""The user is unknown, or the password is wrong. These errors affect all collections."""

_PERMISSION_CODES = frozenset({13})
_TARGET_CODES = frozenset({13, 26, 73, 166})
"""The collection cannot be written: no permission, it may not be created, the name is invalid, or it is a view."""

_BAD_VALUE = 2
_BAD_VALUES = ("must be present and contain a valid BSON UTC datetime",)  # a time-series collection
_HINTS = {
    13: "give this user the role readWrite on the database",
    18: "check username, password and authSource",
    73: "choose another name for the collection",
    79: "define this write concern, or set write_concern to majority",
    100: "the replica set has too few members for this write_concern",
    166: "write to a collection, not to a view",
    8000: "check username and password",
}


def document_error_name(error: Mapping[str, Any]) -> str | None:
    """Return the name of an error that is known to be about the document, or None for another error."""
    code = error.get("code", 0)
    if code == _BAD_VALUE and any(part in error.get("errmsg", "") for part in _BAD_VALUES):
        return "BadValue"
    return DOCUMENT_ERRORS.get(code)


def is_already_stored(error: Mapping[str, Any]) -> bool:
    """Return whether the duplicate key is the `_id`. Servers before 4.2 name the index only in the message."""
    pattern = error.get("keyPattern")
    return list(pattern) == ["_id"] if pattern else " index: _id_ " in error.get("errmsg", "")


def is_retryable(error: Mapping[str, Any]) -> bool:
    """Return whether the error is temporary."""
    labels = error.get("errorLabels") or ()
    return error.get("code") in RETRYABLE_CODES or any(label in labels for label in RETRYABLE_LABELS)


def is_about_shard(error: Mapping[str, Any]) -> bool:
    """Return whether the error of a document is that its shard cannot be reached."""
    return error.get("code") in _SHARD_CODES


def is_about_sink(error: Mapping[str, Any]) -> bool:
    """Return whether the error of a refused command affects the whole sink, and not only the collection."""
    return error.get("code") in _SINK_CODES or is_retryable(error)


def scope_of(error: Mapping[str, Any], *, has_stored: bool, may_reject_unknown: bool) -> RefusalScope:
    """Return what an unknown error may be about. `has_stored`: the collection stored other documents of the batch."""
    if is_about_shard(error):
        return "shard"
    if error.get("code") in _TARGET_CODES and not has_stored:
        return "target"
    return "unclear" if may_reject_unknown and error.get("code") not in _PERMISSION_CODES else "kept"


def error_of(error: Mapping[str, Any], at: str, names: Collection[str] = (), prefix: str = "") -> DeliveryError:
    """Return the delivery error for an error that is not about a document. `names`: names that the message may
    contain.
    """
    code = error.get("code")
    what = f"refuses the documents: {prefix}{describe_reason(message_of(error), names)} ({code or 'no code'})"
    if code in ELECTION_CODES:
        what = f"has no primary at the moment: {describe_reason(message_of(error))} ({code})"
        return Retryable(what, location=at, hint="wait for the election", is_brief=True)
    if is_retryable(error):
        return Retryable(what, location=at, hint="wait until the server recovers")
    return Misconfigured(
        what, location=at, hint=_HINTS.get(code or 0, "change the database or the settings of the sink")
    )


def message_of(error: Mapping[str, Any]) -> str:
    """Return the message of the server."""
    return str(error.get("errmsg", ""))


def details_of(failure: OperationFailure | NotPrimaryError) -> Mapping[str, Any]:
    """Return the response of the server to a command that failed, with the labels that the driver has added."""
    details = dict(failure.details) if isinstance(failure.details, Mapping) else {}
    labels = [label for label in RETRYABLE_LABELS if failure.has_error_label(label)]
    return {"code": getattr(failure, "code", None), **details, "errorLabels": labels}
