"""Another project's distribution has a package `sidecar` as well, and pip overwrites files of the same names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sidecar
from tests.support.processes import ENVIRON

PACKAGE = Path(sidecar.__path__[0])


@pytest.fixture
def site_packages(tmp_path: Path) -> Path:
    """A directory of packages with ours, of which another distribution says that it has files of the same names."""
    for path in PACKAGE.iterdir():
        (tmp_path / "sidecar").mkdir(exist_ok=True)
        (tmp_path / "sidecar" / path.name).symlink_to(path)
    other = tmp_path / "sidecar-0.8.1.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: sidecar\nVersion: 0.8.1\n")
    (other / "RECORD").write_text("sidecar/__init__.py,,\nsidecar/errors.py,,\nsidecar-0.8.1.dist-info/METADATA,,\n")
    return tmp_path


def run(site_packages: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**ENVIRON, "PYTHONPATH": str(site_packages), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "sidecar", *arguments]
    return subprocess.run(command, env=environ, cwd=os.sep, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("replaced", "reason"),
    [("__init__.py", "its __init__.py was replaced"), ("errors.py", "cannot import name 'ConfigurationError'")],
)
def test_a_replaced_file_is_reported_in_one_sentence_with_the_other_distribution(
    site_packages: Path, replaced: str, reason: str
) -> None:
    (site_packages / "sidecar" / replaced).unlink()
    (site_packages / "sidecar" / replaced).write_text('__version__ = "0.8.1"\n')
    done = run(site_packages, "version")
    assert done.returncode == 2
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith(f"sidecar: {site_packages}/sidecar is not as log-sidecar installs it ({reason}")
    assert "files of sidecar 0.8.1;" in sentence


def test_a_package_that_cannot_be_imported_is_reported_by_the_command(site_packages: Path) -> None:
    (site_packages / "sidecar" / "__init__.py").unlink()
    (site_packages / "sidecar" / "__init__.py").write_text("import no_such_widgets\n")
    (site_packages / "log_sidecar.py").symlink_to(PACKAGE.parent / "log_sidecar.py")
    environ = {**ENVIRON, "PYTHONPATH": str(site_packages), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "log_sidecar", "version"]
    done = subprocess.run(command, env=environ, cwd=os.sep, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith(f"sidecar: {site_packages}/sidecar is not as log-sidecar installs it (No module named")
    assert "files of sidecar 0.8.1; install log-sidecar in a virtual environment without them" in sentence


def test_our_files_work_although_another_distribution_names_them(site_packages: Path) -> None:
    done = run(site_packages, "version")
    assert (done.returncode, done.stdout) == (0, f"log-sidecar {sidecar.__version__}\n")
