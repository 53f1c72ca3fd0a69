"""Programs beside a sidecar that run until they are told to end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path(__file__).parents[3]


@contextmanager
def run_program(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a module of the tests that ends when its standard input is closed, and at the end of the block."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT) as program:
        try:
            yield program
        finally:
            program.kill()
