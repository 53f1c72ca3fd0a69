"""The image: built by podman from deploy/Dockerfile, and run as a restricted Pod would run it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sidecar import __version__
from tests.conftest import unavailable
from tests.servers import ComponentMissing
from tests.servers.real_elasticsearch import cache

TAG = "localhost/log-sidecar-test"
HERE = Path(__file__).parent

pytestmark = [pytest.mark.podman, pytest.mark.slow]


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    missing = [tool for tool in ("podman", "runc", "debootstrap") if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        unavailable(
            ComponentMissing(f"the image needs root and {missing or 'podman'}: tests/deploy/install-tools.sh")
        )
    folder = cache() / "image"
    done = subprocess.run(
        ["bash", str(HERE / "image.sh"), str(folder), TAG], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return {**os.environ, "CONTAINERS_CONF": str(folder / "containers.conf")}


def podman(
    environ: dict[str, str], *arguments: str, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the image as the restricted profile wants it: read-only, without capabilities, as nobody special."""
    hard = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")
    command = ["podman", "run", "--rm", *hard, *options, TAG, *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def test_it_says_its_version_without_any_privilege(environ: dict[str, str]) -> None:
    done = podman(environ, "version")
    assert (done.returncode, done.stdout.strip()) == (0, f"log-sidecar {__version__}"), done.stderr


def test_it_ships_a_mounted_log_with_a_read_only_root(environ: dict[str, str], tmp_path: Path) -> None:
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
    done = podman(environ, *arguments, options=volumes)
    assert done.returncode == 0, done.stderr
    lines = (out / "out.ndjson").read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines] == list(range(100))


def test_it_runs_as_nobody_special_and_holds_no_build_tools(environ: dict[str, str]) -> None:
    command = "id -u; ls /opt/sidecar/bin; command -v gcc make || true"
    done = podman(environ, "-c", command, options=("--entrypoint=sh",))
    uid, *programs = done.stdout.split()
    assert uid == "10001"
    assert "sidecar" in programs
    assert not {"pip", "pip3", "gcc", "/usr/bin/gcc", "make"} & set(programs)
