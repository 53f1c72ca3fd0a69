"""Secrets and certificates in files, and a client that is made anew when one of them changes.

A mounted Secret of Kubernetes is renewed by swapping a symbolic link, so a look at each file's inode and time before
each request is enough. A client that is still in use elsewhere is closed when its last user gives it back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import SecretStr

from sidecar.errors import Misconfigured

Client = TypeVar("Client")
_Stamp = tuple[tuple[int, int, int], ...]


def read_secret(value: SecretStr | None, file: Path | None) -> str | None:
    """Return the secret, from `file` without its last line end. Raise `Misconfigured` if the file cannot be read."""
    if file is None:
        return value.get_secret_value() if value else None
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        raise _unreadable_error(file, error) from error


@dataclass(slots=True)
class _PooledClient(Generic[Client]):
    client: Client
    stamp: _Stamp
    users: int = 0
    retired: bool = False


class ReloadingClient(Generic[Client]):
    """Lends a client, made by `make` when it is first wanted and again whenever one of `files` has changed."""

    def __init__(
        self, files: Sequence[Path | None], make: Callable[[], Client], close: Callable[[Client], None]
    ) -> None:
        self._files = [file for file in files if file is not None]
        self._make = make
        self._close = close
        self._lock = threading.Lock()
        self._held: _PooledClient[Client] | None = None

    @contextmanager
    def lent(self) -> Iterator[Client]:
        """The client of the moment. Raises `Misconfigured` if a file cannot be read, and whatever `make` raises."""
        with self._lock:
            held = self._current()
            held.users += 1
        try:
            yield held.client
        finally:
            with self._lock:
                held.users -= 1
                if held.retired and not held.users:
                    self._close(held.client)

    def close(self) -> None:
        """Close the client as soon as no thread uses it. The next use makes another one."""
        with self._lock:
            self._retire()

    def _current(self) -> _PooledClient[Client]:
        stamp = tuple(map(_file_stamp, self._files))
        if self._held is None or self._held.stamp != stamp:
            renewed = _PooledClient(self._make(), stamp)
            self._retire()
            self._held = renewed
        return self._held

    def _retire(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.retired = True
            if not held.users:
                self._close(held.client)


def _file_stamp(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError as error:
        raise _unreadable_error(file, error) from error
    return found.st_ino, found.st_mtime_ns, found.st_size


def _unreadable_error(file: Path, error: Exception) -> Misconfigured:
    reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
    return Misconfigured(
        f"the file cannot be read ({reason})", location=str(file), hint="mount it, or let this user read it"
    )
