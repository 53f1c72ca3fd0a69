"""Checks the owners of files. The sidecar uses no file of another user, because that user could change it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISLNK, "a link"), (stat.S_ISDIR, "a directory"), (stat.S_ISREG, "a file"), (stat.S_ISSOCK, "a socket"),
)  # fmt: skip


def may_trust(uid: int) -> bool:
    """Return whether this is the user of this process, or root."""
    return uid in (0, os.geteuid())


def become_owner(directory: Path) -> None:
    """Switch from root to the owner of `directory`, for commands that inspect the state of a sidecar.

    Then a file that the owner put there cannot make the command act with the rights of root. Do nothing if this
    process is not root, if the directory does not exist, or if the container may not change its user (no CAP_SETUID).
    """
    if os.geteuid() != 0:
        return
    with suppress(OSError):
        status = os.stat(directory)
        if status.st_uid != 0:
            os.setgroups([status.st_gid])
            os.setgid(status.st_gid)
            os.setuid(status.st_uid)


def explain_distrust(path: Path | str, is_wanted: Callable[[int], bool]) -> str:
    """Return why the file at `path` must not be used; "" if it may be used. Do not follow links.

    `is_wanted` checks the mode, as `stat.S_ISREG` does. Raise `FileNotFoundError` if there is no file.
    """
    status = os.lstat(path)
    if not is_wanted(status.st_mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), "a special file")
        return f"it is {kind}"
    if may_trust(status.st_uid):
        return ""
    return f"it belongs to user {status.st_uid}, and this process is user {os.geteuid()}"
