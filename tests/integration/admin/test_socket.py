"""The admin socket answers each request of its owner, also a malformed one, and stays up."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.admin.client import NAME
from sidecar.admin.http_messages import Query, Reply
from sidecar.admin.socket_server import SocketAdmin


def _fail(query: Query) -> Reply:
    raise RuntimeError("secret")


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    routes = {
        "GET /echo": lambda query: Reply(200, dict(query)),
        "POST /effect": lambda query: Reply(200, {"text": "done"}),
        "GET /broken": _fail,
    }
    admin = SocketAdmin(tmp_path, routes)
    admin.open()
    yield tmp_path
    admin.close()


def _ask(directory: Path, request: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(directory / NAME))
        connection.sendall(request)
        reply = b""
        while piece := connection.recv(65536):
            reply += piece
        return reply


@pytest.mark.parametrize(
    ("request_", "status", "text"),
    [
        (b"GET /echo?a=1&a=2 HTTP/1.0\r\n\r\n", b"200 OK", b'{"a": "2"}'),
        (b"GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n", b"200 OK", b"{}"),
        (b"POST /effect HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"200 OK", b"done"),
        (b"GET /effect HTTP/1.0\r\n\r\n", b"405", b"unknown method"),
        (b"GET /nothing HTTP/1.0\r\n\r\n", b"404", b"unknown path"),
        (b"GET /broken HTTP/1.0\r\n\r\n", b"500", b"bug in the sidecar"),
        (b"hello\r\n\r\n", b"400", b"not an HTTP request"),
        (b"BREW /echo HTTP/1.0\r\n\r\n", b"501", b"unknown HTTP method"),
        (b"GET /echo HTTP/1.0\r\nname " + 9000 * b"x" + b"\r\n\r\n", b"431", b"too long"),
    ],
)
def test_each_request_has_a_reply(directory: Path, request_: bytes, status: bytes, text: bytes) -> None:
    reply = _ask(directory, request_)
    assert reply.startswith(b"HTTP/1.1 " + status)
    assert text in reply
    assert b"secret" not in reply


def test_a_client_that_sends_no_request_does_not_stop_the_server(directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(directory / NAME))
        connection.sendall(b"GET /echo")
    assert _ask(directory, b"GET /echo HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")
