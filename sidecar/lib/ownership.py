"""Whose a file is: what belongs to another user may be changed by that user at any time, so it is not used."""

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
    """Stop being root and become the owner of `directory`, for commands that look into a sidecar's state.

    Whatever the owner has put there then has the owner's rights and no more. Nothing happens if this process is not
    root, if there is no such directory, or if the container may not change its user (no CAP_SETUID).
    """
    if os.geteuid() != 0:
        return
    with suppress(OSError):
        found = os.stat(directory)
        if found.st_uid != 0:
            os.setgroups([found.st_gid])
            os.setgid(found.st_gid)
            os.setuid(found.st_uid)


def explain_distrust(path: Path | str, is_wanted: Callable[[int], bool]) -> str:
    """Return why what is at `path` is not used, "" if it may be. Links are not followed.

    `is_wanted` looks at the mode, as `stat.S_ISREG` does. Raise `FileNotFoundError` if there is nothing.
    """
    found = os.lstat(path)
    if not is_wanted(found.st_mode):
        kind = next((name for is_so, name in _KINDS if is_so(found.st_mode)), "a special file")
        return f"it is {kind}"
    if may_trust(found.st_uid):
        return ""
    return f"it belongs to user {found.st_uid}, and this process is user {os.geteuid()}"
