"""Programs that are built from the Go module proxy, each at the versions in the go.mod of its folder. Needs Go."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.servers import ComponentMissing
from tests.support.servers.real_elasticsearch import cache


@dataclass(frozen=True, slots=True)
class GoProgram:
    """One program: the name of its folder, the package that it is, and its build tags."""

    name: str
    package: str
    tags: str = ""

    def prepare(self) -> Path:
        """The program, built once; several processes may call it at once. Raises `ComponentMissing`."""
        program = self._place()
        program.parent.mkdir(parents=True, exist_ok=True)
        with (program.parent / f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not program.is_file():
                self._build(program)
        return program

    def found(self) -> Path:
        """The program; built only in CI, since that takes minutes. Raises `ComponentMissing`."""
        if os.environ.get("CI") or self._place().is_file():
            return self.prepare()
        raise ComponentMissing(f"{self.name} is not built: make components (needs Go)")

    @property
    def _folder(self) -> Path:
        return Path(__file__).parent / self.name

    def _place(self) -> Path:
        inputs = b"".join(path.read_bytes() for path in sorted(self._folder.iterdir()))
        return cache() / f"{self.name}-{hashlib.sha256(inputs).hexdigest()[:12]}"

    def _build(self, program: Path) -> None:
        if shutil.which("go") is None:
            raise ComponentMissing(f"{self.name} needs Go (Debian: golang-go)")
        made = program.with_suffix(".made")
        command = ["go", "build", "-mod=readonly", "-tags", self.tags, "-o", str(made), self.package]
        done = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ComponentMissing(f"{self.name} could not be built: {done.stderr[-600:]}")
        made.rename(program)


PROMTOOL = GoProgram("promtool", "github.com/prometheus/prometheus/cmd/promtool")

DASHBOARDS = GoProgram("dashboards", ".")
"""Tells what is wrong with a dashboard, by the schema that Grafana publishes."""

KUSTOMIZE = GoProgram("kustomize", "sigs.k8s.io/kustomize/kustomize/v5")
"""The program itself: the one in kubectl runs no functions."""

KUBE_APISERVER = GoProgram("kube_apiserver", ".", tags="selinux_stub providerless")
"""An API server of Kubernetes and etcd, newer than the node of `make test-cluster`; nothing that runs Pods."""

FERRETDB = GoProgram("ferretdb", ".", tags="ferretdb_sqlite")
"""Another server with MongoDB's protocol, on SQLite: no validators, no replica sets, no fail points."""


def main() -> int:
    """Build what is not there."""
    failed = 0
    for program in (PROMTOOL, DASHBOARDS, KUSTOMIZE, KUBE_APISERVER, FERRETDB):
        try:
            print(f"{program.name} is ready in {program.prepare()}")
        except ComponentMissing as missing:
            print(missing, file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
