"""The Unix socket in the state directory, through which other commands talk to a running sidecar.

Its path may be longer than the 108 bytes that an address can hold (unix(7)), so it is reached through the open
directory. A request is HTTP/1.0, an answer is JSON, so that curl can ask, too.
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
_MOST = 64 << 20
"""Some hundred bytes a file, of which there may be very many."""


class SidecarNotRunning(Exception):
    """No sidecar answers in this state directory; `could_be` tells whether one could have made its socket there."""

    def __init__(self, reason: str = "no sidecar answers here", *, could_be: bool) -> None:
        super().__init__(reason)
        self.could_be = could_be


@contextmanager
def short_address(directory: Path) -> Iterator[str]:
    """A short path of the socket, good until the block ends. Raises `OSError`."""
    folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{NAME}"
    finally:
        os.close(folder)


def ask(directory: Path, request: str, timeout_s: float = 5.0) -> tuple[int, dict[str, Any]]:
    """`request` is a method and a target: "GET /live". Returns status and answer.

    Raises `SidecarNotRunning`, and `TimeoutError` when the sidecar is there and does not answer in time.
    """
    try:
        with short_address(directory) as path, socket.socket(socket.AF_UNIX) as connection:
            _refuse_foreign(explain_distrust(path, stat.S_ISSOCK))
            connection.settimeout(timeout_s)
            connection.connect(path)
            _refuse_foreign(_explain_peer(connection))
            connection.sendall(f"{request} HTTP/1.0\r\n\r\n".encode())
            answer = _read(connection)
    except TimeoutError:
        raise
    except OSError:
        raise SidecarNotRunning(could_be=_could_be(directory)) from None
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if not status or not status[0].isdigit():
        raise SidecarNotRunning(could_be=True)
    try:
        return int(status[0]), json.loads(body)
    except ValueError:
        raise SidecarNotRunning("what answers here is no sidecar", could_be=True) from None


_CREDENTIALS = struct.Struct("iII")
"""Process, user and group (SO_PEERCRED, unix(7))."""


def _explain_peer(connection: socket.socket) -> str:
    """Return why the process at the other end is not asked anything, "" if it may be."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(found)
    return "" if may_trust(uid) else f"user {uid} listens on it, and this process is user {os.geteuid()}"


def _refuse_foreign(reason: str) -> None:
    if reason:
        raise SidecarNotRunning(f"{NAME} is not used: {reason}", could_be=True)


def _could_be(directory: Path) -> bool:
    """Whether a socket could be made there, the directory included."""
    there = next(place for place in (directory, *directory.absolute().parents) if os.path.lexists(place))
    return there.is_dir() and os.access(there, os.W_OK)


def _read(connection: socket.socket) -> bytes:
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
        if len(answer) > _MOST:
            raise OSError(errno.EMSGSIZE, "the answer is too long")
    return answer
