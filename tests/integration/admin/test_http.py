"""The listener answers every client properly, whatever it sends and however slow or many they are."""

from __future__ import annotations

import base64
import os
import resource
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import trustme

from sidecar.admin.access import Access
from sidecar.admin.http_messages import Reply
from sidecar.admin.http_server import HttpAdmin
from sidecar.config.admin import AdminSettings

HOST = b"Host: localhost\r\n\r\n"
Made = Callable[..., HttpAdmin]


@pytest.fixture
def listens() -> Iterator[Made]:
    with ExitStack() as stack:
        goes_on = threading.Event()

        def made(access: Access | None = None, patience_s: float = 10.0, body: bytes = b"facts") -> HttpAdmin:
            routes = {
                "GET /livez": lambda query: Reply(200, {"text": "gets on"}),
                "GET /metrics": lambda query: Reply(200, body, "text/plain"),
                "GET /small": lambda query: Reply(200, {"text": "small"}),
                "GET /slow": lambda query: Reply(200, {"text": str(goes_on.wait(float(query["most"])))}),
                "GET /broken": lambda query: Reply(200, {"text": str(1 // int(query["by"]))}),
                "POST /drain": lambda query: Reply(200, {"text": "drained"}),
            }
            admin = HttpAdmin("127.0.0.1", 0, routes, access, patience_s)
            stack.callback(goes_on.set)
            stack.callback(admin.close)
            return admin

        yield made


def connected(admin: HttpAdmin) -> socket.socket:
    return socket.create_connection(("127.0.0.1", admin.port), timeout=20)


def answer(client: socket.socket, request: bytes) -> bytes:
    """All that comes back; b"" if the connection was only closed."""
    found = b""
    with suppress(ConnectionError):
        client.sendall(request)
        while piece := client.recv(65536):
            found += piece
    return found


def asked(admin: HttpAdmin, request: bytes) -> bytes:
    with connected(admin) as client:
        return answer(client, request)


def status(found: bytes) -> int:
    return int(found.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"GET /livez HTTP/1.0\r\n\r\n", 200),
        (b"GET /livez HTTP/1.1\r\n" + HOST, 200),
        (b"HEAD /metrics HTTP/1.1\r\n" + HOST, 200),
        (b"GET /metrics?x=%ff&=&& HTTP/1.1\r\n" + HOST, 200),
        (b"GET /broken?by=0 HTTP/1.1\r\n" + HOST, 500),
        (b"GET /nothing HTTP/1.1\r\n" + HOST, 404),
        (b"GET /../../etc/passwd HTTP/1.1\r\n" + HOST, 404),
        (b"GET /drain HTTP/1.1\r\n" + HOST, 404),
        (b"POST /drain HTTP/1.1\r\nContent-Length: 5\r\n" + HOST, 405),
        (b"TRACE /livez HTTP/1.1\r\n" + HOST, 405),
        (b"BREW /livez HTTP/1.1\r\n" + HOST, 501),
        (b"GET /livez HTTP/9.9\r\n\r\n", 505),
        (b"GET /livez\r\n\r\n", 400),
        (b"\0\xff\r\n\r\n", 400),
        (b"\x16\x03\x01 a TLS client\r\n\r\n", 400),
        (b"GET http://localhost/livez HTTP/1.1\r\n" + HOST, 400),
        (b"GET //[ HTTP/1.1\r\n" + HOST, 400),
        (b"GET /livez HTTP/1.1\r\nno colon\r\n" + HOST, 400),
        (b"GET /livez HTTP/1.1\r\n folded: x\r\n" + HOST, 400),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + HOST, 400),
        (b"GET /livez HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST, 431),
        (b"GET /livez HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + HOST, 431),
    ],
)
def test_each_request_has_its_answer(listens: Made, request_: bytes, expected: int) -> None:
    found = asked(listens(), request_)
    assert status(found) == expected, found
    assert b"Content-Length: " in found
    assert b"etc/passwd" not in found


def test_an_answer_to_head_has_no_body_and_one_to_a_wrong_method_says_what_is_right(listens: Made) -> None:
    admin = listens()
    head, _, body = asked(admin, b"HEAD /metrics HTTP/1.1\r\n" + HOST).partition(b"\r\n\r\n")
    assert (b"Content-Length: 5" in head, body) == (True, b"")
    assert b"Allow: GET, HEAD\r\n" in asked(admin, b"PUT /metrics HTTP/1.1\r\n" + HOST)


def test_configured_host_names_are_answered_as_well_as_addresses(listens: Made) -> None:
    admin = listens(Access(hosts=["Sidecar.logging.svc"]))
    for name, expected in (
        (b"sidecar.logging.svc:9600", 200), (b"10.0.0.1:9600", 200), (b"[::1]:9600", 200), (b"LOCALHOST", 200),
        (b"logging.svc", 403), (b"10.0.0.1.evil.example", 403), (b"[evil]", 403),
    ):  # fmt: skip
        assert status(asked(admin, b"GET /livez HTTP/1.1\r\nHost: " + name + b"\r\n\r\n")) == expected, name


def test_a_slow_client_is_dropped_and_so_is_one_that_does_not_read(listens: Made) -> None:
    admin = listens(patience_s=0.2, body=b"x" * 50_000_000)
    with connected(admin) as slow, connected(admin) as deaf:
        deaf.sendall(b"GET /metrics HTTP/1.1\r\n" + HOST)
        assert answer(slow, b"GET /livez HT") == b""
        assert len(answer(deaf, b"")) < 50_000_000


def test_a_thousand_idle_connections_block_no_client_and_take_little_memory(listens: Made) -> None:
    admin = listens()
    asked(admin, b"GET /livez HTTP/1.1\r\n" + HOST)
    with crowd(admin, 1000, b"GET /livez HTTP/1.1\r\nX: " + b"y" * 4000) as took:
        for target in (b"/livez", b"/metrics"):
            assert status(asked(admin, b"GET " + target + b" HTTP/1.1\r\n" + HOST)) == 200
        assert len([thread for thread in threading.enumerate() if "admin" in thread.name]) <= 3
    assert took["bytes"] < 16 << 20
    assert took["descriptors"] < 200


@contextmanager
def crowd(admin: HttpAdmin, count: int, sent: bytes) -> Iterator[dict[str, int]]:
    """So many clients that send this and wait; what the listener took for them, once the block has ended."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    took: dict[str, int] = {}
    before = len(os.listdir("/proc/self/fd"))
    tracemalloc.start()
    try:
        with ExitStack() as stack:
            for _ in range(count):
                client = stack.enter_context(connected(admin))
                client.settimeout(0)
                with suppress(OSError):  # it has been closed, or takes no more of it now
                    client.send(sent)
            yield took
            took["descriptors"] = len(os.listdir("/proc/self/fd")) - before - count
        took["bytes"] = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_clients_that_send_a_lot_at_once_take_little_memory(listens: Made) -> None:
    admin, much = listens(), b"GET /livez HTTP/1.1\r\nX: " + b"y" * (1 << 20)
    with crowd(admin, 300, much) as took:
        assert status(asked(admin, b"GET /metrics HTTP/1.1\r\n" + HOST)) == 200
    assert took["bytes"] - len(much) < 16 << 20


def test_endless_handshakes_block_no_client_and_take_little_memory(listens: Made, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    admin = listens(Access(certificate=(tmp_path / "both.pem", tmp_path / "both.pem")), patience_s=60)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with crowd(admin, 1000, b"\x16\x03\x01\x02\x00\x01") as took:
        for target in (b"/livez", b"/metrics"):
            with connected(admin) as plain, trusting.wrap_socket(plain, server_hostname="127.0.0.1") as client:
                assert status(answer(client, b"GET " + target + b" HTTP/1.1\r\n" + HOST)) == 200
    assert took["bytes"] < 24 << 20
    assert took["descriptors"] < 100


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"POST /drain HTTP/1.1\r\nContent-Length: 3000000\r\n" + HOST + b"x" * 3_000_000, 405),
        (b"GET /livez HTTP/1.1\r\nContent-Length: 3000000\r\n" + HOST + b"x" * 3_000_000, 200),
        (b"GET /small HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HOST + b"10000\r\n" + b"x" * 65536, 200),
        (b"POST /drain HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n" + HOST, 405),
        (b"GET /livez HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n" + HOST, 200),
        ((b"GET /small HTTP/1.1\r\n" + HOST) * 2000, 200),
        (b"GET /nothing HTTP/1.1\r\n" + HOST + b"\0\xff" * 500_000, 404),
    ],
)
def test_what_comes_after_the_head_is_passed_over_and_takes_no_answer_back(
    listens: Made, request_: bytes, expected: int
) -> None:
    found = asked(listens(), request_)
    assert status(found) == expected
    assert found.count(b"HTTP/1.1 ") == 1
    head, _, body = found.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Connection: close" in head


def test_clients_that_do_not_read_block_no_larger_answer(listens: Made) -> None:
    admin = listens(patience_s=600, body=b"x" * 50_000_000)
    with ExitStack() as stack:
        for _ in range(10):
            deaf = stack.enter_context(connected(admin))
            deaf.sendall(b"GET /metrics HTTP/1.1\r\n" + HOST)
            assert deaf.recv(10)
        assert status(asked(admin, b"GET /small HTTP/1.1\r\n" + HOST)) == 200


def test_probes_are_answered_while_a_larger_answer_takes_its_time(listens: Made) -> None:
    admin = listens()
    with connected(admin) as waiting:
        waiting.sendall(b"GET /slow?most=20 HTTP/1.1\r\n" + HOST)
        assert status(asked(admin, b"GET /livez HTTP/1.1\r\n" + HOST)) == 200


def test_many_requests_leave_the_worker_idle_most_of_the_time(listens: Made) -> None:
    admin, began = listens(), time.monotonic()
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(admin)) for _ in range(5)]
        for client in clients:
            client.sendall(b"GET /slow?most=0.05 HTTP/1.1\r\n" + HOST)
        assert all(status(answer(client, b"")) == 200 for client in clients)
    assert time.monotonic() - began >= 5 * 0.05 + 4 * 4 * 0.05


def test_everything_but_probes_needs_the_token_which_is_reloaded(listens: Made, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret\n")
    admin = listens(Access(token_file=file))

    def with_(authorization: bytes, target: bytes = b"/metrics") -> int:
        sent = b"Authorization: " + authorization + b"\r\n" if authorization else b""
        return status(asked(admin, b"GET " + target + b" HTTP/1.1\r\n" + sent + HOST))

    basic = b"Basic " + base64.b64encode(b"anybody:s3cret")
    assert [with_(b""), with_(b"Bearer wrong"), with_(b"Basic !"), with_(b"Bearer")] == [401] * 4
    assert [with_(b"Bearer s3cret"), with_(basic), with_(b"", b"/livez")] == [200] * 3
    assert with_(b"", b"/nothing") == 401
    file.write_text("other")
    assert [with_(b"Bearer s3cret"), with_(b"Bearer other")] == [401, 200]
    file.write_text("")
    assert [with_(b"Bearer "), with_(b"Bearer other")] == [401, 401]
    with pytest.raises(OSError, match="is empty"):
        Access(token_file=file)


def test_the_certificate_is_read_again_when_it_changes(listens: Made, tmp_path: Path) -> None:
    authority = trustme.CA()

    def written(name: str) -> None:
        issued = authority.issue_cert("127.0.0.1", common_name=name)
        issued.cert_chain_pems[0].write_to_path(tmp_path / "tls.crt")
        issued.private_key_pem.write_to_path(tmp_path / "tls.key")

    written("first")
    admin = listens(Access(certificate=(tmp_path / "tls.crt", tmp_path / "tls.key")))
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    def serial() -> object:
        with connected(admin) as plain, trusting.wrap_socket(plain, server_hostname="127.0.0.1") as client:
            certificate = client.getpeercert()
            assert status(answer(client, b"GET /livez HTTP/1.1\r\n" + HOST)) == 200
        return (certificate or {})["serialNumber"]

    first = serial()
    assert serial() == first
    written("second")
    second = serial()
    assert second != first
    (tmp_path / "tls.crt").write_text("nothing")
    assert serial() == second
    assert b"HTTP" not in asked(admin, b"GET /livez HTTP/1.0\r\n\r\n")
    with pytest.raises(OSError, match="are not a certificate and its key"):
        Access(certificate=(tmp_path / "tls.crt", tmp_path / "tls.key")).tls()


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        (9600, ("127.0.0.1", 9600)), ("9600", ("127.0.0.1", 9600)), (":9600", ("0.0.0.0", 9600)),
        ("[::1]:9600", ("::1", 9600)),
    ],
)  # fmt: skip
def test_a_port_without_an_address_listens_on_loopback(told: object, meant: tuple[str, int]) -> None:
    assert AdminSettings.model_validate({"listen": told}).listen == meant
