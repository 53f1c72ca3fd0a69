"""The work for a line grows in proportion to its length, whatever the line is: at most 2.5-fold where it doubles.

Counted in instructions by valgrind, see the package. What is tested here is one in `ONE_IN` cases, always the same
ones and those that once grew; `python -m tests.benchmarks.linear` runs all of them, and those of `--full`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.linear.__main__ import find_grown
from tests.support.servers import ComponentMissing

_ROOT = Path(__file__).parents[3]
ONE_IN = 16


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int, int, int]]:
    """Return for each case the length of a line, and the instructions for half of it and for all of it."""
    if shutil.which("valgrind") is None:
        raise ComponentMissing("valgrind is not installed; tests/kubernetes/deploy/install-tools.sh installs it")
    directory = tmp_path_factory.mktemp("linear")
    library = directory / "counter.so"
    source = Path(__file__).with_name("counter.c")
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source], check=True, timeout=60)
    massif = ["--tool=massif", "--time-unit=i", "--depth=1", "--detailed-freq=1000000", "--massif-out-file=/dev/null"]
    python = [sys.executable, "-m", "tests.benchmarks.linear", str(library), str(directory), "--one-in", str(ONE_IN)]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(["valgrind", "-q", *massif, *python], cwd=_ROOT, env=environment, check=False, timeout=600)
    assert done.returncode in (0, 1)
    lines = (directory / "counts").read_text(encoding="utf-8").splitlines()
    return [tuple(json.loads(line)) for line in lines]


@pytest.mark.slow
def test_the_work_for_a_line_grows_in_proportion_to_its_length(counts: list[tuple[str, int, int, int]]) -> None:
    assert len(counts) > 300
    grown = find_grown(counts)
    assert not grown, "\n".join(grown)
