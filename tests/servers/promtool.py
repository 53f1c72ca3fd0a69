"""promtool of Prometheus, built from the Go module proxy at the version in promtool/go.mod. Needs Go."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.servers import ComponentMissing
from tests.servers.real_elasticsearch import cache

_HERE = Path(__file__).parent / "promtool"
_PACKAGE = "github.com/prometheus/prometheus/cmd/promtool"


def prepare() -> Path:
    """The program, built once; several processes may call it at once. Raises `ComponentMissing`."""
    program = _place()
    program.parent.mkdir(parents=True, exist_ok=True)
    with (program.parent / "promtool.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.is_file():
            _build(program)
    return program


def found() -> Path:
    """The program; built only in CI, since that takes minutes. Raises `ComponentMissing`."""
    if os.environ.get("CI") or _place().is_file():
        return prepare()
    raise ComponentMissing("promtool is not built: make components (needs Go)")


def _place() -> Path:
    inputs = b"".join((_HERE / name).read_bytes() for name in ("go.mod", "go.sum"))
    return cache() / f"promtool-{hashlib.sha256(inputs).hexdigest()[:12]}"


def _build(program: Path) -> None:
    if shutil.which("go") is None:
        raise ComponentMissing("promtool needs Go (Debian: golang-go)")
    made = program.with_suffix(".made")
    command = ["go", "build", "-mod=readonly", "-o", str(made), _PACKAGE]
    done = subprocess.run(command, cwd=_HERE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ComponentMissing(f"promtool could not be built: {done.stderr[-600:]}")
    made.rename(program)


def main() -> int:
    """Build it if it is not there."""
    try:
        print(f"promtool is ready in {prepare()}")
    except ComponentMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
