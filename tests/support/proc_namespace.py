"""A `/proc` of a Pod whose containers share their processes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sidecar.kubernetes.processes import OtherContainers


class ProcNamespace:
    """A `/proc` with the control groups of the sidecar, the pause process and the application."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.add("self", "ours")
        self.add("1", "pause")
        self.containers = OtherContainers(folder)

    def add(self, process: str, container: str) -> None:
        """Add a process. Control groups of version 2 are relative to that of the sidecar (cgroup_namespaces(7))."""
        group = "/" if container == "ours" else f"/../{container}"
        (self.folder / process).mkdir(exist_ok=True)
        (self.folder / process / "cgroup").write_text(f"0::{group}\n")

    @contextmanager
    def process(self, container: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a real process that belongs to this container."""
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
            self.add(str(process.pid), container)
            yield process
            process.kill()
