"""The sidecar as a process, as a user starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("SIDECAR_")}


def sidecar(*arguments: str, timeout: float = 60, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    command = [sys.executable, "-m", "sidecar", *arguments]
    return subprocess.run(
        command, env={**ENVIRON, **environ}, capture_output=True, text=True, timeout=timeout, check=False
    )


@contextmanager
def running(
    log: Path, *arguments: str, wrapper: Sequence[str] = (), **environ: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A sidecar that runs until the block ends; what it says of itself is appended to `log`.

    A wrapper is a command that becomes the command that follows it.
    """
    with log.open("ab") as own_log:
        process = subprocess.Popen(
            [*wrapper, sys.executable, "-m", "sidecar", "run", *arguments], env={**ENVIRON, **environ},
            stdin=subprocess.DEVNULL, stdout=own_log, stderr=own_log,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def ended(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM, timeout: float = 40) -> int:
    """Ask it to end, and wait for its exit code."""
    process.send_signal(number)
    return process.wait(timeout)


def eventually(is_so: Callable[[], bool], what: str, timeout: float = 40) -> None:
    """Wait for a condition of the outside world."""
    give_up_at = time.monotonic() + timeout
    while not is_so():
        assert time.monotonic() < give_up_at, f"never happened: {what}"
        time.sleep(0.05)


BASE_AND_BUDGET = 110 << 20
"""Bytes: the interpreter with the clients of the databases, and the budget for what is on its way."""


def memory(pid: int) -> int:
    """The most that the process ever had in memory, in bytes (proc_pid_status(5), VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
