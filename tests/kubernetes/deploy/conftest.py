"""podman with a store of its own below the tests' cache, and the sidecar's image in it; an API server."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.cluster.cluster import Cluster
from tests.kubernetes.deploy import kubernetes_tools
from tests.support.servers import ComponentMissing
from tests.support.servers.kube_apiserver import running
from tests.support.servers.real_elasticsearch import cache

HERE = Path(__file__).parent
IMAGE = "localhost/log-sidecar"
# Images carry names that belong to others, and untagged stages of builds are removed here: never in the user's store.
STORE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/store"
runroot = "/run/log-sidecar-tests"
"""


@pytest.fixture(scope="session")
def podman_folder() -> Path:
    """Where image scripts keep their things. Skips where podman cannot be used."""
    missing = [tool for tool in ("podman", "runc", "debootstrap") if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        raise ComponentMissing(
            f"the image needs root and {missing or 'podman'}: tests/kubernetes/deploy/install-tools.sh"
        )
    folder = cache() / "image"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def podman_environ(podman_folder: Path) -> dict[str, str]:
    """The environment in which podman finds the sidecar's image, made from this source if it is not there yet."""
    storage = podman_folder / "storage.conf"
    storage.write_text(STORE.format(folder=podman_folder))
    environ = {
        **os.environ,
        "CONTAINERS_CONF": str(podman_folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(storage),
    }
    run_script(environ, "image.sh", str(podman_folder), IMAGE)
    # Layers of earlier sources help the next build for a while, and then only fill the disk.
    prune = ["podman", "image", "prune", "--force", "--filter", "until=168h"]
    subprocess.run(prune, env=environ, stdout=subprocess.DEVNULL, check=False)
    return environ


def run_script(environ: dict[str, str], script: str, *arguments: str) -> None:
    """Run a script of this directory."""
    done = subprocess.run(
        ["bash", str(HERE / script), *arguments], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


@pytest.fixture(scope="module")
def api_server() -> Iterator[Cluster]:
    """An API server of Kubernetes 1.36. It runs no Pods and no controllers."""
    with running() as folder:
        (folder / "current").mkdir()
        (folder / "current" / "kubectl").symlink_to(kubernetes_tools.prepared() / "kubectl")
        yield Cluster(folder)
