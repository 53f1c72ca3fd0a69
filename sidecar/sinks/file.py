"""Writes NDJSON to a file, each document once: when opened, the file is truncated to the committed length."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import suppress
from typing import Any, ClassVar, Literal

from sidecar.errors import Misconfigured, Retryable
from sidecar.lib.declarations import model_validator
from sidecar.lib.settings_model import LocalPath
from sidecar.model.batch import Batch, WriteResult
from sidecar.sinks.contract import SinkSettings


class FileSettings(SinkSettings):
    """Settings of the sink that writes to a file."""

    type: Literal["file"] = "file"
    """A file of newline-delimited JSON."""

    path: LocalPath
    """The file; created if it is missing. In a URL: `file:///absolute/out.ndjson`."""

    single_pipeline: ClassVar[bool] = True
    schemes: ClassVar[tuple[str, ...]] = ("file",)

    def destination(self) -> str:
        return f"file://{self.path}"

    @model_validator(mode="before")
    @classmethod
    def _split_url(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not isinstance(given.get("url"), str):
            return given
        scheme, slashes, path = given["url"].partition("://")
        if scheme.lower() != "file" or not slashes or not path.startswith("/") or path == "/":
            raise ValueError("write it as file:///absolute/out.ndjson")
        path = path.removeprefix("/") if path.startswith("/~/") else path
        return {"path": path, **{name: value for name, value in given.items() if name != "url"}}


class FileSink:
    """Appends NDJSON to a file; each document once."""

    settings: ClassVar[type[FileSettings]] = FileSettings
    concurrency: ClassVar[int] = 1

    def __init__(self, settings: FileSettings) -> None:
        self._path = settings.path
        self._token: str | None = None
        self._fd: int | None = None
        self._length = 0

    def resume(self, token: str | None) -> None:
        """Store the token for the next `open`. It contains the inode and the committed length of the file."""
        self._token = token

    def resume_token(self) -> str:
        """Return the inode and the length of the file, as JSON."""
        assert self._fd is not None
        return json.dumps({"inode": os.fstat(self._fd).st_ino, "length": self._length})

    def open(self) -> None:
        self.close()
        try:
            self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            self._lock(self._fd)
            self._length = self._settled_length(self._fd)
            os.ftruncate(self._fd, self._length)
        except OSError as error:
            raise Misconfigured(
                f"cannot be written ({error.strerror})",
                location=str(self._path),
                hint="create its directory if it is missing and let the sidecar write there, or choose another path",
            ) from error

    def _lock(self, fd: int) -> None:
        """Lock the file until it is closed. Another sidecar may use it, or a write from before a reload may hang."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Retryable(
                "is still being written by another sidecar or an earlier write", location=str(self._path),
                hint="stop the other sidecar, or choose another path",
            ) from None  # fmt: skip
        except OSError:
            return  # some network file systems have no locks

    def _settled_length(self, fd: int) -> int:
        """Return the length to keep: the committed one, or the whole file if the token is for a different file."""
        status = os.fstat(fd)
        known = json.loads(self._token) if self._token else None
        if known is None or known["inode"] != status.st_ino or known["length"] > status.st_size:
            return status.st_size
        return int(known["length"])

    def write(self, batch: Batch) -> WriteResult:
        if self._fd is None:
            raise Retryable("is not open", location=str(self._path))
        if not self._is_at_path(self._fd):
            raise Retryable("was moved or deleted", location=str(self._path), hint="the next attempt creates it")
        data = ("\n".join(batch.documents) + "\n").encode() if len(batch) else b""
        try:
            self._append(data)
            os.fsync(self._fd)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._fd, self._length)
            raise Retryable(
                f"cannot be written ({error.strerror})", location=str(self._path), hint="free disk space"
            ) from error
        if not os.fstat(self._fd).st_nlink:
            raise Retryable(
                "was deleted during the write", location=str(self._path), hint="the next attempt creates it"
            )
        self._length += len(data)
        return WriteResult(range(len(batch)), resume_token=self.resume_token())

    def _is_at_path(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), os.stat(self._path))
        except OSError:
            return False

    def _append(self, data: bytes) -> None:
        assert self._fd is not None
        at, rest = self._length, memoryview(data)
        while rest:
            written = os.pwrite(self._fd, rest, at)
            at, rest = at + written, rest[written:]

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def probe(self) -> None:
        place = self._path if self._path.exists() else self._path.parent
        if not place.exists() or not os.access(place, os.W_OK):
            raise Misconfigured(
                "cannot be written",
                location=str(place),
                hint="make it writable for this user, or choose another path",
            )
