"""A sidecar that gets other settings while it runs listens and sends as they say."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.admin.test_otlp import receiving
from tests.support.monitored import MonitoredSidecar
from tests.support.processes import ended, eventually, running, sidecar
from tests.support.servers.real_elasticsearch import free_port


class Reloading:
    """The configuration of a sidecar in `folder`, and what it says of itself."""

    def __init__(self, folder: Path) -> None:
        (folder / "app.log").write_text("one\ntwo\n")
        self.config, self._log = folder / "sidecar.yaml", folder / "own.log"
        self._told: dict[str, Any] = {
            "state_dir": f"{folder}/state", "sinks": {"db": f"sqlite:///{folder}/logs.db"},
            "pipelines": {"app": {"paths": [f"{folder}/app.log"]}},
        }  # fmt: skip

    def says(self, **settings: object) -> None:
        self.config.write_text(json.dumps({**self._told, **settings}))

    def heard(self, event: str) -> int:
        return sum(json.loads(line)["event"] == event for line in self._log.read_text().splitlines())

    def change(self, process: subprocess.Popen[bytes], **settings: object) -> None:
        before = self.heard("reloaded")
        self.says(**settings)
        process.send_signal(signal.SIGHUP)
        eventually(lambda: self.heard("reloaded") == before + 1, "it has other settings")


def answers(folder: Path, process: subprocess.Popen[bytes], port: int, target: str = "/metrics") -> int:
    """The status, 0 where nobody listens."""
    try:
        return MonitoredSidecar(folder, process, port).get(target)[0]
    except OSError:
        return 0


def moments(folder: Path, process: subprocess.Popen[bytes], port: int) -> list[float]:
    """Those that the page has charts of."""
    tracks = json.loads(MonitoredSidecar(folder, process, port).get("/history.json")[1])["tracks"]
    return [at for track in tracks for at in track["at"]]


@pytest.mark.slow
def test_another_listener_takes_the_place_of_the_first_and_the_hour_is_kept(tmp_path: Path) -> None:
    here, first, second = Reloading(tmp_path), free_port(), free_port()
    (tmp_path / "token").write_text("s3cret")
    here.says(admin={"listen": first}, log_level="info")
    with running(tmp_path / "own.log", "--config", str(here.config)) as process:
        sidecar("wait-ready", "--state-dir", f"{tmp_path}/state")
        assert answers(tmp_path, process, first) == 200
        eventually(lambda: bool(moments(tmp_path, process, first)), "there is something of the hour")
        known = moments(tmp_path, process, first)
        here.change(process, admin={"listen": second}, log_level="info")
        eventually(lambda: answers(tmp_path, process, second) == 200, "it listens elsewhere")
        assert answers(tmp_path, process, first) == 0
        assert moments(tmp_path, process, second)[: len(known)] == known
        token = {"listen": second, "token_file": f"{tmp_path}/token"}
        here.change(process, admin=token, log_level="info")
        eventually(lambda: answers(tmp_path, process, second) == 401, "on the same port it wants the token")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            here.change(process, admin={"listen": taken.getsockname()[1], "required": True}, log_level="info")
            eventually(lambda: here.heard("no_listener") == 1, "it says that it cannot")
        assert answers(tmp_path, process, second) == 0
        here.change(process, admin={"listen": first}, log_level="info")
        eventually(lambda: answers(tmp_path, process, first) == 200, "it listens again")
        here.change(process, log_level="info")
        eventually(lambda: answers(tmp_path, process, first) == 0, "it listens no more")
        assert ended(process) == 0


def test_metrics_go_to_another_receiver_and_to_none(tmp_path: Path) -> None:
    here = Reloading(tmp_path)

    def sent_to(port: int) -> dict[str, Any]:
        return {"otlp": {"endpoint": f"http://127.0.0.1:{port}/v1/metrics", "interval": "100ms"}}

    with receiving() as first, receiving() as second:
        here.says(metrics=sent_to(first.port), log_level="info")
        with running(tmp_path / "own.log", "--config", str(here.config)) as process:
            assert first.next()
            here.change(process, metrics=sent_to(second.port), log_level="info")
            assert second.next()
            assert first.is_left_alone()
            here.change(process, log_level="info")
            eventually(second.is_left_alone, "nothing is sent any more")
            assert ended(process) == 0


@pytest.mark.slow
def test_a_secret_that_arrives_later_is_read_without_a_restart(tmp_path: Path) -> None:
    here, secrets = Reloading(tmp_path), tmp_path / "secrets"
    secrets.mkdir()
    here.says()
    config = ("--config", str(here.config))
    with running(tmp_path / "own.log", *config, SIDECAR_SECRETS_DIR=str(secrets)) as process:
        eventually(lambda: here.heard("started") == 1, "it has started")
        (secrets / "LOG_LEVEL").write_text("debug")
        eventually(lambda: here.heard("reloaded") == 1, "it has the setting of the Secret")
        assert ended(process) == 0


def test_counters_outlive_a_reload(tmp_path: Path) -> None:
    here = Reloading(tmp_path)
    here.says(log_level="info")

    def count_stored() -> int:
        status = json.loads(sidecar("status", "--json", "--state-dir", f"{tmp_path}/state").stdout)
        (shipper,) = status["shippers"]
        return int(shipper["counters"]["lines"].get("stored", 0))

    with running(tmp_path / "own.log", "--config", str(here.config)) as process:
        sidecar("wait-ready", "--state-dir", f"{tmp_path}/state")
        eventually(lambda: count_stored() == 2, "both lines are counted")
        here.change(process, log_level="info", limits={"memory": "20MiB"})
        assert count_stored() == 2
        with (tmp_path / "app.log").open("a") as log:
            log.write("three\n")
        eventually(lambda: count_stored() == 3, "the third line is counted as well")
        assert ended(process) == 0
