"""The webhook over TLS: many requests on one connection, hostile requests, certificates, readiness."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path

import pytest
import trustme

from sidecar.inject import names
from sidecar.inject.settings import InjectionSettings
from sidecar.telemetry.events import Event
from sidecar.testing import ManualClock
from sidecar.webhook.server import MIN_VALIDITY_S, Webhook
from sidecar.webhook.settings_files import SettingsFiles
from tests.support.reviews import admitted, response_of, review_of

POD = {"metadata": {"name": "shop"}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
JSON = {"Content-Type": "application/json"}


class Running:
    """A webhook with certificates of a test authority, and a client that trusts it."""

    def __init__(self, folder: Path, client_authority: Path | None = None) -> None:
        self.folder, self.authority = folder, trustme.CA()
        self.clock, self.events = ManualClock(datetime.now(UTC).timestamp()), list[Event]()
        self.issue(datetime.now(UTC) + timedelta(days=90))
        (folder / "settings.yaml").write_text("sink: elasticsearch://es:9200/logs\n")
        settings = SettingsFiles(folder / "settings.yaml", folder, lambda reason: None)
        certificate = (folder / "tls.crt", folder / "tls.key")
        self.webhook = Webhook(
            ("127.0.0.1", 0), certificate, settings, self.clock, self.events.append, client_authority
        )  # fmt: skip
        self.trust = ssl.create_default_context()
        self.authority.configure_trust(self.trust)

    def issue(self, end: datetime) -> None:
        """Write a certificate that ends then."""
        issued = self.authority.issue_cert("127.0.0.1", not_after=end)
        issued.cert_chain_pems[0].write_to_path(self.folder / "tls.crt")
        issued.private_key_pem.write_to_path(self.folder / "tls.key")

    def connect(self) -> HTTPSConnection:
        """Return a connection that is opened by its first request."""
        return HTTPSConnection("127.0.0.1", self.webhook.port, context=self.trust, timeout=20)

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> HTTPResponse:
        """Return the response on a new connection, which has been read."""
        connection = self.connect()
        connection.request(method, path, body or None, headers or {})
        response = connection.getresponse()
        response.msg["text"] = response.read().decode()
        connection.close()
        return response

    def raw(self) -> ssl.SSLSocket:
        """Return a bare connection."""
        plain = socket.create_connection(("127.0.0.1", self.webhook.port), timeout=20)
        return self.trust.wrap_socket(plain, server_hostname="127.0.0.1")

    def metrics(self) -> str:
        """Return the text of the metrics."""
        return self.ask("GET", "/metrics").msg["text"]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    running.webhook.close()


def test_one_connection_serves_many_reviews_and_a_new_certificate_does_not_close_it(running: Running) -> None:
    connection = running.connect()
    for number in range(20):
        if number == 10:
            running.issue(datetime.now(UTC) + timedelta(days=60))
            running.folder.joinpath("shop.yaml").write_text("profile: flood\n")
        connection.request("POST", "/mutate", review_of(POD), JSON)
        used = connection.sock
        response = connection.getresponse()
        result = admitted(POD, response.read())
        assert response.getheader("Connection") is None
        assert connection.sock is used is not None
        cpu = result["spec"]["initContainers"][0]["resources"]["requests"]["cpu"]
        assert cpu == ("20m" if number < 10 else "600m")
    connection.close()
    served = ssl.PEM_cert_to_DER_cert((running.folder / "tls.crt").read_text())
    with running.raw() as client:
        assert client.getpeercert(binary_form=True) == served
    assert 'requests_total{result="injected",reason=""} 20' in running.metrics()


def test_a_refusal_is_answered_logged_and_counted_without_text_of_the_pod(running: Running) -> None:
    secret = "s3cr3t"
    pod = {**POD, "metadata": {"name": "x\x1b", "annotations": {"log-sidecar/logs": f"{secret}:/a/*.log"}}}
    response = response_of(running.ask("POST", "/mutate", review_of(pod), JSON).msg["text"].encode())
    assert "E_NO_CONTAINER" in response["warnings"][0]
    running.ask("POST", "/mutate", review_of(pod, dryRun=True), JSON)
    (event,) = [event for event in running.events if type(event).__name__ == "PodRefused"]
    assert event.text() == "shop/? starts without the sidecar: E_NO_CONTAINER"
    metrics = running.metrics()
    assert 'requests_total{result="refused",reason="E_NO_CONTAINER"} 2' in metrics
    assert secret not in metrics


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("GET", "/mutate", b"", {}, 405),
        ("PUT", "/mutate", b"{}", JSON, 405),
        ("POST", "/metrics", b"{}", JSON, 405),
        ("GET", "/", b"", {}, 404),
        ("POST", "/mutate", review_of(POD), {}, 415),
        ("POST", "/mutate", review_of(POD), {"Content-Type": "text/plain"}, 415),
        ("POST", "/mutate", review_of(POD), {"Content-Type": "application/json; charset=utf-8"}, 200),
        ("POST", "/mutate", b"", JSON, 400),
        ("POST", "/mutate", b"{", JSON, 400),
        ("POST", "/mutate", b"[" * 1_000_000, JSON, 400),
        ("POST", "/mutate", b"x" * (3 << 20), JSON, 400),
        ("POST", "/mutate", b"{}", {**JSON, "Content-Length": "3145729"}, 413),
        ("POST", "/mutate", b"{}", {**JSON, "Content-Length": "9" * 30}, 413),
        ("POST", "/mutate", b"{}", {**JSON, "Content-Length": "-1"}, 400),
        ("POST", "/mutate", b"{}", {**JSON, "Transfer-Encoding": "chunked"}, 411),
        ("POST", "/mutate", b"{}", {**JSON, "X": "y" * 9000}, 431),
    ],
)  # fmt: skip
def test_each_request_has_its_answer_and_the_webhook_stays(
    running: Running, method: str, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert running.ask(method, path, body, headers).status == status
    assert running.ask("POST", "/mutate", review_of(POD), JSON).status == 200
    assert (f'invalid_requests_total{{status="{status}"}} 1' in running.metrics()) is (status != 200)


def test_a_pod_of_one_mebibyte_is_answered_also_after_100_continue(running: Running) -> None:
    pod = {**POD, "metadata": {"annotations": {"note": "x" * (1 << 20)}}}
    body = review_of(pod)
    with running.raw() as client:
        head = f"POST /mutate HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        client.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        response = HTTPResponse(client)
        response.begin()
        assert names.CONTAINER in json.dumps(admitted(pod, response.read()))


def test_clients_that_send_large_bodies_slowly_block_no_other(running: Running) -> None:
    head = b"POST /mutate HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 3000000\r\n\r\n"
    clients = [running.raw() for _ in range(20)]
    for client in clients:
        client.sendall(head + b"x" * 50_000)
    assert running.ask("POST", "/mutate", review_of({**POD, "note": "x" * 100_000}), JSON).status == 200
    for client in clients:
        client.close()


def test_many_idle_connections_block_no_other(running: Running) -> None:
    busy = running.connect()
    busy.request("GET", "/livez")
    busy.getresponse().read()
    idle = [socket.create_connection(("127.0.0.1", running.webhook.port), timeout=20) for _ in range(100)]
    busy.request("GET", "/livez")  # used again, so that older ones are closed first
    busy.getresponse().read()
    idle += [socket.create_connection(("127.0.0.1", running.webhook.port), timeout=20) for _ in range(100)]
    used = busy.sock
    busy.request("POST", "/mutate", review_of(POD), JSON)
    assert busy.getresponse().status == 200
    assert busy.sock is used
    for client in idle:
        client.close()
    busy.close()


def test_the_webhook_is_ready_while_its_certificate_is_valid_for_a_day(running: Running) -> None:
    assert running.ask("GET", "/readyz").status == 200
    running.clock.advance(timedelta(days=90).total_seconds() - MIN_VALIDITY_S + 10)
    response = running.ask("GET", "/readyz")
    assert (response.status, "ends in 24 hours" in response.msg["text"]) == (503, True)
    assert running.ask("GET", "/livez").status == 200
    assert running.ask("POST", "/mutate", review_of(POD), JSON).status == 200
    running.issue(datetime.now(UTC) + timedelta(days=180))
    assert running.ask("GET", "/readyz").status == 200
    (running.folder / "tls.crt").write_text("nothing")
    assert running.ask("GET", "/readyz").status == 503
    assert running.ask("GET", "/livez").status == 200  # with the certificate before


def test_a_webhook_that_ends_answers_and_sends_its_clients_to_another(running: Running) -> None:
    connection = running.connect()
    connection.request("GET", "/livez")
    connection.getresponse().read()
    running.webhook.drain()
    connection.request("POST", "/mutate", review_of(POD), JSON)
    response = connection.getresponse()
    assert (response.status, response.getheader("Connection")) == (200, "close")
    connection.close()
    assert running.ask("GET", "/readyz").status == 503


def test_a_certificate_that_cannot_be_used_is_an_error_at_the_start(running: Running) -> None:
    (running.folder / "tls.key").write_text("nothing")
    files = (running.folder / "tls.crt", running.folder / "tls.key")
    with pytest.raises(OSError, match="are not a certificate and its key"):
        Webhook(("127.0.0.1", 0), files, SettingsFiles(None, None, print), running.clock, running.events.append)


def test_with_a_client_authority_only_its_clients_get_reviews(tmp_path: Path) -> None:
    file, clients, others = tmp_path / "client-ca.crt", trustme.CA(), trustme.CA()
    clients.cert_pem.write_to_path(file)
    running = Running(tmp_path, file)
    try:
        assert running.ask("POST", "/mutate", review_of(POD), JSON).status == 403
        assert running.ask("GET", "/livez").status == 200
        assert 'invalid_requests_total{status="403"} 1' in running.metrics()
        clients.issue_cert("kube-apiserver").configure_cert(running.trust)
        assert "initContainers" in admitted(POD, ask_for_review(running))["spec"]
        others.cert_pem.write_to_path(file)  # another authority is trusted without a restart
        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask_for_review(running)
        others.issue_cert("kube-apiserver").configure_cert(running.trust)
        assert "initContainers" in admitted(POD, ask_for_review(running))["spec"]
    finally:
        running.webhook.close()


def ask_for_review(running: Running) -> bytes:
    """Return the answer to a review on a new connection."""
    connection = running.connect()
    try:
        connection.request("POST", "/mutate", review_of(POD), JSON)
        return connection.getresponse().read()
    finally:
        connection.close()


def test_a_client_authority_that_cannot_be_used_is_an_error_at_the_start(tmp_path: Path) -> None:
    for content in ("", "no certificate"):
        (tmp_path / "client-ca.crt").write_text(content)
        with pytest.raises(OSError, match=r"client-ca\.crt is not the certificate of an authority"):
            Running(tmp_path, tmp_path / "client-ca.crt")


def test_without_a_host_both_kinds_of_addresses_are_served(running: Running) -> None:
    files = (running.folder / "tls.crt", running.folder / "tls.key")
    running.webhook.close()
    running.webhook = Webhook(("", 0), files, SettingsFiles(None, None, print), running.clock, running.events.append)
    running.trust.check_hostname = False
    for address in ("127.0.0.1", *(["::1"] if socket.has_dualstack_ipv6() else [])):
        connection = HTTPSConnection(address, running.webhook.port, context=running.trust, timeout=20)
        connection.request("GET", "/livez", headers={"Connection": "close"})
        assert connection.getresponse().read()
        connection.close()


class BrokenSettings(SettingsFiles):
    """Settings with a bug."""

    def of_namespace(self, namespace: str) -> InjectionSettings:
        raise ZeroDivisionError(namespace)


def test_a_bug_keeps_no_pod_from_starting_and_is_logged_without_text_of_the_pod(running: Running) -> None:
    files = (running.folder / "tls.crt", running.folder / "tls.key")
    running.webhook.close()
    settings = BrokenSettings(None, None, print)
    running.webhook = Webhook(("127.0.0.1", 0), files, settings, running.clock, running.events.append)
    response = running.ask("POST", "/mutate", review_of(POD, namespace="s3cr3t"), JSON)
    assert response_of(response.msg["text"].encode()).keys() == {"uid", "allowed"}
    assert "a Pod starts without the sidecar: ZeroDivisionError;" in running.events[-1].text()
    assert 'requests_total{result="failed",reason=""} 1' in running.metrics()
