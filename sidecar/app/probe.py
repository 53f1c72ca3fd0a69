"""The work of `sidecar probe`, with few imports: the kubelet starts it in every Pod, again and again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sidecar.admin.client import NAME, SidecarNotRunning, ask, explain_silence
from sidecar.config.paths import find_state_directory
from sidecar.lib.ownership import become_owner
from sidecar.lib.terminal import escape_control_characters

KINDS = ("startup", "live", "ready")


def run_plain_probe(arguments: Sequence[str]) -> int | None:
    """Run `probe KIND` without the parser of the command line, which costs more than the probe.

    Return None for any other arguments.
    """
    if len(arguments) != 1 or arguments[0] not in KINDS:
        return None
    good, text = ask_probe(open_directory(None), f"GET /{arguments[0]}z", arguments[0])
    print(escape_control_characters(text))
    return 0 if good else 1


def ask_probe(directory: Path, request: str, kind: str) -> tuple[bool, str]:
    """Return whether the sidecar is healthy, and a sentence that explains the result.

    A sidecar that is parked because its state directory is unusable has no socket. It counts as live but not ready.
    """
    try:
        status, response = ask(directory, request)
    except (SidecarNotRunning, TimeoutError) as error:
        if isinstance(error, TimeoutError) or error.can_exist:
            return False, explain_silence(error, directory)
        return kind != "ready", f"the state directory {directory} cannot be used"
    return status == 200, str(response["text"])


def open_directory(explicit: Path | None) -> Path:
    """Return the state directory from the option, the environment, or the default, without reading a configuration.

    If this process runs as root, change its user to the owner of the directory: `kubectl debug` runs as root, the
    sidecar does not.
    """
    directory = find_state_directory(explicit, os.environ)
    become_user_of(directory)
    return directory


def become_user_of(directory: Path) -> None:
    """Change from root to the owner of the directory, unless the socket in it belongs to another user."""
    with suppress(OSError):
        owner = directory.stat().st_uid
        socket = directory / NAME
        if not os.path.lexists(socket) or socket.lstat().st_uid == owner:
            become_owner(directory)
