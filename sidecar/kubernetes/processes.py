"""Finds out whether processes of other containers run, in a Pod with `shareProcessNamespace: true`.

Containers differ in their control groups, which any process may read. A pidfd (pidfd_open(2)) shows when its process
has ended, even if the process ID is used again. PID 1 of such a Pod is the pause process of Kubernetes.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from pathlib import Path


class OtherContainers:
    """The processes of all other containers in the Pod."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._excluded = {_control_group(proc / "self"), _control_group(proc / "1")}
        self._last_found: int | None = None
        """The pidfd of the process that was found last, or None."""

    @property
    def are_visible(self) -> bool:
        """Whether this process shares its process namespace with other containers."""
        return len(self._excluded) == 2 and "" not in self._excluded

    def are_running(self) -> bool:
        """Return whether a process of another container runs. Check the process that was found last before others."""
        if self._last_found is not None:
            if not _has_ended(self._last_found):
                return True
            os.close(self._last_found)
            self._last_found = None
        self._last_found = next(self._running(), None)
        return self._last_found is not None

    def _running(self) -> Iterator[int]:
        for name in os.listdir(self._proc):
            if not name.isdigit():
                continue
            try:
                process = os.pidfd_open(int(name))
            except OSError:
                continue  # the process has just ended
            group = _control_group(self._proc / name)
            if group and group not in self._excluded and not _has_ended(process):
                yield process
                return
            os.close(process)


def _control_group(process: Path) -> str:
    """Return the control group of a process, "" if the process has ended."""
    try:
        return (process / "cgroup").read_text(errors="replace")
    except OSError:
        return ""


def _has_ended(process: int) -> bool:
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(0))
