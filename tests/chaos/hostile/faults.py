"""Failing calls of the operating system for chosen files, in a real process (`faults.c`)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

_SOURCE = Path(__file__).with_name("faults.c")


class Faults:
    """The rules of one process: start it with `environ`, and change them while it runs."""

    def __init__(self, folder: Path) -> None:
        library = folder / "faults.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, _SOURCE, "-ldl"], check=True)
        self._rules = folder / "faults.rules"
        self.set([])
        self.environ: dict[str, str] = {"LD_PRELOAD": str(library), "FAULTS": str(self._rules)}

    def set(self, rules: Iterable[tuple[str, str, int]]) -> None:
        """From now on these (call, part of the path, errno) fail, and no others."""
        new = self._rules.with_suffix(".new")
        new.write_text("".join(f"{call} {name} {number}\n" for call, name, number in rules))
        new.replace(self._rules)
