"""Rules that end the sidecar without a signal. A sidecar that is an ordinary container of a Job needs one.

A native sidecar needs no rule, because Kubernetes ends it after the application.
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
"""The application counts as ended when it has had no process for this long."""

RESTART_S = 330.0
"""Replaces `SETTLE_S` if the kubelet may restart the application, because it waits up to 300 s before a restart."""

_MAX_FILE_BYTES = 64
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class ExitRule(Protocol):
    """A rule that decides when the sidecar ends without a signal."""

    def reason(self, now: float, grown_at: float | None) -> str:
        """Return why the sidecar must end now, "" if it must not.

        `grown_at`: when a file last grew, by the same clock as `now`.
        """
        ...

    def has_application_ended(self) -> bool:
        """Return whether the application is known to have ended."""
        ...


class NoExitRule:
    """Never ends the sidecar."""

    def reason(self, now: float, grown_at: float | None) -> str:
        """Return no reason."""
        return ""

    def has_application_ended(self) -> bool:
        """Return False, because this rule cannot know."""
        return False


class ApplicationExitRule:
    """Ends the sidecar when no process of another container runs in the Pod any more."""

    def __init__(self, others: OtherContainers, settle_s: float, started_at: float) -> None:
        self._others, self._settle_s, self._started_at = others, settle_s, started_at
        self._was_seen = False
        self._gone_since: float | None = None

    def reason(self, now: float, grown_at: float | None) -> str:
        """Return a reason once all processes have ended. If none was ever seen, the growth of the log decides."""
        if self._others.are_running():
            self._was_seen, self._gone_since = True, None
            return ""
        self._gone_since = now if self._gone_since is None else self._gone_since
        if self._was_seen:
            has_ended = now - self._gone_since >= self._settle_s
        elif grown_at is None:
            has_ended = False
        else:
            # All init containers had ended when this process started, so the application wrote the lines since then.
            # Older lines may come from an init container or an earlier attempt. In that case the application may
            # still start.
            settle_s = self._settle_s if grown_at >= self._started_at else RESTART_S
            has_ended = now - max(grown_at, self._gone_since) >= settle_s
        return "the application has ended" if has_ended else ""

    def has_application_ended(self) -> bool:
        """Return whether a process of another container was seen and none runs now."""
        return self._was_seen and not self._others.are_running()


class FileExitRule:
    """Ends the sidecar when the application, or `sidecar wrap`, has written a file.

    The file may contain an exit code. After a code other than 0 the kubelet may restart the application, so the
    sidecar keeps running. Any other content means that the application has succeeded.
    """

    def __init__(self, path: Path, pod: Pod) -> None:
        self._path, self._pod = path, pod
        self._root = Root(os.path.abspath(path.parent))

    def reason(self, now: float, grown_at: float | None) -> str:
        """Return a reason once the file exists: the application writes it after its last line."""
        return f"{str(self._path)!a} shows that the application has ended" if self.has_application_ended() else ""

    def has_application_ended(self) -> bool:
        """Return whether the file exists and the application will not be restarted."""
        code = self._exit_code()
        if code is None:
            return False
        return not self._pod.may_start_again or (code == 0 and self._pod.restart_policy != "Always")

    def _exit_code(self) -> int | None:
        # The application may replace the file with a link, a pipe or a device. Only a regular file is read.
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
            text = os.read(file, _MAX_FILE_BYTES).strip()
        except OSError:
            return None
        finally:
            os.close(file)
        return int(text) if text.isdigit() and len(text) <= 3 else 0


class IdleExitRule:
    """Ends the sidecar when no file has grown for a while."""

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self._started_at: float | None = None

    def reason(self, now: float, grown_at: float | None) -> str:
        """Return a reason if no file has grown for `idle_s` seconds, since the first call or the last growth."""
        self._started_at = now if self._started_at is None else self._started_at
        is_idle = now - max(self._started_at, grown_at or 0.0) >= self._idle_s
        return f"no file has grown for {self._idle_s:g} s" if is_idle else ""

    def has_application_ended(self) -> bool:
        """Return False, because this rule cannot know."""
        return False


def parse_exit_rule(text: str, pod: Pod, proc: Path = Path("/proc")) -> ExitRule:
    """Return the rule of `--exit-when` or `SIDECAR_EXIT_WHEN`. Raise `ConfigurationError` if it cannot be used."""
    name, _, value = text.partition("=")
    if not text or text == "never":
        return NoExitRule()
    if pod.mode == "native":
        raise ConfigurationError(
            f"exit-when: {text} cannot be used in a native sidecar, because Kubernetes would restart it",
            hint="remove exit-when: Kubernetes ends the sidecar after the application",
        )  # fmt: skip
    if text == "app-exits":
        others = OtherContainers(proc)
        if not others.are_visible:
            raise ConfigurationError(
                "exit-when app-exits: the processes of the application are not visible from this container",
                hint="set shareProcessNamespace: true in the Pod, or use file=PATH",
            )
        return ApplicationExitRule(others, RESTART_S if pod.may_start_again else SETTLE_S, process_start_time())
    if name == "file" and value:
        return FileExitRule(Path(value), pod)
    if name == "idle" and value:
        try:
            return IdleExitRule(parse_duration(value))
        except ValueError as error:
            raise ConfigurationError(f"exit-when idle: {error}", location=text) from None
    raise ConfigurationError(f'exit-when: unknown rule "{text}"', hint="use never, app-exits, file=PATH or idle=10s")


def process_start_time() -> float:
    """Return when this process started, by the monotonic clock."""
    # The kernel reports it in clock ticks since boot, in field 22 (proc(5)).
    after_name = Path("/proc/self/stat").read_text(errors="replace").rpartition(")")[2].split()
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - int(after_name[19]) / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - age_s
