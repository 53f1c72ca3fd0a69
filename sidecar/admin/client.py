"""Sends requests to a running sidecar through the Unix socket in its state directory.

The path of the socket may be longer than the 108 bytes of a socket address (unix(7)), so it is reached through a
descriptor of the directory. Requests are HTTP/1.0 and replies are JSON, so that curl can be used instead.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sidecar.lib.ownership import explain_distrust, may_trust

NAME = "sidecar.sock"
_MAX_REPLY_BYTES = 64 << 20
"""Maximum size of a reply. A status has a few hundred bytes for each file, and there may be very many files."""


class SidecarNotRunning(Exception):
    """No sidecar answers on the socket in the state directory. `can_exist`: whether it can be created there.

    `advice`: what to do.
    """

    def __init__(
        self, reason: str = "no sidecar runs with this state directory", *, can_exist: bool,
        advice: str = "pass its state directory with --state-dir",
    ) -> None:  # fmt: skip
        super().__init__(reason)
        self.can_exist, self.advice = can_exist, advice


def explain_silence(error: SidecarNotRunning | TimeoutError, directory: Path) -> str:
    """Return why no sidecar answered `ask`, and what to do."""
    if isinstance(error, TimeoutError):
        return f"the sidecar did not answer in time ({directory}); it is busy or stopped, so try again"
    return f"{error} ({directory}); {error.advice}"


@contextmanager
def short_address(directory: Path) -> Iterator[str]:
    """Yield a short path of the socket, valid until the block ends.

    Raise `OSError` if the directory cannot be opened.
    """
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


def ask(directory: Path, request: str, timeout_s: float = 5.0) -> tuple[int, dict[str, Any]]:
    """Send a request, such as "GET /livez", and return the HTTP status and the reply.

    Raise `SidecarNotRunning` if no sidecar listens, `TimeoutError` if a sidecar does not answer in time.
    """
    try:
        with short_address(directory) as path, socket.socket(socket.AF_UNIX) as connection:
            _refuse_foreign(explain_distrust(path, stat.S_ISSOCK))
            connection.settimeout(timeout_s)
            connection.connect(path)
            _refuse_foreign(_explain_peer(connection))
            connection.sendall(f"{request} HTTP/1.0\r\n\r\n".encode())
            reply = _read(connection)
    except TimeoutError:
        raise
    except OSError:
        raise SidecarNotRunning(can_exist=_can_have_socket(directory)) from None
    head, _, body = reply.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if not status or not status[0].isdigit():
        raise SidecarNotRunning(can_exist=True)
    try:
        return int(status[0]), json.loads(body)
    except ValueError:
        raise SidecarNotRunning(f"the process that listens on {NAME} is not a sidecar", can_exist=True) from None


_CREDENTIALS = struct.Struct("iII")
"""Process, user and group (SO_PEERCRED, unix(7))."""


def _explain_peer(connection: socket.socket) -> str:
    """Return "" if the process at the other end is trusted, else the reason why it is not."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(credentials)
    return "" if may_trust(uid) else f"user {uid} listens on it, and this process is user {os.geteuid()}"


def _refuse_foreign(reason: str) -> None:
    if reason:
        raise SidecarNotRunning(
            f"this command does not trust {NAME}: {reason}",
            can_exist=True,
            advice="run it as the user of the sidecar",
        )


def _can_have_socket(directory: Path) -> bool:
    """Return whether this process could create a socket in the directory, after creating the directory if needed."""
    existing = next(path for path in (directory, *directory.absolute().parents) if os.path.lexists(path))
    return existing.is_dir() and os.access(existing, os.W_OK)


def _read(connection: socket.socket) -> bytes:
    reply = b""
    while piece := connection.recv(65536):
        reply += piece
        if len(reply) > _MAX_REPLY_BYTES:
            raise OSError(errno.EMSGSIZE, "the reply is too large")
    return reply
