"""Recognizes what kind of server listens at an address, so that the error about a wrong address can name it.

Most servers reply to an HTTP request in a characteristic way. Others send data as soon as a client connects.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
from contextlib import suppress
from typing import Any

from sidecar.errors import DeliveryError, Misconfigured

_REQUEST = b"GET / HTTP/1.0\r\nAccept: application/json\r\n\r\n"
_TIMEOUT_S = 2.0
_MAX_REPLY_BYTES = 8192
_SOFTWARE = re.compile(r"[A-Za-z][A-Za-z0-9 ._/+-]{0,60}")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+_-]{0,40}")

TLS_SERVER = "a server that expects TLS"

_FIRST_BYTES = (
    ((b"-ERR", b"-NOAUTH", b"-DENIED", b"-WRONGPASS", b"+PONG"), "Redis"),
    ((b"SSH-",), "an SSH server"),
    ((b"220 ", b"220-"), "a mail or FTP server"),
    ((b"\x15\x03",), TLS_SERVER),
    ((b"AMQP",), "an AMQP broker"),
    ((b"ERROR\r\n",), "memcached"),
    ((b"RFB ",), "a VNC server"),
)

_EXPECTS_TLS = (
    b"plain HTTP request was sent to HTTPS port",  # nginx
    b"sent an HTTP request to an HTTPS server",  # Go, such as Traefik and Caddy
    b"speaking plain HTTP to an SSL-enabled server port",  # Apache
    b"combination of host and port requires TLS",  # Tomcat
)
"""Parts of the pages of servers that were asked without TLS."""


def foreign_server_error(name: str, at: str, expected: str, tls_advice: str) -> DeliveryError:
    """Return the error for an address at which the server `name` answers, and not `expected`.

    `tls_advice`: how to turn on TLS, which is the usual remedy if the server expects it.
    """
    if name == TLS_SERVER:
        return Misconfigured("the server expects TLS", location=at, hint=tls_advice)
    return Misconfigured(
        f"{name} answers at this address, not {expected}", location=at, hint="check host, port and path"
    )


def identify_server(host: str, port: int, tls: ssl.SSLContext | None = None) -> str:
    """Return the name of the server at an address, such as `Redis` or `a web page of nginx/1.27`; "" if unknown.

    If a server does not answer with TLS, try without TLS, and vice versa.
    """
    if name := name_reply(_fetch_reply(host, port, tls)):
        return name
    if tls is not None:
        return name_reply(_fetch_reply(host, port, None))
    return TLS_SERVER if _fetch_reply(host, port, _create_trusting_context()) else ""


def expects_tls(page: bytes) -> bool:
    """Return whether the page of an HTTP error says that the server expects TLS."""
    return any(text in page for text in _EXPECTS_TLS)


def name_reply(data: bytes) -> str:
    """Return the name of the server whose reply begins with these bytes; "" if unknown."""
    for beginnings, name in _FIRST_BYTES:
        if data.startswith(beginnings):
            return name
    if b"access MongoDB over HTTP" in data:
        return "MongoDB"
    if data.startswith(b"HTTP/"):
        return TLS_SERVER if expects_tls(data) else _name_http_server(data)
    return _name_binary_protocol(data)


def name_product(answer: Any) -> str:
    """Return product and version from the answer of Elasticsearch or OpenSearch to `GET /`; "" for another answer."""
    version = answer.get("version") if isinstance(answer, dict) else None
    if not isinstance(version, dict) or not isinstance(version.get("number"), str):
        return ""
    is_opensearch = version.get("distribution") == "opensearch"
    if not is_opensearch and "You Know, for Search" not in str(answer.get("tagline")):
        return ""
    product = "OpenSearch" if is_opensearch else "Elasticsearch"
    return f"{product} {version['number']}" if _VERSION.fullmatch(version["number"]) else product


def name_software(header: str | None) -> str:
    """Return the value of a `Server` header, or "" if it is not a plain name."""
    return header if header and _SOFTWARE.fullmatch(header) else ""


def _fetch_reply(host: str, port: int, tls: ssl.SSLContext | None) -> bytes:
    """Send an HTTP request. Return the first bytes of the reply, or no bytes if there is none."""
    try:
        with (
            socket.create_connection((host, port), _TIMEOUT_S) as plain,
            plain if tls is None else tls.wrap_socket(plain, server_hostname=host) as connection,
        ):
            connection.settimeout(_TIMEOUT_S)
            connection.sendall(_REQUEST)
            return _read(connection)
    except OSError:
        return b""


def _create_trusting_context() -> ssl.SSLContext:
    """Return TLS settings that accept any certificate. Use them only to test whether a server expects TLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _read(connection: socket.socket) -> bytes:
    data = b""
    with suppress(OSError):  # the end of a reply, or the time limit
        while len(data) < _MAX_REPLY_BYTES and (piece := connection.recv(_MAX_REPLY_BYTES)):
            data += piece
            if name_reply(data) and not data.startswith(b"HTTP/"):
                break
    return data


def _name_http_server(data: bytes) -> str:
    head, _, body = data.partition(b"\r\n\r\n")
    with suppress(ValueError):
        if product := name_product(json.loads(body)):
            return product
    header = re.search(rb"(?im)^server:[ \t]*([^\r\n]*)", head)
    software = name_software(header[1].decode("latin-1").strip()) if header else ""
    kind = "a web page" if b"text/html" in head.lower() else "a web server"
    return f"{kind} of {software}" if software else kind


def _name_binary_protocol(data: bytes) -> str:
    if len(data) > 5 and data[3:4] in b"\0\1" and (data[4] == 10 or b"mysql" in data.lower() or b"MariaDB" in data):
        return "MySQL or MariaDB"
    if data[:1] == b"E" and b"FATAL" in data:
        return "PostgreSQL"
    if len(data) >= 9 and data[:2] == b"\0\0" and data[3:5] == b"\4\0":  # a SETTINGS frame
        return "an HTTP/2 server"
    if len(data) >= 16 and int.from_bytes(data[12:16], "little") in (1, 2013):  # OP_REPLY, OP_MSG
        return "MongoDB"
    return ""
