"""The requirements of the image, for every processor that it is built for."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import unavailable
from tests.servers import ComponentMissing

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("processor", ["x86_64", "aarch64"])
def test_every_requirement_has_a_wheel_for_each_processor(processor: str) -> None:
    platforms = [f"--platform=manylinux{version}_{processor}" for version in ("2014", "_2_17", "_2_28")]
    resolve = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps"]
    wheels = ["--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--target=unused"]
    done = subprocess.run(
        [*resolve, *wheels, *platforms, "-r", str(ROOT / "requirements/run.txt")],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Retrying" in done.stderr:
        unavailable(ComponentMissing("the package index cannot be reached"))
    assert done.returncode == 0, done.stderr
