"""Translates exceptions of client libraries to `DeliveryError`. Messages are short and contain no document text."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sidecar.errors import DeliveryError, Misconfigured, Retryable

ErrorTable = Mapping[type[Exception], Callable[[Any, str], DeliveryError]]
_MAX_CHARACTERS = 300
_CERTIFICATE_HINTS = {
    "has expired": "renew the certificate of the server, and check the clock of this host",
    "not yet valid": "check the clocks of the server and of this host",
    "mismatch": "connect with a host name that the certificate contains, or add this one to the certificate",
}
"""Part of OpenSSL's reason → what to do."""

# What a server sends if it expects a client certificate, or another one.
_CERTIFICATE_ALERT = re.compile(r"alert[ _].*(?:certificate|unknown[ _]ca)", re.IGNORECASE)


@contextmanager
def translate_errors(table: ErrorTable, at: str) -> Iterator[None]:
    """Translate an exception that the block raises. `table` has an entry for its class or for a base class of it.

    `at`: server and target, for the message.
    """
    try:
        yield
    except tuple(table) as error:
        entry = next(table[kind] for kind in type(error).__mro__ if kind in table)
        raise entry(error, at) from error


def shorten(text: str) -> str:
    """Return the text as one line of at most 300 characters."""
    line = " ".join(text[: 4 * _MAX_CHARACTERS].split())
    return line if len(line) <= _MAX_CHARACTERS else f"{line[: _MAX_CHARACTERS - 1]}…"


def unreachable_error(reason: str, at: str) -> Retryable:
    """Return the error for a server that does not answer."""
    advice = "check that it is running and reachable from this host"
    return Retryable(f"cannot be reached ({shorten(reason)})", location=at, hint=advice)


def dns_error(at: str) -> Retryable:
    """Return the error for a host name without an address."""
    advice = "check the spelling of the host name and the DNS configuration"
    return Retryable("the host name cannot be resolved", location=at, hint=advice)


def tls_error(reason: str, at: str) -> Retryable:
    """Return the error for a certificate that is not trusted. `reason`: the text of OpenSSL."""
    known = (hint for words, hint in _CERTIFICATE_HINTS.items() if words in reason)
    return Retryable(
        f"the TLS certificate is not trusted ({shorten(reason).rstrip('.')})", location=at,
        hint=next(known, "set ca_file to the CA that signed it"),
    )  # fmt: skip


def is_certificate_alert(reason: str) -> bool:
    """Return whether the server has refused the TLS connection because of the client certificate."""
    return _CERTIFICATE_ALERT.search(reason) is not None


def client_certificate_error(reason: str, at: str) -> Misconfigured:
    """Return the error for a client certificate that the server does not accept, or that is missing."""
    return Misconfigured(
        f"the server does not accept the client certificate ({shorten(reason)})", location=at,
        hint="set a client certificate that it trusts, with its key",
    )  # fmt: skip


def connection_error(
    error: Exception, at: str, otherwise: Callable[[str, str], Retryable] = unreachable_error
) -> DeliveryError:
    """Return the error for a failed connection: a DNS or TLS error if one is among its causes.

    `otherwise`: creates the error for any other cause.
    """
    causes = list(causes_of(error))
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return dns_error(at)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return tls_error(cause.verify_message, at)
        if isinstance(cause, ssl.SSLError) and is_certificate_alert(cause.reason or ""):
            return client_certificate_error(cause.reason, at)
        if isinstance(cause, ssl.SSLError):
            # With TLS 1.3, a server may close the connection before its alert about a missing certificate is read.
            return Retryable(
                f"the TLS handshake failed ({cause.reason or 'the connection was closed'})", location=at,
                hint="check that this port expects TLS, and whether it expects a client certificate",
            )  # fmt: skip
    reasons = (cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror)
    return otherwise(next(reasons, str(causes[-1])), at)


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and its causes."""
    while error is not None:
        yield error
        yield from (argument for argument in error.args if isinstance(argument, BaseException))
        error = error.__cause__ or error.__context__
