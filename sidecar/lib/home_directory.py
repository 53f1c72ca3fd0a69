"""Replaces `~` or `$HOME` at the beginning of a path, as a shell does."""

from __future__ import annotations

import os
import re

_HOME = re.compile(r"(?:~|\$HOME)(?=/|$)")
_OTHER_HOME = re.compile(r"~[\w.-]+/")


def expand_home(path: str) -> str:
    """Return the path with the home directory in place of `~` or `$HOME`.

    Raise `ValueError` if it is unknown, or that of another user.
    """
    if _OTHER_HOME.match(path):
        raise ValueError("begins with ~ and a name, which is not expanded; write the directory")
    if not (match := _HOME.match(path)):
        return path
    home = os.path.expanduser("~")
    if not os.path.isabs(home):
        raise ValueError("begins with the home directory, which is not known; write the full path")
    return home.rstrip("/") + (path[match.end() :] or "/")
