"""Writes NDJSON to standard output, at least once: a pipe cannot be truncated.

Control characters are escaped if standard output is a terminal, but not for a pipe.
"""

from __future__ import annotations

import os
import select
import sys
from typing import Any, ClassVar, Literal

from sidecar.errors import Misconfigured
from sidecar.lib.declarations import model_validator
from sidecar.lib.terminal import escape_json
from sidecar.model.batch import Batch, WriteResult
from sidecar.sinks.contract import SinkSettings


class StdoutSettings(SinkSettings):
    """Standard output has no settings."""

    type: Literal["stdout"] = "stdout"
    """Standard output."""

    schemes: ClassVar[tuple[str, ...]] = ("stdout",)

    def destination(self) -> str:
        return "stdout:"

    @model_validator(mode="before")
    @classmethod
    def _without_url(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("url"), str):
            if given["url"] != "stdout:":
                raise ValueError("write it as stdout:")
            return {name: value for name, value in given.items() if name != "url"}
        return given


class StdoutSink:
    """Writes NDJSON to standard output; at least once."""

    settings: ClassVar[type[StdoutSettings]] = StdoutSettings
    concurrency: ClassVar[int] = 1

    def __init__(self, settings: StdoutSettings) -> None:
        self._fd = sys.stdout.fileno()
        self._is_terminal = os.isatty(self._fd)

    def open(self) -> None:
        """Do nothing: standard output is open already."""

    def write(self, batch: Batch) -> WriteResult:
        documents = map(escape_json, batch.documents) if self._is_terminal else batch.documents
        rest = memoryview("".join(f"{text}\n" for text in documents).encode())
        try:
            while rest:
                rest = rest[self._write_some(rest) :]
        except OSError as error:
            raise Misconfigured(
                f"cannot be written ({error.strerror})",
                location="stdout",
                hint="check the program that reads the output",
            ) from error
        return WriteResult(range(len(batch)))

    def _write_some(self, data: memoryview) -> int:
        try:
            return os.write(self._fd, data)
        except BlockingIOError:  # the pipe is full, and another process made it non-blocking
            poller = select.poll()
            poller.register(self._fd, select.POLLOUT)
            poller.poll()
            return 0

    def close(self) -> None:
        """Do nothing: standard output belongs to the process."""

    def probe(self) -> None:
        """Do nothing: standard output needs no permission."""
