"""What MongoDB's error codes mean: the document is rejected, the write is retried, or the set-up is wrong.

The numbers are those of the server's list (src/mongo/base/error_codes.yml). Five-digit numbers that are not in that
list are assertions in its source. Every other code counts as a wrong set-up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sidecar.errors import DeliveryError, Misconfigured, Retryable
from sidecar.sinks.common.errors import shorten

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

RETRYABLE_CODES = frozenset({
    6, 7, 24, 46, 50, 63, 64, 89, 91, 112, 133, 134, 150, 189, 202, 251, 262, 9001, 10107, 11600, 11601, 11602,
    13388, 13435, 13436, 14031,
    16500,  # "request rate is large", of Azure's service with this protocol
})  # fmt: skip
"""No primary, connection, space, time, lock or replication: temporary, so retried."""

_MAX_MESSAGE_CHARACTERS = 4096
"""Characters of a message that are read; the reason in the log is shorter."""

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
    """Return the name of the error if it is known to be about the document, else None."""
    code = error.get("code", 0)
    if code == _BAD_VALUE and any(part in error.get("errmsg", "") for part in _BAD_VALUES):
        return "BadValue"
    return DOCUMENT_ERRORS.get(code)


def is_already_stored(error: Mapping[str, Any]) -> bool:
    """Return whether a duplicate key is the `_id`. Servers before 4.2 say so only in the message."""
    pattern = error.get("keyPattern")
    return list(pattern) == ["_id"] if pattern else " index: _id_ " in error.get("errmsg", "")


def describe_error(message: str) -> str:
    """Return the server's message, shortened. What it quotes from the document begins at a brace and is cut off."""
    return shorten(re.sub(r"(?: dup key)?:?\s*\{.*", "", message[:_MAX_MESSAGE_CHARACTERS], flags=re.DOTALL))


def error_of(code: int | None, message: str, at: str) -> DeliveryError:
    """Return what an error means that is not about a document."""
    what = f"refuses the documents: {describe_error(message)} ({code or 'no code'})"
    if code in RETRYABLE_CODES:
        return Retryable(what, location=at, hint="wait for it")
    return Misconfigured(
        what, location=at, hint=_HINTS.get(code or 0, "change the database or the settings of the sink")
    )
