"""Whether processes of other containers run, in a Pod with `shareProcessNamespace: true`.

Processes are told apart by their control groups, which differ from container to container and can be read without
any privilege; that one of them has ended is told by its pidfd (pidfd_open(2)), so that a number that is used again
means nothing. PID 1 of such a Pod is the pause process, which belongs to no container of the user.
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
        self._ours = {_container(proc / "self"), _container(proc / "1")}
        self._witness: int | None = None

    @property
    def can_be_seen(self) -> bool:
        """Whether this process shares its process namespace with other containers."""
        return len(self._ours) == 2 and "" not in self._ours

    def are_running(self) -> bool:
        """Whether any of them runs. Costs a system call or two while one that was seen before goes on."""
        if self._witness is not None:
            if not _has_ended(self._witness):
                return True
            os.close(self._witness)
            self._witness = None
        self._witness = next(self._living(), None)
        return self._witness is not None

    def _living(self) -> Iterator[int]:
        for name in os.listdir(self._proc):
            if not name.isdigit():
                continue
            try:
                process = os.pidfd_open(int(name))
            except OSError:
                continue  # ended meanwhile
            container = _container(self._proc / name)
            if container and container not in self._ours and not _has_ended(process):
                yield process
                return
            os.close(process)


def _container(process: Path) -> str:
    """What tells the container of a process from others, "" when it is gone."""
    try:
        return (process / "cgroup").read_text(errors="replace")
    except OSError:
        return ""


def _has_ended(process: int) -> bool:
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(0))
