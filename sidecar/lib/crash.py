"""Describes an unexpected error without its message, which may contain text of the application's log."""

from __future__ import annotations

from pathlib import PurePath


def describe_crash(error: BaseException) -> str:
    """Return the class of an unexpected error and the line of code that raised it."""
    raised_at = error.__traceback__
    while raised_at is not None and raised_at.tb_next is not None:
        raised_at = raised_at.tb_next
    if raised_at is None:
        return type(error).__name__
    return f"{type(error).__name__} at {PurePath(raised_at.tb_frame.f_code.co_filename).name}:{raised_at.tb_lineno}"
