"""When does a sidecar end by itself? Rules for those that nobody tells: ordinary containers beside a Job.

A native sidecar needs none of them: Kubernetes tells it to end when the application has ended.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Protocol

from sidecar.errors import ConfigurationError
from sidecar.kubernetes.pod import Pod
from sidecar.kubernetes.processes import OtherContainers
from sidecar.lib.roots import Root
from sidecar.lib.units import parse_duration

SETTLE_S = 2.0
"""The application is gone when no process of it was there for so long."""

RESTART_S = 330.0
"""… or for so long where it may be started again: the kubelet waits up to 300 s before it does."""

_MOST_READ = 64
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class ExitRule(Protocol):
    """When the sidecar ends without a signal."""

    def reason(self, now: float, grown_at: float | None) -> str:
        """Why the sidecar is to end now, "" while it is not. `grown_at`: when a file last grew, by the same clock."""
        ...

    def is_gone(self) -> bool:
        """Whether the application is known to have ended."""
        ...


class Never:
    """Ends when it is told to."""

    def reason(self, now: float, grown_at: float | None) -> str:
        """It goes on."""
        return ""

    def is_gone(self) -> bool:
        """Nobody knows."""
        return False


class ApplicationExits:
    """Ends when no process of another container is left in the Pod."""

    def __init__(self, neighbours: OtherContainers, settle_s: float, began: float) -> None:
        self._neighbours, self._settle_s, self._began = neighbours, settle_s, began
        self._was_seen = False
        self._gone_since: float | None = None

    def reason(self, now: float, grown_at: float | None) -> str:
        """An application that was over before anybody saw it is known by the log that it left.

        What was written since `began`, when this process was started, is the application's, since all init containers
        had ended by then. Older lines may be theirs, or of an earlier attempt: then the application may still come.
        """
        if self._neighbours.are_running():
            self._was_seen, self._gone_since = True, None
            return ""
        self._gone_since = now if self._gone_since is None else self._gone_since
        if self._was_seen:
            is_over = now - self._gone_since >= self._settle_s
        elif grown_at is None:
            is_over = False
        else:
            settle_s = self._settle_s if grown_at >= self._began else RESTART_S
            is_over = now - max(grown_at, self._gone_since) >= settle_s
        return "the application has ended" if is_over else ""

    def is_gone(self) -> bool:
        """No process of another container runs, and one did."""
        return self._was_seen and not self._neighbours.are_running()


class FileAppears:
    """Ends when the application, or `sidecar wrap` around it, leaves a file behind.

    The file may hold an exit code. With another one than 0 the application may be started again, and then the sidecar
    stays; with any other content it means that the application has ended well.
    """

    def __init__(self, path: Path, pod: Pod) -> None:
        self._path, self._pod = path, pod
        self._root = Root(os.path.abspath(path.parent))

    def reason(self, now: float, grown_at: float | None) -> str:
        """The application wrote its last line before it left the file."""
        return f"{str(self._path)!a} says that the application has ended" if self.is_gone() else ""

    def is_gone(self) -> bool:
        """Whether the file is there and no other attempt of the application will follow."""
        code = self._exit_code()
        if code is None:
            return False
        return not self._pod.may_start_again or (code == 0 and self._pod.restart_policy != "Always")

    def _exit_code(self) -> int | None:
        """The volume is the application's, so what has the name may be anything; only a regular file is read."""
        try:
            with self._root.reach() as reached:
                if reached.error is not None:
                    return None
                file = os.open(self._path.name, _FLAGS, dir_fd=reached.directory)
        except OSError:
            return None
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                return None
            text = os.read(file, _MOST_READ).strip()
        except OSError:
            return None
        finally:
            os.close(file)
        return int(text) if text.isdigit() and len(text) <= 3 else 0


class Idle:
    """Ends when no file has grown for a while."""

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self._began: float | None = None

    def reason(self, now: float, grown_at: float | None) -> str:
        """The time counts from the start, as long as there is no file."""
        self._began = now if self._began is None else self._began
        is_over = now - max(self._began, grown_at or 0.0) >= self._idle_s
        return f"no file has grown for {self._idle_s:g} s" if is_over else ""

    def is_gone(self) -> bool:
        """Nobody knows."""
        return False


def parse_exit_rule(text: str, pod: Pod, proc: Path = Path("/proc")) -> ExitRule:
    """The rule of `--exit-when` or `SIDECAR_EXIT_WHEN`. Raises `ConfigurationError`."""
    name, _, value = text.partition("=")
    if not text or text == "never":
        return Never()
    if pod.mode == "native":
        raise ConfigurationError(
            "exit-when has no place in a native sidecar, which would only be started again",
            location=text, hint="leave it out: Kubernetes ends the sidecar after the application",
        )  # fmt: skip
    if text == "app-exits":
        neighbours = OtherContainers(proc)
        if not neighbours.can_be_seen:
            raise ConfigurationError(
                "exit-when app-exits: the processes of the application cannot be seen from here",
                hint="set shareProcessNamespace: true in the Pod, or use file=PATH",
            )
        return ApplicationExits(neighbours, RESTART_S if pod.may_start_again else SETTLE_S, process_start_time())
    if name == "file" and value:
        return FileAppears(Path(value), pod)
    if name == "idle" and value:
        try:
            return Idle(parse_duration(value))
        except ValueError as error:
            raise ConfigurationError(f"exit-when idle: {error}", location=text) from None
    raise ConfigurationError(
        f'exit-when: there is no rule "{text}"', hint="say never, app-exits, file=PATH or idle=10s"
    )


def process_start_time() -> float:
    """When this process was started, by the monotonic clock. The kernel knows it in ticks since boot, see proc(5)."""
    after_name = Path("/proc/self/stat").read_text(errors="replace").rpartition(")")[2].split()
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - int(after_name[19]) / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - age_s
