"""docker-compose.yml, unchanged, on a Docker daemon with images that are built here under the names it asks for."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.kubernetes.deploy.conftest import run_script
from tests.support.page_commands import read_commands
from tests.support.processes import eventually
from tests.support.servers import ComponentMissing
from tests.support.servers.docker_engine import running
from tests.support.servers.java_servers import SERVERS, cache

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "examples" / "compose" / "README.md"
PROJECT = "log-sidecar-test"
PORTS = (9200, 9600)
FIRST_DOCUMENT_S = 60.0
"""Seconds from the answer of a database to the first document."""

Line = tuple[str, int]
"""The time and the number of a line, which no other line has."""

pytestmark = [pytest.mark.docker, pytest.mark.elasticsearch, pytest.mark.mongodb, pytest.mark.slow]


class Composition:
    """The services of docker-compose.yml in a project with its own name."""

    def __init__(self, environ: dict[str, str], store: Path) -> None:
        self._environ = {**environ, "COMPOSE_PROJECT_NAME": PROJECT}
        self._store = store

    def run(self, command: str) -> str:
        """Return what a command prints, as a page shows it."""
        # Debian has version 1, whose name has a hyphen; without a terminal its `exec` needs -T.
        command = command.replace("docker compose", "docker-compose").replace("compose exec", "compose exec -T")
        done = subprocess.run(
            ["bash", "-c", command], cwd=ROOT, env=self._environ, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def up(self) -> None:
        self.run("docker compose up --detach --no-build")

    def inspect(self, service: str, field: str) -> str:
        """Return a field of the container of a service."""
        return self.run(f"docker inspect --format '{{{{{field}}}}}' $(docker compose ps -q {service})")

    def is_healthy(self, service: str) -> bool:
        return self.inspect(service, ".State.Health.Status") == "healthy"

    @property
    def logs(self) -> Path:
        """The volume into which the application writes."""
        return self._store / "volumes" / f"{PROJECT}_app-log" / "_data"

    def lines_in_elasticsearch(self) -> list[Line]:
        """Return the lines that are stored; none while it does not answer or has no such index yet."""
        index = "http://127.0.0.1:9200/logs-app"
        try:
            urllib.request.urlopen(f"{index}/_refresh", timeout=10).close()
            with urllib.request.urlopen(f"{index}/_search?size=10000", timeout=10) as response:
                hits = json.load(response)["hits"]["hits"]
        except (urllib.error.URLError, OSError):
            return []
        return sorted(_line(hit["_source"]) for hit in hits)

    def lines_in_mongodb(self) -> list[Line]:
        """Return the lines that are stored; none while it does not answer."""
        address = self.inspect("mongodb", f'(index .NetworkSettings.Networks "{PROJECT}_default").IPAddress')
        try:
            with MongoClient[dict[str, Any]](address, directConnection=True, serverSelectionTimeoutMS=2000) as client:
                return sorted(map(_line, client["logs"]["app"].find()))
        except PyMongoError:
            return []


def _line(document: dict[str, Any]) -> Line:
    return document["time"], document["number"]


@pytest.fixture(scope="module")
def composition() -> Iterator[Composition]:
    for port in PORTS:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                raise ComponentMissing(f"docker-compose.yml publishes port {port}, and another program listens on it")
    store, images = cache() / "docker", cache() / "image"
    with running(store) as environ:
        run_script(environ | {"ENGINE": "docker"}, "image.sh", str(images), "log-sidecar")
        run_script(environ, "compose-images.sh", str(images), str(SERVERS["elasticsearch8"].prepare()))
        composition = Composition(environ, store)
        composition.run("docker compose down --volumes")
        try:
            composition.up()
            yield composition
        finally:
            composition.run("docker compose down --volumes")


def test_every_service_becomes_healthy_by_its_own_check(composition: Composition) -> None:
    for service in ("mongodb", "app", "sidecar", "elasticsearch"):
        eventually(partial(composition.is_healthy, service), f"{service} is healthy", 240)


def test_documents_arrive_at_once_when_the_databases_are_healthy(composition: Composition) -> None:
    eventually(lambda: composition.lines_in_mongodb() != [], "MongoDB has a line", FIRST_DOCUMENT_S)
    eventually(lambda: composition.lines_in_elasticsearch() != [], "Elasticsearch has a line", FIRST_DOCUMENT_S)


def test_the_health_check_asks_the_running_sidecar(composition: Composition) -> None:
    container = composition.run("docker compose ps -q sidecar")
    ask = f"docker exec {container} sidecar probe ready || true"
    eventually(lambda: composition.run(ask) == "ready", "the sidecar is ready", FIRST_DOCUMENT_S)
    composition.run(f"docker kill --signal STOP {container}")
    try:
        assert "did not answer in time" in composition.run(ask)
    finally:
        composition.run(f"docker kill --signal CONT {container}")
    assert composition.run("docker compose exec sidecar sidecar probe ready") == "ready"


def test_the_sidecar_has_no_privilege(composition: Composition) -> None:
    status = composition.run("docker compose exec sidecar cat /proc/1/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines())
    assert {facts[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")
    assert facts["Uid"].split() == ["10001"] * 4


def test_the_page_is_published_on_this_machine(composition: Composition) -> None:
    with urllib.request.urlopen("http://127.0.0.1:9600/", timeout=10) as response:
        assert b"<title>log-sidecar" in response.read()
    assert composition.run("docker compose port sidecar 9600") == "127.0.0.1:9600"


def test_the_commands_of_its_page_show_documents(composition: Composition) -> None:
    commands = [each.text.strip() for each in read_commands(PAGE)]
    assert commands.pop(0) == "docker compose up --build --detach"
    printed = {command: composition.run(command) for command in commands}
    (search,) = (text for command, text in printed.items() if "_search" in command)
    assert len(json.loads(search)["hits"]["hits"]) == 1
    (count,) = (text for command, text in printed.items() if "countDocuments" in command)
    assert int(count) > 0
    (status,) = (text for command, text in printed.items() if "sidecar status" in command)
    assert {"search", "archive"} <= set(re.findall(r"\w+", status))


def test_every_line_is_stored_once_after_a_kill_during_a_rotation_and_after_down_and_up(
    composition: Composition,
) -> None:
    composition.run("docker kill $(docker compose ps -q sidecar)")
    log = composition.logs / "app.log"
    inode = log.stat().st_ino
    eventually(lambda: log.exists() and log.stat().st_ino != inode, "the application rotated", 120)
    composition.run("docker compose start sidecar")
    composition.run("docker compose restart sidecar")
    composition.run("docker compose down")
    composition.up()
    in_first_run = len(composition.lines_in_mongodb())
    eventually(lambda: len(composition.lines_in_mongodb()) > in_first_run, "the next run ships lines", 120)
    eventually(partial(composition.is_healthy, "elasticsearch"), "Elasticsearch is healthy", 240)
    composition.run("docker compose stop app")
    composition.run("docker compose exec sidecar sidecar drain --timeout 60s")
    composition.run("docker compose stop sidecar")
    assert composition.inspect("sidecar", ".State.ExitCode") == "0"
    stored = composition.lines_in_mongodb()
    assert composition.lines_in_elasticsearch() == stored
    assert len(set(stored)) == len(stored)
    paths = list(composition.logs.iterdir())
    written = {_line(json.loads(line)) for path in paths for line in path.read_text().splitlines()}
    assert written <= set(stored)
    # The application numbers its lines from 0 in each of its two runs, and deletes its oldest files.
    numbers = [number for _, number in stored]
    again = numbers.index(0, 1)
    assert numbers == [*range(again), *range(len(numbers) - again)]
