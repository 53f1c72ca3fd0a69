"""docker-compose.yml: its shape, and its `app` and `sidecar` run as processes against real servers."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from pymongo import MongoClient

from tests.support.processes import eventually
from tests.support.servers import ComponentMissing

ROOT = Path(__file__).parents[3]
LINES = 300


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def versions() -> dict[str, str]:
    lines = (ROOT / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_databases_and_application_have_health_checks_and_the_sidecar_depends_on_no_database() -> None:
    found = services()
    assert set(found) == {"elasticsearch", "mongodb", "volume-owner", "app", "sidecar"}
    assert all("healthcheck" in found[name] for name in ("elasticsearch", "mongodb", "app", "sidecar"))
    assert set(found["sidecar"]["depends_on"]) == {"app"}


def test_the_health_check_asks_the_running_sidecar() -> None:
    assert services()["sidecar"]["healthcheck"]["test"] == ["CMD", "sidecar", "probe", "ready"]


def test_every_port_is_published_on_this_machine_only() -> None:
    ports = [port for service in services().values() for port in service.get("ports", ())]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_version_is_set_in_one_place() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert set(re.findall(r"\$\{(\w+)", text)) == versions().keys()
    assert all(re.search(r"\$\{\w+", service["image"]) for name, service in services().items() if name != "sidecar")


def test_podman_compose_reads_the_same_file() -> None:
    """It prints the commands that it would run."""
    if shutil.which("podman-compose") is None:
        raise ComponentMissing("podman-compose is missing: tests/kubernetes/deploy/install-tools.sh installs it")
    command = ["podman-compose", "--podman-path", "/bin/true", "--dry-run", "-p", "p", "up", "-d", "--no-build"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    runs = dict(re.findall(r"^\S+ run --name=p_(\S+)_1 (.*)$", done.stdout, re.MULTILINE))
    assert runs.keys() == services().keys()
    for name, service in services().items():
        image = re.sub(r"\$\{(\w+)[^}]*\}", lambda found: versions()[found[1]], service["image"])
        assert f" {' '.join([image, *service.get('command', ())])}" in runs[name]
    for option in ("--read-only", "--cap-drop ALL", "-u 10001:10001", "-p 127.0.0.1:9600:9600", "probe' 'ready"):
        assert option in runs["sidecar"]


def test_the_sidecar_needs_no_privilege() -> None:
    sidecar = services()["sidecar"]
    assert sidecar["read_only"] is True
    assert sidecar["cap_drop"] == ["ALL"]
    assert sidecar["user"] == "10001:10001"
    assert "app-log:/var/log/app:ro" in sidecar["volumes"]


@contextmanager
def process(arguments: list[str], environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SIDECAR_")}
    running = subprocess.Popen(arguments, env={**inherited, **environ})
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def test_the_app_waits_until_its_folder_can_be_written_and_ends_after_a_whole_line(tmp_path: Path) -> None:
    log = tmp_path / "volume" / "app.log"
    program = [sys.executable, str(ROOT / "examples/app/app.py")]
    environ = {**os.environ, "LOG_PATH": str(log), "RATE": "1000", "LINES": "0", "ROTATE_EVERY": "1000000"}
    with subprocess.Popen(program, env=environ, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert "waiting until" in running.stderr.readline()
        log.parent.mkdir()
        eventually(lambda: log.exists() and log.stat().st_size > 1000, "the application writes")
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0
    written = log.read_text()
    assert written.endswith("}\n")
    assert [json.loads(line)["number"] for line in written.splitlines()] == list(range(written.count("\n")))


@pytest.mark.elasticsearch
@pytest.mark.mongodb
def test_every_line_of_the_app_service_arrives_once_in_both_databases(
    tmp_path: Path, elasticsearch_url: str, mongodb_uri: str, index_name: str, database_name: str
) -> None:
    logs = tmp_path / "log"
    logs.mkdir()
    app, sidecar = services()["app"], services()["sidecar"]
    config = (ROOT / "examples/compose/sidecar.yaml").read_text()
    for there, here in (
        ("elasticsearch://elasticsearch:9200/logs-app", f"elasticsearch://{elasticsearch_url[7:]}/{index_name}"),
        ("mongodb://mongodb:27017/logs", f"{mongodb_uri.rstrip('/')}/{database_name}"),
        ("/var/log/app", str(logs)),
        ("/var/lib/sidecar", str(tmp_path / "state")),
        ("0.0.0.0:9600", "127.0.0.1:0"),
    ):
        assert there in config
        config = config.replace(there, here)
    (tmp_path / "sidecar.yaml").write_text(config)
    command = [
        part.replace("/etc/sidecar/sidecar.yaml", str(tmp_path / "sidecar.yaml")) for part in sidecar["command"]
    ]
    program = [
        part.replace("python3", sys.executable).replace("/app/", f"{ROOT}/examples/app/") for part in app["command"]
    ]
    environ = {**app["environment"], "LOG_PATH": str(logs / "app.log"), "RATE": "300", "LINES": str(LINES)}
    environ["ROTATE_EVERY"] = "100"
    with process([sys.executable, "-m", "sidecar", *command], sidecar["environment"]) as shipping:
        with process(program, environ) as writing:
            assert writing.wait(60) == 0
        shipping.send_signal(signal.SIGTERM)
        assert shipping.wait(60) == 0
    assert sorted(in_elasticsearch(elasticsearch_url, index_name)) == list(range(LINES))
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        assert sorted(item["number"] for item in client[database_name]["app"].find()) == list(range(LINES))


def in_elasticsearch(url: str, index: str) -> list[int]:
    urllib.request.urlopen(urllib.request.Request(f"{url}/{index}/_refresh", method="POST")).close()
    with urllib.request.urlopen(f"{url}/{index}/_search?size=10000") as answer:
        return [hit["_source"]["number"] for hit in json.load(answer)["hits"]["hits"]]
