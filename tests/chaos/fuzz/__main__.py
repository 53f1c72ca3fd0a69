"""Searches for bytes that break a property, guided by which code they reach: `python -m tests.chaos.fuzz NAME...`.

Without a name all targets have their turn. What reached new code is kept in `.fuzz/NAME/` for the next time. Bytes
that break something are written to `.fuzz/NAME-crash-…`, and `python -m tests.chaos.fuzz NAME --again FILE` tries
them once more, without any fuzzer. For the targets of compiled code the sanitizers are in it, in both cases.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tests.chaos.fuzz import sanitized
from tests.chaos.fuzz.targets import NATIVE, TARGETS


def main(arguments: Sequence[str]) -> int:
    """Search in each target for a while. Exit code 1 if something was found, after all of them had their turn."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--again", type=Path, metavar="FILE", help="try the bytes of this file")
    options = parser.parse_args(arguments)
    if unknown := options.names - TARGETS.keys():
        parser.error(f"no such target as {', '.join(sorted(unknown))}; use one of {', '.join(TARGETS)}")
    sanitized.build()
    found = [name for name in options.names or TARGETS if not _is_kept(name, options.seconds, options.again)]
    print(f"broken: {', '.join(found)}" if found else "nothing was found")
    return len(found) > 0


def _is_kept(name: str, seconds: int, again: Path | None) -> bool:
    """Whether a process that looks for bytes that break this property ends without any."""
    print(f"== {name}", flush=True)
    how = ["--again", str(again)] if again else ["--seconds", str(seconds)]
    environment = None
    if name in NATIVE:
        how.append("--sanitized")
        environment = sanitized.environment(sanitized.libraries() if again else str(_fuzzer()))
    command = [sys.executable, "-m", "tests.chaos.fuzz.search", name, *how]
    return subprocess.run(command, env=environment, check=False).returncode == 0


def _fuzzer() -> Path:
    """Atheris's libFuzzer with the sanitizers, which lies beside its package."""
    package = find_spec("atheris")
    if package is None or package.origin is None:
        raise SystemExit("atheris is missing; make fuzz installs it from requirements/fuzz.txt")
    return Path(package.origin).parents[1] / "asan_with_fuzzer.so"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
