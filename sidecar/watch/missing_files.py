"""Explains why no file matches a path of the configuration."""

from __future__ import annotations

import os
from collections.abc import Sequence

from sidecar.lib.roots import Roots
from sidecar.watch.scanner import FileScanner, has_wildcard, matches_name_or_path


def explain_missing(path: str, exclude: Sequence[str], roots: Roots) -> str:
    """Return why no file matches this path or pattern; "" if one does.

    As in a scan, follow no symbolic link that the application may have created.
    """
    scanner = FileScanner([path], (), roots)
    matches = [file.path for file in scanner.scan()]
    for match in matches:
        if not any(matches_name_or_path(pattern, match) for pattern in exclude):
            return ""
    if matches:
        pattern = next(pattern for pattern in exclude if matches_name_or_path(pattern, matches[0]))
        return f"{matches[0]!a} is excluded by {pattern} in `exclude`"
    if not has_wildcard(path) and os.path.isdir(path):
        return f"it is a directory; to read the files in it, write {os.path.join(path, '*')}"
    if scanner.refused:
        refused, reason = next(iter(scanner.refused.items()))
        return f"{refused!a} is {reason}"
    if scanner.unreadable:
        return f"the directory {min(scanner.unreadable)!a} cannot be read by this user"
    folder = scanner.globs[0].root.text
    return "no such file" if os.path.isdir(folder) else f"the directory {folder!a} does not exist"
