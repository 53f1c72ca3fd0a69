"""Standard input as a log file: `sidecar run -` copies it to a temporary file, which is tailed while it grows."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from importlib import import_module
from pathlib import Path

from sidecar.errors import ConfigurationError

NAME = "-"
"""The path that means standard input."""

_STDIN_FD = 0
_READ_BYTES = 64 * 1024


class StandardInput:
    """Copies standard input to a file. As an exit rule, it ends the sidecar when the copy is complete."""

    def __init__(self, file: Path) -> None:
        self.file = file
        """The copy."""

        self.is_kept = False
        """Whether the copy stays after the run, because it was not delivered completely."""

        self._copier = threading.Thread(target=self._copy, name="standard input", daemon=True)
        self.problem = ""
        """Why the copy is not complete; "" if it is, or while it is being made."""

    def start(self, *, wait: bool) -> None:
        """Start to copy. `wait`: return when the copy is complete."""
        self.file.touch()
        self._copier.start()
        if wait:
            self._copier.join()

    def _copy(self) -> None:
        try:
            with self.file.open("wb", buffering=0) as copy:
                while data := os.read(_STDIN_FD, _READ_BYTES):
                    copy.write(data)
        except OSError as error:
            self.problem = f"standard input could not be copied to {self.file.parent} ({error.strerror})"

    def reason(self, now: float, grown_at: float | None) -> str:
        """Return a reason once the copy is complete."""
        return "" if self._copier.is_alive() else "standard input has ended"

    def has_application_ended(self) -> bool:
        """Return whether the copy has ended."""
        return not self._copier.is_alive()


@contextmanager
def copy_standard_input(*, is_complete: bool) -> Iterator[tuple[str, StandardInput]]:
    """Yield a pattern for the copy of standard input, and the exit rule. Remove it at the end unless it is kept.

    `is_complete`: copy all of it first. Otherwise a thread copies while the caller continues.
    """
    try:
        folder = Path(import_module("tempfile").mkdtemp(prefix="log-sidecar-"))
    except OSError as error:
        raise ConfigurationError(
            f"cannot create a directory for standard input ({error.strerror})",
            hint="set TMPDIR to a directory with free space, or pass a file",
        ) from error
    source = StandardInput(folder / "stdin")
    try:
        source.start(wait=is_complete)
        yield escape(str(source.file)), source
    finally:
        if not source.is_kept:
            import_module("shutil").rmtree(folder, ignore_errors=True)
