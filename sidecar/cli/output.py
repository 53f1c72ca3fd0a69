"""Writes the output of commands. Characters that would control a terminal are escaped.

File names, messages of servers and arguments may contain any characters. `console` writes tables.
"""

from __future__ import annotations

import errno
import json
import sys
import traceback
from types import TracebackType
from typing import Any

from sidecar.lib.terminal import escape_control_characters, escape_json, escape_lines

MAX_ERROR_LENGTH = 4096
"""Maximum characters of one error: a message may contain text of a server or a file."""

WRITE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""Errors of write(2) when standard output is a file."""


def make_streams_lenient() -> None:
    """Make the output streams escape characters that the terminal's encoding does not support, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")


def put_line(text: str = "", *, flush: bool = False) -> None:
    """Write one line to standard output."""
    print(escape_control_characters(text), flush=flush)


def put_lines(text: str) -> None:
    """Write several lines to standard output. All control characters except newlines are escaped."""
    print(escape_lines(text))


def put_unchanged(text: str) -> None:
    """Write text to standard output, to a file or pipe byte for byte, with its line endings.

    On a terminal, all control characters except newlines are escaped.
    """
    if sys.stdout.isatty():
        print(escape_lines(text.replace("\r\n", "\n")), end="")
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def put_json(value: Any, *, indent: int | None = None) -> None:
    """Write a value as JSON, with control characters escaped."""
    put_json_text(json.dumps(value, ensure_ascii=False, indent=indent))


def put_json_text(text: str) -> None:
    """Write JSON text, with control characters escaped."""
    print(escape_json(text))


def put_note(text: str) -> None:
    """Write one line to standard error."""
    line = escape_control_characters(text)
    print(line if len(line) <= MAX_ERROR_LENGTH else f"{line[:MAX_ERROR_LENGTH]}…", file=sys.stderr)


def count_of(number: int, noun: str) -> str:
    """Return the number with its noun, as in `1 file` and `2 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def put_error(problem: object) -> None:
    """Write an error as one line to standard error."""
    put_note(f"sidecar: {problem}")


def put_traceback(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """Write an unexpected error with its traceback, for `sys.excepthook`."""
    print(escape_lines("".join(traceback.format_exception(kind, error, trace)).rstrip()), file=sys.stderr)
