"""`sidecar webhook` as a process: certificates of `webhook certs`, reviews over TLS, changed settings, the end."""

from __future__ import annotations

import json
import re
import signal
import ssl
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path

import pytest
import yaml

from sidecar.inject import names
from tests.support.processes import ENVIRON, ended, eventually, memory, sidecar
from tests.support.reviews import admitted, review_of

POD = {"metadata": {"name": "shop"}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
MAX_MEMORY = 40 << 20
"""The most that the webhook may ever have in memory here; docs/benchmarks.md has what it has in use."""


class Process:
    """A webhook, and a connection like that of an API server: it expects the name of a Service."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        done = sidecar("webhook", "certs", "--service", "inject", "--namespace", "logging")
        secret, configuration = yaml.safe_load_all(done.stdout)
        for name, value in secret["data"].items():
            (folder / name).write_bytes(b64decode(value))
        bundle = b64decode(configuration["webhooks"][0]["clientConfig"]["caBundle"])
        self.trust = ssl.create_default_context(cadata=bundle.decode())
        (folder / "settings.yaml").write_text("sink: elasticsearch://es:9200/logs\n")
        (folder / "namespaces").mkdir()
        self.log = folder / "webhook.log"
        self.command = [
            sys.executable, "-m", "sidecar", "webhook", "--listen", "127.0.0.1:0", "--cert", f"{folder}/tls.crt",
            "--key", f"{folder}/tls.key", "--settings", f"{folder}/settings.yaml", "--namespaces",
            f"{folder}/namespaces",
        ]  # fmt: skip
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(self.command, env=ENVIRON, stdin=subprocess.DEVNULL, stderr=log)
        eventually(lambda: "mutate" in self.log.read_text(), "it has started")
        (port,) = re.findall(r"https://127\.0\.0\.1:(\d+)/mutate", self.log.read_text())
        self.connection = HTTPSConnection("127.0.0.1", int(port), context=self.trust, timeout=20)

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Return the status and the body of the response."""
        if self.connection.sock is None:  # the name of the certificate is that of the Service
            plain = HTTPSConnection(self.connection.host, self.connection.port, timeout=20)
            super(HTTPSConnection, plain).connect()
            self.connection.sock = self.trust.wrap_socket(plain.sock, server_hostname="inject.logging.svc")
        self.connection.request(method, path, body or None, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        return response.status, response.read()

    def mutate(self, pod: dict[str, object]) -> dict[str, object]:
        """Return what becomes of a Pod in the namespace `shop`."""
        status, answer = self.ask("POST", "/mutate", review_of(pod))
        assert status == 200
        return admitted(pod, answer)


@pytest.fixture
def webhook(tmp_path: Path) -> Iterator[Process]:
    webhook = Process(tmp_path)
    yield webhook
    webhook.connection.close()
    webhook.process.kill()
    webhook.process.wait()


def test_a_webhook_from_its_certificate_to_its_end(webhook: Process) -> None:
    assert webhook.ask("GET", "/readyz")[0] == 200
    text = json.dumps(webhook.mutate(POD))
    assert names.CONTAINER in text
    assert '"20m"' in text
    (webhook.folder / "namespaces" / "shop.yaml").write_text("profile: flood\nsecret: shop-keys\n")
    text = json.dumps(webhook.mutate(POD))
    assert '"600m"' in text
    assert "shop-keys" in text

    (webhook.folder / "settings.yaml").write_text("sink: [\n")
    assert names.CONTAINER in json.dumps(webhook.mutate(POD))
    refused = {**POD, "metadata": {"name": "shop-1", "annotations": {"log-sidecar/logs": "/etc/*"}}}
    assert "E_DIRECTORY" in json.dumps(webhook.mutate(refused))
    metrics = webhook.ask("GET", "/metrics")[1].decode()
    assert 'log_sidecar_webhook_requests_total{result="injected",reason=""} 3' in metrics
    assert "log_sidecar_webhook_settings_valid 0.0" in metrics
    assert memory(webhook.process.pid) < MAX_MEMORY

    webhook.process.send_signal(signal.SIGTERM)
    eventually(lambda: "webhook_stopping" in webhook.log.read_text(), "it ends")
    assert webhook.mutate(POD)  # the requests of the last seconds are answered
    assert ended(webhook.process) == 0  # a second signal ends it at once
    logged = [json.loads(line) for line in webhook.log.read_text().splitlines()]
    assert [line["event"] for line in logged] == [
        "webhook_started", "settings_not_valid", "pod_refused", "webhook_stopping",
    ]  # fmt: skip
    assert logged[2]["message"] == "shop/shop-1 starts without the sidecar: E_DIRECTORY"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--listen", "http"], r"argument --listen: is not \[HOST:\]PORT"),
        (["--listen", "70000"], r"argument --listen: is not \[HOST:\]PORT"),
        (["--listen", "192.0.2.1:1"], "cannot serve on 192.0.2.1:1: Cannot assign requested address"),
        (["--settings", "/missing.yaml"], r"/missing.yaml: cannot be read \(No such file or directory\)"),
        (["--cert", "/missing.crt"], "cannot serve on 127.0.0.1:0: /missing.crt: No such file or directory"),
        (["--cert", "/etc/hostname", "--key", "/etc/hostname"], "are not a certificate and its key"),
        (["--manage-certificates"], "name no API server; use --manage-certificates only in a Pod"),
        (["certs", "--namespace", "a/b"], "argument --namespace: is not the name of an object"),
        (["certs", "--days", "0"], "argument --days: is not a number from 1 to 3650"),
    ],
)
def test_a_webhook_that_cannot_start_says_why(arguments: list[str], expected: str, tmp_path: Path) -> None:
    first = [] if arguments[0] == "certs" or "--listen" in arguments else ["--listen", "127.0.0.1:0"]
    if "--listen" in arguments:
        Certificate(tmp_path)
        arguments = [*arguments, "--cert", f"{tmp_path}/tls.crt", "--key", f"{tmp_path}/tls.crt"]
    done = sidecar("webhook", *arguments, *first)
    assert done.returncode == 2
    assert re.search(expected, done.stderr), done.stderr
    assert "Traceback" not in done.stderr


class Certificate:
    """A file with a certificate and its key."""

    def __init__(self, folder: Path) -> None:
        (secret, _) = yaml.safe_load_all(sidecar("webhook", "certs").stdout)
        both = [b64decode(secret["data"][name]) for name in ("tls.crt", "tls.key")]
        (folder / "tls.crt").write_bytes(b"".join(both))
