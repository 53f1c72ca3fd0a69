"""Translates exceptions of client libraries to `DeliveryError`, with short messages without text of documents."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sidecar.errors import DeliveryError, Retryable

ErrorTable = Mapping[type[Exception], Callable[[Any, str], DeliveryError]]
_MAX_CHARACTERS = 300


@contextmanager
def translate_errors(table: ErrorTable, at: str) -> Iterator[None]:
    """Translate an exception that the block raises, by the entry in `table` for its class or nearest base class.

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
    advice = "check that it runs and that this host may connect to it"
    return Retryable(f"cannot be reached ({shorten(reason)})", location=at, hint=advice)


def dns_error(at: str) -> Retryable:
    """Return the error for a host name without an address."""
    return Retryable("the host name cannot be resolved", location=at, hint="check its spelling and the DNS")


def tls_error(reason: str, at: str) -> Retryable:
    """Return the error for a certificate that is not trusted."""
    return Retryable(
        f"the TLS certificate is not trusted ({shorten(reason).rstrip('.')})",
        location=at,
        hint="set ca_file to the authority that signed it, and use a host name that it holds",
    )


def connection_error(
    error: Exception, at: str, otherwise: Callable[[str, str], Retryable] = unreachable_error
) -> Retryable:
    """Return the error for a failed connection: a DNS or TLS error if one of its causes is, else `otherwise`."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return dns_error(at)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return tls_error(cause.verify_message, at)
        if isinstance(cause, ssl.SSLError):
            return Retryable(
                f"no TLS connection ({cause.reason})", location=at, hint="check that this port speaks TLS"
            )
    reasons = (cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror)
    return otherwise(next(reasons, str(causes[-1])), at)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        yield from (each for each in error.args if isinstance(each, BaseException))
        error = error.__cause__ or error.__context__
