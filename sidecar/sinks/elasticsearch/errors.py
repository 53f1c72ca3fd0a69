"""Translates refused requests and exceptions of the transport to `DeliveryError`."""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import RemoteDisconnected
from urllib.parse import urlsplit

import elastic_transport
import msgspec

from sidecar.errors import DeliveryError, Misconfigured, RequestBlocked, RequestTooLarge, Retryable
from sidecar.sinks.common.errors import ErrorTable, connection_error, shorten, tls_error
from sidecar.sinks.common.foreign_server import foreign_server_error, name_reply, name_software
from sidecar.sinks.common.reasons import describe_kind, describe_reason
from sidecar.sinks.elasticsearch.bulk_response import RETRYABLE_STATUSES, BulkResponse, ErrorCause, size_error
from sidecar.sinks.elasticsearch.node import ProxyError, ResponseUnreadable, SigningError
from sidecar.sinks.elasticsearch.timed_socket import ResponseTooLarge

_DIGITS = re.compile(r"[0-9]{1,300}")
_MAX_DATE_CHARACTERS = 64
_UNKNOWN_PATH_STATUSES = (400, 404, 405)
_GATEWAY_REFUSALS = (403, 406, 418, 422, 451)
"""Statuses with which a gateway refuses a request because of its content."""

_CHECK_PROXIES = "check the proxies in front of the server"


def check_response(
    meta: elastic_transport.ApiResponseMeta, body: object, at: str, *, may_reject_unknown: bool = True
) -> None:
    """Raise `DeliveryError` if the whole request was refused, or if another kind of server answered.

    `may_reject_unknown`: whether a document may become a dead letter if the request is refused because of it.
    """
    if not 200 <= meta.status < 300:
        raise _error_of_response(meta, body, _locate(at, meta.node), may_reject_unknown)
    if isinstance(body, str):
        raise wrong_server_error(_name_sender_of_text(meta, body), _locate(at, meta.node))


def _error_of_response(
    meta: elastic_transport.ApiResponseMeta, body: object, at: str, may_reject: bool
) -> DeliveryError:
    """Return the error for the status of a refused request (RFC 9110), with the reason of the server."""
    status, what = meta.status, f"answered {meta.status}{_sender(meta)}{_reason(body)}"
    if 300 <= status < 400:
        return Misconfigured(
            f"redirects to {_origin(meta.headers.get('location'))} ({what})", location=at,
            hint="write that address into the settings of the sink; redirects are not followed",
        )  # fmt: skip
    if status == 413:
        return RequestTooLarge(
            f"the request is too large ({what})", location=at, hint="raise http.max_content_length", status=status
        )
    cause = body.cause() if isinstance(body, BulkResponse) else ErrorCause()
    if too_large := size_error(cause, status, at):
        return too_large
    if status in RETRYABLE_STATUSES or status == 408 or status > 504:
        return Retryable(
            what,
            location=at,
            hint="wait until the server recovers",
            retry_after=_retry_after(meta.headers.get("retry-after")),
        )
    kind = cause.type
    if prefix := unknown_prefix(status, kind, meta.node):
        return wrong_path_error(prefix, what, at)
    refusal, hint = _REFUSALS.get(status, ("refuses the request", "check the URL and the settings of the sink"))
    message = f"{refusal} ({what}{_rejected_credentials(body)})"
    if status == 400 or (status in _GATEWAY_REFUSALS and not kind):
        return RequestBlocked(message, location=at, hint=hint, status=status, may_reject=may_reject)
    return Misconfigured(message, location=at, hint=hint)


_REFUSALS = {
    401: ("does not accept the credentials", "check username and password, api_key or bearer_token"),
    403: (
        "does not allow this user to write",
        "grant the privileges to create documents and the index (Elasticsearch: create_doc, auto_configure; "
        "OpenSearch: crud, create_index)",
    ),
    407: ("the proxy does not accept the credentials", "write user and password into the URL of `proxy`"),
}


def unknown_prefix(status: int, kind: str, node: elastic_transport.NodeConfig) -> str:
    """Return the path before the name of the index if no server knows it; "" if there is none or it is not the cause.

    `status`, `kind`: status and error type of the response. A server that knows the path always names a type.
    """
    return node.path_prefix if status in _UNKNOWN_PATH_STATUSES and not kind else ""


def wrong_path_error(prefix: str, what: str, at: str) -> DeliveryError:
    """Return the error for a path at which there is no API. `what`: the response."""
    return Misconfigured(
        f"the server has no API at the path {prefix} ({what})", location=at,
        hint=f"{prefix} is used as the path of a gateway in front of the server; without a gateway, remove it",
    )  # fmt: skip


def wrong_server_error(name: str, at: str) -> DeliveryError:
    """Return the error for an address at which another kind of server answers."""
    advice = "write elasticsearch+https:// or https://"
    return foreign_server_error(name, at, "Elasticsearch or OpenSearch", advice)


def _locate(at: str, node: elastic_transport.NodeConfig | None) -> str:
    """Return `at`, followed by the host that answered if `at` has several hosts."""
    if node is None or "," not in at:
        return at
    return f"{at} at {node.host}:{node.port}"


