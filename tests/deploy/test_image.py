"""The image: built by podman from deploy/Dockerfile, and run as a restricted Pod would run it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from sidecar import __version__
from tests.deploy.conftest import IMAGE

pytestmark = [pytest.mark.podman, pytest.mark.slow]


def podman(
    environ: dict[str, str], *arguments: str, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the image as the restricted profile wants it: read-only, without capabilities, as nobody special."""
    hard = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")
    command = ["podman", "run", "--rm", *hard, *options, IMAGE, *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def test_it_says_its_version_without_any_privilege(podman_environ: dict[str, str]) -> None:
    done = podman(podman_environ, "version")
    assert (done.returncode, done.stdout.strip()) == (0, f"log-sidecar {__version__}"), done.stderr


def test_it_ships_a_mounted_log_with_a_read_only_root(podman_environ: dict[str, str], tmp_path: Path) -> None:
    logs, out, state = tmp_path / "log", tmp_path / "out", tmp_path / "state"
    logs.mkdir()
    for folder in (out, state):
        folder.mkdir()
        os.chown(folder, 10001, 10001)
    (logs / "app.log").write_text("".join(f'{{"number":{n}}}\n' for n in range(100)))
    volumes = (
        "--volume",
        f"{logs}:/var/log/app:ro",
        "--volume",
        f"{out}:/out",
        "--volume",
        f"{state}:/var/lib/sidecar",
    )
    arguments = ("run", "/var/log/app/*.log", "--parser", "json", "--to", "file:///out/out.ndjson", "--once")
    done = podman(podman_environ, *arguments, options=volumes)
    assert done.returncode == 0, done.stderr
    lines = (out / "out.ndjson").read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines] == list(range(100))


def test_it_runs_as_nobody_special_and_holds_no_build_tools(podman_environ: dict[str, str]) -> None:
    command = "id -u; ls /opt/sidecar/bin; command -v gcc make || true"
    done = podman(podman_environ, "-c", command, options=("--entrypoint=sh",))
    uid, *programs = done.stdout.split()
    assert uid == "10001"
    assert "sidecar" in programs
    assert not {"pip", "pip3", "gcc", "/usr/bin/gcc", "make"} & set(programs)
