"""The tutorial: its commands in one shell, from an empty directory to documents, print what the page shows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.page_commands import read_commands
from tests.support.processes import ENVIRON

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
INSTALLS = "pip install"
"""The only command that is left out, because it takes long and needs the package index."""

_NEXT = "-- next command --"


def test_the_commands_of_the_tutorial_print_what_the_page_shows(tmp_path: Path) -> None:
    commands = [each for each in read_commands(PAGE) if INSTALLS not in each.text]
    assert len(commands) > 15
    # The shell tells the exit code of each command. A line that begins with a command of its own ends the one before.
    script = "".join(f"{each.text}echo $?{_NEXT}\n" for each in commands)
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env={**ENVIRON, "HOME": str(tmp_path), "PATH": programs},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    outputs = done.stdout.split(f"{_NEXT}\n")
    assert len(outputs) == len(commands) + 1, done.stderr
    for command, printed in zip(commands, outputs, strict=False):
        text, _, code = printed.rstrip("\n").rpartition("\n") if "\n" in printed else ("", "", printed)
        assert code == "0", f"{command.text}\n{text}\n{done.stderr[-3000:]}"
        assert not command.output or command.is_printed(text), f"{command.text}\n{text}"
