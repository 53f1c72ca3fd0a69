"""What a refused request and an exception of the transport mean for the sink."""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import elastic_transport

from sidecar.errors import DeliveryError, Misconfigured, RequestTooLarge, Retryable
from sidecar.sinks.common.errors import ErrorTable, connection_error, tls_error
from sidecar.sinks.common.reasons import describe_kind, describe_reason
from sidecar.sinks.elasticsearch.bulk_response import RETRYABLE_STATUSES, BulkResponse, ErrorCause
from sidecar.sinks.elasticsearch.node import ResponseTooLarge, ResponseUnreadable

_DIGITS = re.compile(r"[0-9]{1,300}")
_MAX_DATE_CHARACTERS = 64


def check_response(meta: elastic_transport.ApiResponseMeta, body: object, at: str) -> None:
    """Raise `DeliveryError` if the request was refused as a whole, or if the server is not Elasticsearch."""
    if not 200 <= meta.status < 300:
        raise error_of_response(meta, body, at)
    if meta.headers.get("x-elastic-product") != "Elasticsearch":
        raise not_elasticsearch(at)


def error_of_response(meta: elastic_transport.ApiResponseMeta, body: object, at: str) -> DeliveryError:
    """Return what the status of a refused request means (RFC 9110), with the server's reason."""
    status, what = meta.status, f"answered {meta.status}{_reason(body)}"
    if status == 413:
        return RequestTooLarge(
            f"the request is too large ({what})", location=at, hint="raise http.max_content_length"
        )
    if status in RETRYABLE_STATUSES or status == 408 or status > 504:
        return Retryable(
            what, location=at, hint="wait for it", retry_after=_retry_after(meta.headers.get("retry-after"))
        )
    if status == 401:
        return Misconfigured(
            f"does not accept the credentials ({what})", location=at, hint="check username and password, or api_key"
        )
    if status == 403:
        return Misconfigured(
            f"forbids to write ({what})", location=at, hint="give this user create_doc and auto_configure"
        )
    return Misconfigured(
        f"refuses the request ({what})", location=at, hint="check the URL and the settings of the sink"
    )


def not_elasticsearch(at: str) -> DeliveryError:
    """Return the error for a server that does not introduce itself as Elasticsearch."""
    return Misconfigured("is not Elasticsearch", location=at, hint="check the address")


def _reason(body: object) -> str:
    # Only Elasticsearch's own words are repeated: the page of a proxy could hold anything.
    cause = body.cause() if isinstance(body, BulkResponse) else ErrorCause()
    return f": {describe_kind(cause.type)}: {describe_reason(cause.reason or '')}" if cause.type else ""


def _retry_after(header: str | None) -> float | None:
    """Return the seconds of `Retry-After`, which is a number or a date (RFC 9110, 10.2.3)."""
    if not header:
        return None
    if _DIGITS.fullmatch(header.strip()):
        return float(header)
    try:
        at = parsedate_to_datetime(header[:_MAX_DATE_CHARACTERS])
        return max(0.0, (at - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def error_of_status(error: elastic_transport.ApiError, at: str) -> DeliveryError:
    """Return what a refused request means that a client has raised as an exception."""
    return error_of_response(error.meta, error.body, at)


def _not_connected(error: elastic_transport.TransportError, at: str) -> DeliveryError:
    return connection_error(error, at)


def _insecure(error: elastic_transport.TlsError, at: str) -> DeliveryError:
    return connection_error(error, at, tls_error)


def _timed_out(_: elastic_transport.ConnectionTimeout, at: str) -> DeliveryError:
    return Retryable("did not answer in time", location=at, hint="give the cluster more room, or raise timeout")


def _unreadable(_: elastic_transport.TransportError, at: str) -> DeliveryError:
    return Retryable("its answer cannot be read", location=at, hint="check the proxies in front of Elasticsearch")


def _response_too_large(_: ResponseTooLarge, at: str) -> DeliveryError:
    # The answer to fewer documents is shorter, so this asks for smaller batches.
    return RequestTooLarge(
        "its answer is larger than 8 MiB", location=at, hint="check the proxies in front of Elasticsearch"
    )


def _bad_files(error: ssl.SSLError, at: str) -> DeliveryError:
    return Misconfigured(
        f"the certificate files cannot be used ({error.reason})", location=at, hint="check that they are PEM"
    )


TRANSPORT_ERRORS: ErrorTable = {
    elastic_transport.ApiError: error_of_status,
    elastic_transport.TransportError: _not_connected,
    elastic_transport.ConnectionError: _not_connected,
    elastic_transport.TlsError: _insecure,
    elastic_transport.SniffingError: _not_connected,
    elastic_transport.ConnectionTimeout: _timed_out,
    elastic_transport.SerializationError: _unreadable,
    ResponseUnreadable: _unreadable,
    ResponseTooLarge: _response_too_large,
    ssl.SSLError: _bad_files,
}
"""What each exception of the transport means; a test fails for a class that is missing here."""
