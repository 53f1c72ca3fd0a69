"""docker-compose.yml as it stands, brought up by podman-compose with images made here under the names it asks for."""

from __future__ import annotations

import json
import shutil
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

from tests.kubernetes.deploy.conftest import run_script
from tests.support.processes import eventually
from tests.support.servers import ComponentMissing
from tests.support.servers.java_servers import SERVERS

ROOT = Path(__file__).parents[3]
PROJECT = "log-sidecar-test"
INDEX = "http://127.0.0.1:9200/logs-app"

pytestmark = [pytest.mark.podman, pytest.mark.elasticsearch, pytest.mark.mongodb, pytest.mark.slow]


class Composition:
    """The services of docker-compose.yml, under a project name that nobody else uses."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ

    def compose(self, *arguments: str) -> str:
        """What podman-compose prints; it ends with 0 whatever happened."""
        return self._run("podman-compose", "-p", PROJECT, *arguments).stdout

    def podman(self, *arguments: str) -> str:
        """What podman prints when it succeeds."""
        done = self._run("podman", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def state(self, service: str, field: str) -> str:
        """A field of what podman knows about the container of a service."""
        return self.podman("container", "inspect", "--format", f"{{{{.{field}}}}}", container(service))

    def is_healthy(self, service: str) -> bool:
        """What the service's own health check says now. (Nothing runs it regularly where there is no systemd.)"""
        return self._run("podman", "healthcheck", "run", container(service)).returncode == 0

    def address(self, service: str) -> str:
        """Its address in the network of the composition."""
        networks = json.loads(self.podman("container", "inspect", container(service)))[0]["NetworkSettings"][
            "Networks"
        ]
        address: str = networks[f"{PROJECT}_default"]["IPAddress"]
        return address

    def logs(self) -> Path:
        """The folder of the volume into which the application writes."""
        return Path(self.podman("volume", "inspect", "--format", "{{.Mountpoint}}", f"{PROJECT}_app-log"))

    def remove(self) -> None:
        """Nothing of it is left: containers, volumes, and the network, which this podman-compose forgets."""
        self.compose("down", "--volumes")
        self._run("podman", "network", "rm", f"{PROJECT}_default")

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=ROOT, env=self._environ, capture_output=True, text=True, check=False)


def container(service: str) -> str:
    """The name that podman-compose gives the only container of a service."""
    return f"{PROJECT}_{service}_1"


@pytest.fixture(scope="module")
def composition(podman_environ: dict[str, str], podman_folder: Path) -> Iterator[Composition]:
    if shutil.which("podman-compose") is None:
        raise ComponentMissing("podman-compose is missing: tests/kubernetes/deploy/install-tools.sh installs it")
    run_script(podman_environ, "compose-images.sh", str(podman_folder), str(SERVERS["elasticsearch8"].prepare()))
    composition = Composition(podman_environ)
    composition.remove()
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 9200)) == 0:
            raise ComponentMissing("docker-compose.yml publishes port 9200, and something else listens there")
    try:
        composition.compose("up", "-d", "--no-build")
        yield composition
    finally:
        composition.remove()


def test_every_service_becomes_healthy_by_its_own_check(composition: Composition) -> None:
    for service in ("elasticsearch", "mongodb", "app", "sidecar"):
        eventually(partial(composition.is_healthy, service), f"{service} is healthy", 90)
    assert composition.state("volume-owner", "State.ExitCode") == "0"


def test_the_sidecar_has_no_privilege(composition: Composition) -> None:
    status = composition.podman("exec", container("sidecar"), "cat", "/proc/1/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines())
    assert {facts[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")
    assert facts["Uid"].split() == ["10001"] * 4


def test_the_commands_in_its_first_lines_show_documents(composition: Composition) -> None:
    heading = (ROOT / "docker-compose.yml").read_text()
    search, count = "localhost:9200/logs-app/_search?size=1&pretty", "db.app.countDocuments()"
    assert search in heading
    assert f"mongosh --quiet logs --eval '{count}'" in heading
    eventually(lambda: len(in_elasticsearch("_search?size=1&pretty")) == 1, "Elasticsearch has a document", 60)
    shell = ("exec", "-T", "mongodb", "mongosh", "--quiet", "logs", "--eval", count)
    # podman-compose adds lines of its own to what the command prints.
    eventually(lambda: any(map(str.isdigit, composition.compose(*shell).split("\n"))), "MongoDB counts", 60)
    (counted,) = filter(str.isdigit, composition.compose(*shell).split("\n"))
    assert int(counted) > 0


def test_every_line_is_stored_once_in_both_though_the_sidecar_was_dead_while_its_file_was_rotated(
    composition: Composition,
) -> None:
    logs = composition.logs()
    eventually(lambda: in_elasticsearch("_search?size=1") != [], "something was delivered", 60)
    composition.podman("kill", container("sidecar"))
    files = len(list(logs.iterdir()))
    eventually(lambda: len(list(logs.iterdir())) > files, "the application rotated", 90)
    composition.podman("start", container("sidecar"))
    composition.compose("stop", "app")
    composition.compose("stop", "sidecar")
    assert [composition.state(service, "State.ExitCode") for service in ("app", "sidecar")] == ["0", "0"]
    written = sorted(json.loads(line)["number"] for path in logs.iterdir() for line in path.read_text().splitlines())
    assert len(written) >= 500
    in_elasticsearch("_refresh")
    assert sorted(in_elasticsearch("_search?size=10000")) == written
    with MongoClient[dict[str, Any]](composition.address("mongodb"), directConnection=True) as client:
        assert sorted(document["number"] for document in client["logs"]["app"].find()) == written


def in_elasticsearch(request: str) -> list[int]:
    """The numbers of the lines that it answers with; none while it cannot be reached or has no such index yet."""
    try:
        with urllib.request.urlopen(f"{INDEX}/{request}", timeout=10) as answer:
            found = json.load(answer)
    except (urllib.error.URLError, OSError):
        return []
    return [hit["_source"]["number"] for hit in found.get("hits", {}).get("hits", [])]
