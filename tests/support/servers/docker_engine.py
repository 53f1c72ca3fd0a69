"""A Docker daemon for tests, with a store of its own: images carry names that belong to others."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.processes import eventually
from tests.support.servers import ComponentMissing

_PROGRAMS = ("dockerd", "docker", "docker-compose", "setpriv")
_PATH = f"/usr/sbin:/usr/bin:{os.environ.get('PATH', '')}"
"""Debian's client comes before others, because it includes BuildKit."""


@contextmanager
def running(store: Path) -> Iterator[dict[str, str]]:
    """Yield the environment in which `docker` and `docker-compose` reach a daemon, until the block ends.

    Raise `ComponentMissing`.
    """
    missing = [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
    if missing or os.geteuid() != 0:
        raise ComponentMissing(
            f"docker needs root and {missing or 'dockerd'}: tests/kubernetes/deploy/install-tools.sh"
        )
    store.mkdir(parents=True, exist_ok=True)
    # The path of a socket has at most 107 characters.
    with tempfile.TemporaryDirectory(dir="/run", prefix="log-sidecar-", ignore_cleanup_errors=True) as folder:
        socket = f"{folder}/socket"
        command = [
            "setpriv", "--pdeathsig", "TERM", "dockerd", "--data-root", str(store), "--exec-root", f"{folder}/exec",
            "-H", f"unix://{socket}", "--pidfile", f"{folder}/pid", "--storage-driver", "overlay2",
            "--bridge", "none",
        ]  # fmt: skip
        environ = {**os.environ, "PATH": _PATH, "DOCKER_HOST": f"unix://{socket}", "DOCKER_BUILDKIT": "1"}
        with (store / "dockerd.log").open("wb") as log:
            daemon = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            eventually(lambda: daemon.poll() is not None or _answers(environ), "dockerd answers")
            if daemon.poll() is not None:
                raise ComponentMissing(f"dockerd did not start: {(store / 'dockerd.log').read_text()[-600:]}")
            yield environ
        finally:
            daemon.terminate()
            with suppress(subprocess.TimeoutExpired):
                daemon.wait(30)
            daemon.kill()
            daemon.wait()


def _answers(environ: dict[str, str]) -> bool:
    return subprocess.run(["docker", "version"], env=environ, capture_output=True, check=False).returncode == 0
