"""The only place where a command writes text: nothing that a terminal obeys passes here.

Names of files, words of servers and what the user typed may hold anything. Tables are written by `console`.
"""

from __future__ import annotations

import json
import sys
import traceback
from types import TracebackType
from typing import Any

from sidecar.lib.terminal import escape_control_characters, escape_json, escape_lines

MAX_ERROR_LENGTH = 4096
"""Characters of one error; a message may repeat what a server or a file says."""


def make_streams_lenient() -> None:
    """Write what the encoding of the terminal does not know as an escape, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")


def put_line(text: str = "", *, flush: bool = False) -> None:
    """Write one line to standard output."""
    print(escape_control_characters(text), flush=flush)


def put_lines(text: str) -> None:
    """Write several lines that the sidecar composed to standard output. Only their newlines are not escaped."""
    print(escape_lines(text))


def put_json(value: Any, *, indent: int | None = None) -> None:
    """Write a value as JSON that every reader takes and every terminal shows."""
    put_json_text(json.dumps(value, ensure_ascii=False, indent=indent))


def put_json_text(text: str) -> None:
    """Write JSON that was made elsewhere."""
    print(escape_json(text))


def put_note(text: str) -> None:
    """Write one line to standard error."""
    line = escape_control_characters(text)
    print(line if len(line) <= MAX_ERROR_LENGTH else f"{line[:MAX_ERROR_LENGTH]}…", file=sys.stderr)


def put_error(problem: object) -> None:
    """Write what went wrong as one line to standard error."""
    put_note(f"sidecar: {problem}")


def put_traceback(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """Write an error that the sidecar does not expect, for `sys.excepthook`."""
    print(escape_lines("".join(traceback.format_exception(kind, error, trace)).rstrip()), file=sys.stderr)
