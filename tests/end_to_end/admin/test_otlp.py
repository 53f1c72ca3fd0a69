"""The metrics by OTLP, as a receiver decodes them."""

from __future__ import annotations

import gzip
import json
import queue
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from sidecar.cli import main
from tests.support.processes import ended, eventually, running, sidecar
from tests.support.servers.real_elasticsearch import free_port

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otlp is not installed")


class Receiver:
    """Takes what an OTLP exporter sends. `port` is where, `headers` are those of the last request."""

    def __init__(self) -> None:
        self.port = 0
        self.headers: dict[str, str] = {}
        self._came: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def take(self, request: Any, headers: dict[str, str]) -> None:
        """Keep a request for `next`."""
        self.headers = headers
        self._came.put(request)

    def next(self) -> dict[str, Any]:
        """Name → metric of the next request that comes."""
        (of_resource,) = self._came.get(timeout=40).resource_metrics
        found = {each.key: each.value.string_value for each in of_resource.resource.attributes}
        assert found["service.name"] == "log-sidecar"
        assert {"service.version", "service.instance.id", "host.name"} < set(found)
        return {metric.name: metric for metric in of_resource.scope_metrics[0].metrics}

    def is_left_alone(self, for_s: float = 1.0) -> bool:
        """Whether nothing more comes for a while, beside what has come already."""
        while not self._came.empty():
            self._came.get()
        try:
            self._came.get(timeout=for_s)
        except queue.Empty:
            return True
        return False


