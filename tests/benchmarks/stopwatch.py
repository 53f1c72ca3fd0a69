"""Runs a command and prints what the operating system says it cost, as JSON: `stopwatch.py COMMAND…`.

A process of its own, because the peak memory of a child begins with that of the process that started it (Linux,
getrusage(2): the high-water mark survives execve), and a test runner is bigger than what is measured here. SIGTERM is
passed on to the command.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time


def measured(command: list[str]) -> dict[str, float]:
    """Exit code, CPU seconds of the process and the descendants it waited for, wall seconds, peak resident MiB."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    began = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=quiet)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - began
    cpu = usage.ru_utime + usage.ru_stime
    code = os.waitstatus_to_exitcode(status)
    return {"exit": code, "cpu_s": cpu, "wall_s": wall, "peak_mib": usage.ru_maxrss / 1024}


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1:])))
