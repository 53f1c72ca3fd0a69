"""Translates exceptions of the driver into errors of the delivery."""

from __future__ import annotations

import re
import ssl

import bson.errors
import pymongo.errors

from sidecar.errors import DeliveryError, Misconfigured, RequestTooLarge, Retryable
from sidecar.sinks.common.errors import ErrorTable, dns_error, shorten, tls_error, unreachable_error
from sidecar.sinks.mongodb import errors as codes
from sidecar.sinks.mongodb.replies import ReplyTooLarge

UNREADABLE_RESPONSE_ERRORS = (LookupError, TypeError, ValueError, AttributeError, RecursionError, SystemError)
"""Exceptions that the driver raises for a response that does not have MongoDB's format."""

_UNRESOLVED = re.compile(r"\[Errno -\d+\]|nodename nor servname")
_CHECK_SETTINGS = "check the settings of the sink"


def _unreachable(error: pymongo.errors.PyMongoError, at: str) -> DeliveryError:
    """Return the error for an unreachable server. The driver reports the cause only as text, once per host."""
    text = re.split(r" \(configured timeouts|, Timeout: ", str(error))[0]
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return tls_error(re.sub(r".*certificate verify failed: |\(_ssl\.c.*", "", text), at)
    if _UNRESOLVED.search(text):
        return dns_error(at)
    return unreachable_error(re.sub(r"\[Errno \d+\] ", "", text), at)


def _refused(error: pymongo.errors.OperationFailure | pymongo.errors.NotPrimaryError, at: str) -> DeliveryError:
    return codes.error_of(codes.details_of(error), at)


def _misconfigured(error: pymongo.errors.ConfigurationError, at: str) -> DeliveryError:
    """Return the error for a URL that the driver refuses, or for a `mongodb+srv://` name that DNS cannot resolve."""
    if type(error.__cause__).__module__.startswith("dns."):
        return dns_error(at)
    return Misconfigured(
        f"the driver rejects the settings ({shorten(str(error))})", location=at, hint="check the URL"
    )


def _retry_later(error: Exception, at: str) -> DeliveryError:
    return Retryable(
        f"the request failed ({type(error).__name__})", location=at, hint="wait until the server recovers"
    )


def unreadable_response(_: Exception, at: str) -> DeliveryError:
    """Return the error for a response that does not have MongoDB's format."""
    advice = "check that the server is MongoDB, and the proxies in front of it"
    return Retryable("the response cannot be read", location=at, hint=advice)


def _too_large(_: Exception, at: str) -> DeliveryError:
    return RequestTooLarge("the request is too large", location=at, hint="lower batch_bytes")


def _driver_refuses(error: Exception, at: str) -> DeliveryError:
    return Misconfigured(
        f"the driver rejects the request ({type(error).__name__})", location=at, hint=_CHECK_SETTINGS
    )


def _bad_files(error: ssl.SSLError, at: str) -> DeliveryError:
    return Misconfigured(
        f"the certificate files cannot be used ({error.reason})", location=at, hint="check that they are PEM"
    )


DRIVER_ERRORS: ErrorTable = {
    pymongo.errors.PyMongoError: _retry_later,
    pymongo.errors.ProtocolError: _retry_later,
    pymongo.errors.ConnectionFailure: _unreachable,
    pymongo.errors.AutoReconnect: _unreachable,
    pymongo.errors.NetworkTimeout: _unreachable,
    pymongo.errors.NotPrimaryError: _refused,
    pymongo.errors.ServerSelectionTimeoutError: _unreachable,
    pymongo.errors.WaitQueueTimeoutError: _unreachable,
    pymongo.errors._OperationCancelled: _unreachable,
    pymongo.errors.InvalidOperation: _retry_later,
    pymongo.errors.ExecutionTimeout: _retry_later,
    pymongo.errors.CursorNotFound: _retry_later,
    pymongo.errors.WriteConcernError: _refused,
    pymongo.errors.WTimeoutError: _retry_later,
    pymongo.errors.OperationFailure: _refused,
    pymongo.errors.WriteError: _refused,
    pymongo.errors.DuplicateKeyError: _refused,
    pymongo.errors.BulkWriteError: _refused,
    pymongo.errors.ClientBulkWriteException: _refused,
    pymongo.errors.ConfigurationError: _misconfigured,
    pymongo.errors.InvalidURI: _misconfigured,
    pymongo.errors.InvalidName: _driver_refuses,
    pymongo.errors.CollectionInvalid: _driver_refuses,
    pymongo.errors.EncryptionError: _driver_refuses,
    pymongo.errors.EncryptedCollectionError: _driver_refuses,
    bson.errors.BSONError: _driver_refuses,
    bson.errors.InvalidDocument: _driver_refuses,
    bson.errors.InvalidStringData: _driver_refuses,
    bson.errors.InvalidId: _driver_refuses,
    bson.errors.InvalidBSON: _retry_later,
    pymongo.errors.DocumentTooLarge: _too_large,
    ssl.SSLError: _bad_files,
    ReplyTooLarge: unreadable_response,
    **dict.fromkeys(UNREADABLE_RESPONSE_ERRORS, unreadable_response),
}
"""Exception of the driver → function that returns the error. A test fails if a class is missing."""
