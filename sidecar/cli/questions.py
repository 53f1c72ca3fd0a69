"""Asks the user on a terminal."""

from __future__ import annotations

import sys

from sidecar.cli.output import put_line
from sidecar.errors import ConfigurationError


def can_ask() -> bool:
    """Return whether standard input is a terminal."""
    return sys.stdin.isatty()


def ask(question: str) -> str:
    """Return the answer to a question. Raise `ConfigurationError` if the input ends."""
    put_line(question, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        raise ConfigurationError("the input ended before all questions were answered, so nothing was written")
    return answer.strip()


def confirm(question: str) -> bool:
    """Return whether the user answers yes. No answer means no."""
    put_line(f"{question} [y/N]", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