@contextmanager
def receiving(status: int = 200, first: Sequence[int] = ()) -> Iterator[Receiver]:
    """Answer the first requests with the statuses in `first`, and all others with `status`."""
    receiver, statuses = Receiver(), [*first]
    messages = import_module("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            assert headers["content-type"] == "application/x-protobuf"
            if headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            answer = statuses.pop(0) if statuses else status
            if self.path == "/v1/metrics":
                receiver.take(messages.ExportMetricsServiceRequest.FromString(body), headers)
            self.send_response(answer)
            self.send_header("Retry-After", "0")
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """The test looks at the requests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        receiver.port = server.server_port
        yield receiver
        server.shutdown()


def config(folder: Path, port: int) -> Path:
    (folder / "app.log").write_text("one\ntwo\n")
    text = {
        "state_dir": str(folder / "state"),
        "metrics": {"otlp": {"endpoint": f"http://127.0.0.1:{port}/v1/metrics", "interval": "200ms"}},
        "sinks": {"db": f"sqlite:///{folder}/logs.db"},
        "pipelines": {"app": {"paths": [str(folder / "app.log")]}},
    }
    path = folder / "sidecar.yaml"
    path.write_text(json.dumps(text))
    return path


def labels(point: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in point.attributes}


def test_a_receiver_gets_all_metrics_and_once_more_at_the_end(tmp_path: Path) -> None:
    with (
        receiving() as receiver,
        running(tmp_path / "own.log", "--config", str(config(tmp_path, receiver.port))) as run,
    ):
        found = receiver.next()
        while found["log_sidecar_stored_bytes"].sum.data_points[0].as_double < 8:
            found = receiver.next()
        (stored,) = found["log_sidecar_stored_bytes"].sum.data_points
        assert labels(stored) == {"pipeline": "app", "sink": "db"}
        assert 0 < stored.start_time_unix_nano < stored.time_unix_nano
        assert (stored.as_double, found["log_sidecar_stored_bytes"].sum.is_monotonic) == (8, True)
        assert found["log_sidecar_stored_bytes"].sum.aggregation_temporality == 2
        (documents,) = found["log_sidecar_batch_documents"].histogram.data_points
        assert (documents.sum, documents.count) == (2, sum(documents.bucket_counts))
        assert len(documents.bucket_counts) == len(documents.explicit_bounds) + 1
        assert [labels(point) for point in found["log_sidecar_files"].gauge.data_points] == [{"pipeline": "app"}]
        with (tmp_path / "app.log").open("a") as log:
            log.write("three\n")
        assert ended(run) == 0
        last = receiver.next()
        while last["log_sidecar_stored_bytes"].sum.data_points[0].as_double < 14:
            last = receiver.next()


def test_headers_compression_and_retries_are_those_of_the_exporter(tmp_path: Path) -> None:
    own_log = tmp_path / "own.log"
    variables = {
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20s3cret,x-team=shop",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    }
    with (
        receiving(first=[503, 429]) as receiver,
        running(own_log, "--config", str(config(tmp_path, receiver.port)), **variables) as run,
    ):
        for _ in range(3):
            assert "log_sidecar_build_info" in receiver.next()
        assert (receiver.headers["authorization"], receiver.headers["x-team"]) == ("Bearer s3cret", "shop")
        assert receiver.headers["content-encoding"] == "gzip"
        assert ended(run) == 0
    assert "metrics_not_sent" not in own_log.read_text()
    assert "s3cret" not in own_log.read_text()


@pytest.mark.parametrize(
    ("status", "variables"),
    [
        (400, {}),
        (308, {}),
        (200, {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=s3cr%E2%82%ACet"}),
        (200, {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/s3cret.pem"}),
    ],
)
def test_what_fails_is_logged_without_secrets_and_without_a_traceback(
    tmp_path: Path, status: int, variables: dict[str, str]
) -> None:
    own_log = tmp_path / "own.log"
    with receiving(status) as receiver:
        settings = config(tmp_path, receiver.port)
        if "OTEL_EXPORTER_OTLP_CERTIFICATE" in variables:
            settings.write_text(settings.read_text().replace("http://127", "https://127"))
        with running(own_log, "--config", str(settings), **variables) as run:
            eventually(lambda: "metrics_not_sent" in own_log.read_text(), "it is reported")
            assert ended(run) == 0
    events = [json.loads(line) for line in own_log.read_text().splitlines()]
    reasons = {event["reason"] for event in events if event["event"] == "metrics_not_sent"}
    assert reasons == {f"HTTP status {status}"} or (status == 200 and len(reasons) == 1), reasons
    for word in ("s3cr", "Traceback", "opentelemetry", "HTTPConnectionPool"):
        assert word not in own_log.read_text()


def test_a_receiver_that_never_answers_does_not_delay_the_end(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = config(tmp_path, silent.getsockname()[1])
        with running(tmp_path / "own.log", "--config", str(settings)) as run:
            connection, _ = silent.accept()
            with connection:
                assert b"POST" in connection.recv(64)
                began = time.monotonic()
                assert ended(run) == 0
                assert time.monotonic() - began < 8
    last = json.loads((tmp_path / "own.log").read_text().splitlines()[-1])
    assert (last["event"], last["stored"]) == ("balance", 8)


@pytest.mark.parametrize("status", [503, None])
def test_a_receiver_that_fails_is_reported_and_blocks_nothing(tmp_path: Path, status: int | None) -> None:
    with receiving(status or 200) as receiver:
        port = receiver.port if status else free_port()
        with running(tmp_path / "own.log", "--config", str(config(tmp_path, port))) as run:
            eventually(lambda: "metrics_not_sent" in (tmp_path / "own.log").read_text(), "it is told")
            assert ended(run) == 0
    last = json.loads((tmp_path / "own.log").read_text().splitlines()[-1])
    assert (last["event"], last["stored"]) == ("balance", 8)


def test_an_invalid_endpoint_is_refused(tmp_path: Path) -> None:
    path = config(tmp_path, 1)
    for wrong in ("collector:4317", "ftp://collector/v1", "http://user:secret@collector/v1"):
        path.write_text(path.read_text().replace("http://127.0.0.1:1/v1/metrics", wrong))
        done = sidecar("check", "--config", str(path))
        assert (done.returncode, "metrics.otlp.endpoint" in done.stderr + done.stdout) == (2, True)
        assert "secret" not in done.stderr + done.stdout
        path = config(tmp_path, 1)


def test_without_the_exporter_the_configuration_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)
    assert main(["check", "--config", str(config(tmp_path, 1))]) == 2
    assert "needs a package that is not installed; run pip install 'log-sidecar[otlp]'" in capsys.readouterr().err


def test_nothing_of_it_is_imported_unless_it_is_configured(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("one\n")
    done = sidecar(
        "run", f"{tmp_path}/app.log", "--to", f"sqlite:///{tmp_path}/l.db", "--once", "--state-dir", f"{tmp_path}/s",
        PYTHONPROFILEIMPORTTIME="1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name in (
        "opentelemetry",
        "google.protobuf",
        "requests",
        "sidecar.telemetry.otlp",
        "sidecar.admin.http_server",
    ):
        assert name not in done.stderr, name
