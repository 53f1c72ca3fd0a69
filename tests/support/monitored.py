"""A sidecar as a process, whose HTTP listener tests ask."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.support.processes import eventually, running, sidecar
from tests.support.servers.real_elasticsearch import free_port

LINES = 500


class MonitoredSidecar:
    """A sidecar with a good and a dead sink, whose HTTP listener is on `port`."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], port: int) -> None:
        self.folder, self.process, self.port = folder, process, port
        self.size = (folder / "app.log").stat().st_size

    def get(self, target: str, host: str = "", method: str = "GET") -> tuple[int, str]:
        headers = {"Host": host} if host else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{target}", headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metrics(self) -> dict[tuple[str, ...], float]:
        """(name, label values …) → value."""
        status, text = self.get("/metrics")
        assert status == 200, text
        return {
            (
                sample.name.removeprefix("log_sidecar_"),
                *(value for _, value in sorted(sample.labels.items()) if value),
            ): (sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def is_settled(self) -> bool:
        return self.metrics().get(("balance_bytes", "db", "stored")) == self.size


def config(folder: Path, port: int, **admin: object) -> Path:
    text = {
        "state_dir": str(folder / "state"),
        "admin": {"listen": f"127.0.0.1:{port}", **admin},
        "drain": {"timeout": "1s"},
        "sinks": {"db": f"sqlite:///{folder}/logs.db", "dead": "elasticsearch://127.0.0.1:9/logs"},
        "pipelines": {"app": {"paths": [str(folder / "app.log")], "parser": "json"}},
    }
    path = folder / "sidecar.yaml"
    path.write_text(json.dumps(text))
    return path


@contextmanager
def started(folder: Path) -> Iterator[MonitoredSidecar]:
    lines = [json.dumps({"number": n}) for n in range(LINES - 1)] + ["not json"]
    (folder / "app.log").write_text("\n".join(lines) + "\n")
    port = free_port()
    with running(folder / "own.log", "--config", str(config(folder, port))) as process:
        sidecar("wait-ready", "--state-dir", str(folder / "state"))
        here = MonitoredSidecar(folder, process, port)
        eventually(here.is_settled, "everything is stored")
        yield here
