"""The metrics by OTLP, as a receiver decodes them."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import ended, eventually, running, sidecar
from tests.support.servers.real_elasticsearch import free_port

pytest.importorskip("opentelemetry.proto.metrics.v1.metrics_pb2", reason="opentelemetry-proto is not installed")


class Receiver:
    """Takes what an OTLP exporter sends. `port` is where."""

    def __init__(self, server: ThreadingHTTPServer, came: queue.SimpleQueue[Any]) -> None:
        self.port, self._came = server.server_port, came

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
def receiving(status: int = 200) -> Iterator[Receiver]:
    came: queue.SimpleQueue[Any] = queue.SimpleQueue()
    messages = import_module("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/x-protobuf"
            if self.path == "/v1/metrics":
                came.put(messages.ExportMetricsServiceRequest.FromString(body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """The test looks at the requests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Receiver(server, came)
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


@pytest.mark.parametrize("status", [503, None])
def test_a_receiver_that_takes_nothing_is_told_of_and_holds_nothing_up(tmp_path: Path, status: int | None) -> None:
    with receiving(status or 200) as receiver:
        port = receiver.port if status else free_port()
        with running(tmp_path / "own.log", "--config", str(config(tmp_path, port))) as run:
            eventually(lambda: "metrics_not_sent" in (tmp_path / "own.log").read_text(), "it is told")
            assert ended(run) == 0
    last = json.loads((tmp_path / "own.log").read_text().splitlines()[-1])
    assert (last["event"], last["stored"]) == ("balance", 8)


def test_an_endpoint_that_is_none_is_refused(tmp_path: Path) -> None:
    path = config(tmp_path, 1)
    for wrong in ("collector:4317", "ftp://collector/v1", "http://user:secret@collector/v1"):
        path.write_text(path.read_text().replace("http://127.0.0.1:1/v1/metrics", wrong))
        done = sidecar("check", "--config", str(path))
        assert (done.returncode, "metrics.otlp.endpoint" in done.stderr + done.stdout) == (2, True)
        assert "secret" not in done.stderr + done.stdout
        path = config(tmp_path, 1)


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
        "sidecar.telemetry.otlp",
        "sidecar.admin.http_server",
    ):
        assert name not in done.stderr, name
