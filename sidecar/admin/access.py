"""Controls access over HTTP: by the host name of a request, its token, and TLS."""

from __future__ import annotations

import binascii
import hmac
import ssl
from base64 import b64decode
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path


class Access:
    """Decides which HTTP requests are answered. The token and the certificate are read again when their files change.

    `hosts`: names that clients may use in addition to IP addresses and `localhost`. `token_file`: file with the token
    that clients must send as a bearer token or as the password of basic authentication. `certificate`: the files with
    the certificate chain and the key. `client_authority`: file with the authority of the certificates that clients
    may present. Raises `OSError` if a file cannot be used.
    """

    def __init__(
        self, hosts: Sequence[str] = (), token_file: Path | None = None, certificate: tuple[Path, Path] | None = None,
        client_authority: Path | None = None,
    ) -> None:  # fmt: skip
        self._hosts = frozenset(host.lower() for host in hosts)
        self._token_file, self._certificate, self._client_authority = token_file, certificate, client_authority
        self._stamp: tuple[int, ...] = ()
        if token_file is not None and not _token(token_file):
            raise OSError(0, f"{token_file} is empty; write the token into it")

    def is_direct(self, host: str) -> bool:
        """Return whether the host name of a request is an IP address, `localhost` or an allowed name.

        A page of another site can make a browser send requests to this server under a name of that site (DNS
        rebinding).
        """
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        name = name.lower()
        if name in ("localhost", "") or name in self._hosts:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True

    def has_token(self, authorization: str) -> bool:
        """Return whether the header has the token that is in the file now. Return False if the file is unreadable."""
        if self._token_file is None:
            return True
        with suppress(OSError):
            token = _token(self._token_file)
            return bool(token) and hmac.compare_digest(_read_sent_token(authorization), token)
        return False

    def tls(self) -> ssl.SSLContext | None:
        """Return the TLS context of connections, None without a certificate.

        Raise `OSError` if a file cannot be used.
        """
        if self._certificate is None:
            return None
        context = self._context(self._certificate)

        def renew(connection: ssl.SSLObject, name: str | None, original: ssl.SSLContext) -> None:
            # Called for each handshake, even if the client names no host. Files that cannot be used change nothing.
            nonlocal context
            with suppress(OSError):
                if self._certificate and self._file_stamps(self._certificate) != self._stamp:
                    context = self._context(self._certificate)
            connection.context = context

        context.sni_callback = renew
        return context

    def _context(self, files: tuple[Path, Path]) -> ssl.SSLContext:
        stamp = self._file_stamps(files)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(*files)
        except OSError as error:
            names = " and ".join(map(str, files))
            raise OSError(error.errno, f"{names} are not a certificate and its key: {error.strerror}") from None
        if self._client_authority:
            self._trust(context, self._client_authority)
        self._stamp = stamp
        return context

    def _trust(self, context: ssl.SSLContext, authority: Path) -> None:
        """Verify the certificates that clients present. A client without one may connect, such as a probe."""
        try:
            context.load_verify_locations(authority)
        except ssl.SSLError as error:
            raise OSError(
                error.errno, f"{authority} is not the certificate of an authority: {error.reason}"
            ) from None
        context.verify_mode = ssl.CERT_OPTIONAL

    def _file_stamps(self, certificate: tuple[Path, Path]) -> tuple[int, ...]:
        files = (*certificate, *filter(None, (self._client_authority,)))
        statuses = [file.stat() for file in files]
        return tuple(part for status in statuses for part in (status.st_ino, status.st_mtime_ns, status.st_size))


def _token(file: Path) -> bytes:
    return file.read_bytes().strip()


def _read_sent_token(authorization: str) -> bytes:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode("latin-1")
    if scheme.lower() == "basic":
        with suppress(binascii.Error, ValueError):
            return b64decode(value, validate=True).partition(b":")[2]
    return b""
