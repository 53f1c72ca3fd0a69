"""Why no file matches a path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sidecar.lib.roots import Roots
from sidecar.watch.missing_files import explain_missing


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("a.log", ""),
        ("*.log", ""),
        ("*.gz", "excluded by *.gz"),
        ("old.log.gz", "excluded by *.gz"),
        ("sub", "it is a directory; to read the files in it, write"),
        ("*.txt", "no such file"),
        ("none.log", "no such file"),
        ("none/*.log", "does not exist"),
        ("pipe", "not a regular file"),
        ("link", "a symbolic link"),
    ],
)
def test_the_reason_is_named(tmp_path: Path, path: str, reason: str) -> None:
    (tmp_path / "a.log").touch()
    (tmp_path / "old.log.gz").touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to("a.log")
    os.mkfifo(tmp_path / "pipe")
    found = explain_missing(str(tmp_path / path), ["*.gz"], Roots())
    assert reason in found
    assert bool(reason) == bool(found)
