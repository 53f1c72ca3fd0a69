"""Reads secrets and certificates from files, and creates a new client when one of the files changes.

Kubernetes renews a mounted Secret by replacing a symbolic link. So the inode, time and size of each file are compared
before each request. A replaced client is closed as soon as no thread uses it any more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from sidecar.errors import Misconfigured
from sidecar.lib.declarations import SecretStr

Client = TypeVar("Client")
_FileStamp = tuple[int, int, int]
_Stamp = tuple[_FileStamp, ...]


def read_secret(value: SecretStr | None, file: Path | None) -> str | None:
    """Return `value`, or the content of `file` without its last line end.

    Raise `Misconfigured` if the file cannot be read or is empty. An empty secret would count as a failed login.
    """
    if file is None:
        return value.get_secret_value() if value else None
    try:
        secret = file.read_text(encoding="utf-8-sig").rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        raise _unreadable_error(file, error) from error
    if not secret.strip():
        raise Misconfigured("the file is empty", location=str(file), hint="write the secret into it")
    return secret


@dataclass(slots=True)
class _PooledClient(Generic[Client]):
    client: Client
    stamp: _Stamp
    users: int = 0
    is_retired: bool = False


class ReloadingClient(Generic[Client]):
    """Lends a client to threads. `make` creates the client at its first use, and again if one of `files` changes."""

    def __init__(self, files: Sequence[Path], make: Callable[[], Client], close: Callable[[Client], None]) -> None:
        self._files = files
        self._make = make
        self._close = close
        self._lock = threading.Lock()
        self._pooled: _PooledClient[Client] | None = None
        self._last_stamp: list[_FileStamp | None] = []
        """Inode, time and size of each file at the last attempt to use the client, whether it succeeded or not."""

    def has_changed_files(self) -> bool:
        """Return whether a file has changed since the last attempt."""
        return list(map(_stamp_or_none, self._files)) != self._last_stamp

    @contextmanager
    def lend(self) -> Iterator[Client]:
        """Lend the current client. Raise `Misconfigured` if a file cannot be read, or an error of `make`."""
        with self._lock:
            pooled = self._current()
            pooled.users += 1
        try:
            yield pooled.client
        finally:
            with self._lock:
                pooled.users -= 1
                if pooled.is_retired and not pooled.users:
                    self._close(pooled.client)

    def close(self) -> None:
        """Close the client as soon as no thread uses it. The next use creates another one."""
        with self._lock:
            self._retire()

    def _current(self) -> _PooledClient[Client]:
        self._last_stamp = list(map(_stamp_or_none, self._files))
        stamp = tuple(map(_file_stamp, self._files))
        if self._pooled is None or self._pooled.stamp != stamp:
            _check_readable(self._files)
            renewed = _PooledClient(self._make(), stamp)
            self._retire()
            self._pooled = renewed
        return self._pooled

    def _retire(self) -> None:
        pooled, self._pooled = self._pooled, None
        if pooled is not None:
            pooled.is_retired = True
            if not pooled.users:
                self._close(pooled.client)


def _stamp_or_none(file: Path) -> _FileStamp | None:
    try:
        return _file_stamp(file)
    except Misconfigured:
        return None


def _file_stamp(file: Path) -> _FileStamp:
    try:
        status = file.stat()
    except OSError as error:
        raise _unreadable_error(file, error) from error
    return status.st_ino, status.st_mtime_ns, status.st_size


def _check_readable(files: Sequence[Path]) -> None:
    """Raise `Misconfigured` for a file that cannot be read. The errors of `ssl` do not contain the file name."""
    for file in files:
        try:
            file.open("rb").close()
        except OSError as error:
            raise _unreadable_error(file, error) from error


def _unreadable_error(file: Path, error: Exception) -> Misconfigured:
    reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
    return Misconfigured(
        f"the file cannot be read ({reason})", location=str(file), hint="mount the file and let this user read it"
    )
