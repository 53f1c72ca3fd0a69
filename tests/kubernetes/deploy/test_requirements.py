"""The requirements: pinned by the hashes of their files, and for every processor that the image is built for."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import ComponentMissing

ROOT = Path(__file__).parents[3]
LOCKED = ("run", "extras", "build", "dev", "fuzz", "site", "wheels", "kubernetes-tools")
"""Files of `requirements/`; all that there are."""
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("processor", ["x86_64", "aarch64"])
def test_every_requirement_has_a_wheel_for_each_processor(processor: str) -> None:
    platforms = [f"--platform=manylinux{version}_{processor}" for version in ("2014", "_2_17", "_2_28")]
    resolve = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps"]
    wheels = ["--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--target=unused"]
    done = subprocess.run(
        [
            *resolve,
            *wheels,
            *platforms,
            "--require-hashes",
            "-r",
            str(ROOT / "requirements/run.txt"),
            "-r",
            str(ROOT / "requirements/extras.txt"),
            "-r",
            str(ROOT / "requirements/build.txt"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Retrying" in done.stderr:
        raise ComponentMissing("the package index cannot be reached")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", LOCKED)
def test_every_requirement_has_one_version_and_the_hashes_of_its_files(name: str) -> None:
    text = (ROOT / f"requirements/{name}.txt").read_text()
    logical = re.sub(r"#.*|\\\n", "", text).splitlines()
    entries = [line.split() for line in logical if line.strip()]
    assert entries
    for package, *hashes in entries:
        assert re.fullmatch(r"[\w.-]+==[\w.]+", package), package
        assert hashes, package
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each) for each in hashes), package


def test_a_package_has_the_same_version_in_every_file() -> None:
    files = [path.read_text() for path in (ROOT / "requirements").iterdir() if path.name != "kubernetes-tools.txt"]
    versions = dict(pin for text in files for pin in re.findall(r"^(\S+)==(\S+)", text, re.MULTILINE))
    for text in files:
        assert not set(re.findall(r"^(\S+)==(\S+)", text, re.MULTILINE)) - versions.items()


def test_no_other_file_of_requirements_is_there() -> None:
    assert {path.name for path in (ROOT / "requirements").iterdir()} == {f"{name}.txt" for name in LOCKED}


def test_whatever_is_installed_is_installed_by_its_hash() -> None:
    recipes = [(ROOT / "Makefile").read_text(), DOCKERFILE]
    installs = [line for text in recipes for line in text.replace("\\\n", " ").splitlines() if "-r" in line.split()]
    assert sum("pip install" in line for line in installs) >= 2
    assert all("--require-hashes" in line for line in installs if "pip install" in line)


def test_a_release_can_ask_for_base_images_by_their_digests() -> None:
    """The step of the build alone, since no registry can be asked here."""
    step = re.search(r"^RUN (for image in .*?done)$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert step
    digest = f"python:3.11@sha256:{'0' * 64}"

    def build(base: str, compiler: str, digests: str) -> int:
        environment = {"BASE": base, "COMPILER": compiler, "DIGESTS": digests, "PATH": "/usr/bin:/bin"}
        return subprocess.run(["sh", "-c", step[1]], env=environment, capture_output=True, check=False).returncode

    assert build(digest, digest, "required") == 0
    assert build("python:3.11", "python:3.11", "optional") == 0
    assert build(digest, "python:3.11", "required") == 1
    assert build("python:3.11", digest, "required") == 1