def _name_sender_of_text(meta: elastic_transport.ApiResponseMeta, text: str) -> str:
    is_page = "html" in (meta.mimetype or "")
    software = name_software(meta.headers.get("server"))
    known = name_reply(text.encode())
    return known or ("a web page" if is_page else "a web server") + (f" of {software}" if software else "")


def _sender(meta: elastic_transport.ApiResponseMeta) -> str:
    # Elasticsearch and OpenSearch send no header `Server`, so a gateway or another server has answered.
    software = name_software(meta.headers.get("server"))
    return f" by {software}" if software else ""


def _origin(location: str | None) -> str:
    """Return scheme and host of a redirect. Path and query are removed, because they may contain a secret."""
    try:
        target = urlsplit(location or "")
        origin = f"{target.scheme}://{target.hostname}:{target.port}" if target.port else ""
        return origin or (f"{target.scheme}://{target.hostname}" if target.hostname else "another path")
    except ValueError:
        return "another address"


class _Refusal(msgspec.Struct):
    """The part of an error response that is about the credentials."""

    additional_unsuccessful_credentials: str = ""


def _rejected_credentials(body: object) -> str:
    """Return why the credentials were not accepted, for example an expired API key; "" if unknown."""
    if not isinstance(body, BulkResponse) or not body.error:
        return ""
    try:
        reason = msgspec.json.decode(body.error, type=_Refusal).additional_unsuccessful_credentials
    except msgspec.DecodeError:
        return ""
    return f"; {shorten(reason)}" if reason else ""


def _reason(body: object) -> str:
    # Only errors in Elasticsearch's format are logged, because the error page of a proxy may contain anything.
    cause = body.cause() if isinstance(body, BulkResponse) else ErrorCause()
    return f": {describe_kind(cause.type)}: {describe_reason(cause.reason or '')}" if cause.type else ""


def _retry_after(header: str | None) -> float | None:
    """Return the seconds to wait by `Retry-After`, which is a number or a date (RFC 9110, 10.2.3), or None."""
    if not header:
        return None
    if _DIGITS.fullmatch(header.strip()):
        return float(header)
    try:
        at = parsedate_to_datetime(header[:_MAX_DATE_CHARACTERS])
        return max(0.0, (at - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def _at_node(error: elastic_transport.TransportError, at: str) -> str:
    """Return `at`, followed by the host that failed if `at` has several. The node adds the host as a note."""
    notes = getattr(error, "__notes__", [])
    return f"{at} at {notes[0]}" if notes and "," in at else at


def _not_connected(error: elastic_transport.TransportError, at: str) -> DeliveryError:
    if isinstance(error.__cause__, RemoteDisconnected):
        return Retryable(
            "the server closed the connection without a response", location=_at_node(error, at),
            hint="check whether it expects TLS, and the proxies in front of it",
        )  # fmt: skip
    return connection_error(error, _at_node(error, at))


def _insecure(error: elastic_transport.TlsError, at: str) -> DeliveryError:
    return connection_error(error, _at_node(error, at), tls_error)


def _timed_out(error: elastic_transport.ConnectionTimeout, at: str) -> DeliveryError:
    return Retryable(
        "did not answer in time", location=_at_node(error, at), hint="add capacity to the cluster, or raise timeout"
    )


def _unreadable(error: elastic_transport.TransportError, at: str) -> DeliveryError:
    return Retryable("the response cannot be read", location=_at_node(error, at), hint=_CHECK_PROXIES)


def _not_http(error: ResponseUnreadable, at: str) -> DeliveryError:
    return wrong_server_error(error.server, _at_node(error, at)) if error.server else _unreadable(error, at)


def _no_proxy(error: ProxyError, at: str) -> DeliveryError:
    advice = "check the setting `proxy` and the environment variables for proxies"
    return Retryable(error.message, location=_at_node(error, at), hint=advice)


def _not_signed(error: SigningError, at: str) -> DeliveryError:
    advice = "check the role of the Pod, and that the Pod can reach the service that issues credentials"
    return Retryable(f"AWS credentials cannot be read ({error.message})", location=at, hint=advice)


def _response_too_large(error: ResponseTooLarge, at: str) -> DeliveryError:
    # `RequestTooLarge` leads to smaller batches, and the response to fewer documents is shorter.
    return RequestTooLarge("the response is larger than 8 MiB", location=_at_node(error, at), hint=_CHECK_PROXIES)


def _bad_files(error: ssl.SSLError, at: str) -> DeliveryError:
    return Misconfigured(
        f"the certificate files cannot be used ({error.reason})", location=at, hint="check that they are PEM"
    )


TRANSPORT_ERRORS: ErrorTable = {
    elastic_transport.TransportError: _not_connected,
    elastic_transport.ConnectionError: _not_connected,
    elastic_transport.TlsError: _insecure,
    elastic_transport.SniffingError: _not_connected,
    elastic_transport.ConnectionTimeout: _timed_out,
    elastic_transport.SerializationError: _unreadable,
    ResponseUnreadable: _not_http,
    ProxyError: _no_proxy,
    SigningError: _not_signed,
    ResponseTooLarge: _response_too_large,
    ssl.SSLError: _bad_files,
}
"""Exception of the transport → function that returns the error. A test fails if a class is missing."""
