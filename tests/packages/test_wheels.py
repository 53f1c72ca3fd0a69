"""The packages of `make wheels`: installed as users install them, in clean systems, for every platform."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.servers import ComponentMissing
from tests.support.servers.java_servers import cache

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
NATIVE = f"manylinux_2_17_{platform.machine()}"
COMPILED = ("sidecar/lib/native/_native.abi3.so", "sidecar/sinks/mongodb/_bson.abi3.so")
SHIPS = """
set -e
for n in $(seq 1 1000); do echo "{\\"n\\":$n}"; done > app.log
{sidecar} run app.log --to sqlite:///logs.db --state-dir state --once
{sidecar} run app.log --to sqlite:///logs.db --state-dir state --once
{python} -c "import sidecar.lib.native._native, sidecar.sinks.mongodb._bson"
{python} -c "import sqlite3; print(sqlite3.connect('logs.db').execute('select count(*) from logs').fetchone())"
"""
"""A log is shipped twice, and each line is stored once. Both compiled parts can be loaded."""

pytestmark = [pytest.mark.packages, pytest.mark.slow]


def wheel(platform: str) -> Path:
    """Return the wheel of a platform. Raise `ComponentMissing`."""
    found = list(DIST.glob(f"log_sidecar-*-cp311-abi3-{platform}.whl"))
    if len(found) != 1:
        raise ComponentMissing(f"{DIST} has no wheel for {platform}: make wheels")
    return found[0]


def run(*command: str | Path, cwd: Path | None = None, environ: Mapping[str, str | Path] | None = None) -> str:
    environment = {**os.environ, **{name: str(value) for name, value in (environ or {}).items()}}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
    return done.stdout


def ship(folder: Path, sidecar: str | Path, python: str | Path, *inside: str | Path) -> None:
    """Ship a log with the commands `sidecar` and `python`, by default on this system."""
    script = SHIPS.replace("{sidecar}", str(sidecar)).replace("{python}", str(python))
    assert run(*inside, "bash", "-c", script, cwd=folder).split() == ["(1000,)"]


@pytest.mark.parametrize("package", ["wheel", "sdist"])
def test_pip_installs_it_into_an_empty_environment(package: str, tmp_path: Path) -> None:
    file = wheel(NATIVE) if package == "wheel" else next(DIST.glob("log_sidecar-*.tar.gz"))
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    run(tmp_path / "venv/bin/pip", "install", "--quiet", file)
    ship(tmp_path, tmp_path / "venv/bin/sidecar", tmp_path / "venv/bin/python")


def test_pipx_installs_it(tmp_path: Path) -> None:
    home, programs = tmp_path / "pipx", tmp_path / "bin"
    file = wheel(NATIVE)
    run(
        sys.executable,
        "-m",
        "pipx",
        "install",
        "--quiet",
        file,
        environ={"PIPX_HOME": home, "PIPX_BIN_DIR": programs},
    )
    ship(tmp_path, programs / "sidecar", home / "venvs/log-sidecar/bin/python")


def test_uv_installs_it(tmp_path: Path) -> None:
    home, programs = tmp_path / "uv", tmp_path / "bin"
    file = wheel(NATIVE)
    uv = Path(sys.executable).parent / "uv"
    places: dict[str, str | Path] = {"UV_TOOL_DIR": home, "UV_TOOL_BIN_DIR": programs, "UV_PYTHON": sys.executable}
    run(uv, "tool", "install", "--quiet", file, environ=places)
    ship(tmp_path, programs / "sidecar", home / "log-sidecar/bin/python")


def debian(suite: str, *options: str) -> Path:
    """Return the root of a clean Debian with Python, made once. Raise `ComponentMissing`."""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise ComponentMissing("a clean Debian needs root and debootstrap: tests/kubernetes/deploy/install-tools.sh")
    root = cache() / "packages" / "-".join([suite, *options]).replace("=", "-")
    if not root.is_dir():
        making = root.with_name(f"{root.name}.part")
        shutil.rmtree(making, ignore_errors=True)
        packages = "--include=python3,python3-venv,ca-certificates"
        making.parent.mkdir(parents=True, exist_ok=True)
        run("debootstrap", "--variant=minbase", packages, *options, suite, making)
        making.rename(root)
    return root


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_a_clean_debian_installs_it_without_a_compiler(suite: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    run("cp", "-a", debian(suite), root)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    authorities = "/etc/ssl/certs/ca-certificates.crt"
    shutil.copy(os.environ.get("PIP_CERT", authorities), f"{root}{authorities}")
    (root / "work").mkdir()
    shutil.copy(file := wheel(NATIVE), root / "work")
    inside = ("unshare", "--fork", "--pid", f"--mount-proc={root}/proc", "chroot", root)
    in_root = {"PIP_CERT": authorities, "PIP_FIND_LINKS": "", "PATH": "/usr/bin:/bin", "HOME": "/work"}
    script = f"cd /work && python3 -m venv venv && venv/bin/pip install --quiet --only-binary=:all: {file.name}"
    run(*inside, "bash", "-c", script, environ=in_root)
    ship(root / "work", "venv/bin/sidecar", "venv/bin/python", *inside, "env", "--chdir=/work")


def test_an_arm64_interpreter_loads_it(tmp_path: Path) -> None:
    """It runs in an emulator of one process, in which the sidecar matches no file: so no log is shipped."""
    emulator = shutil.which("qemu-aarch64-static")
    if emulator is None:
        raise ComponentMissing("another processor needs qemu-aarch64-static (Debian: qemu-user-static)")
    root = debian("bookworm", "--foreign", "--arch=arm64")
    if not (root / "usr/bin/python3.11").exists():
        for package in (root / "var/cache/apt/archives").glob("*.deb"):
            run("dpkg-deb", "--extract", package, root)
    platforms = [f"--platform=manylinux{version}_aarch64" for version in ("2014", "_2_17", "_2_28")]
    packages = tmp_path / "packages"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:", "--python-version=3.11",
        "--implementation=cp", "--abi=cp311", "--abi=abi3", "--abi=none", *platforms,
        f"--target={packages}", wheel("manylinux_2_17_aarch64"))  # fmt: skip
    program = "import platform, sidecar.lib.native._native, sidecar.sinks.mongodb._bson; print(platform.machine())"
    python = (emulator, "-L", root, root / "usr/bin/python3.11")
    assert run(*python, "-c", program, environ={"PYTHONPATH": packages}) == "aarch64\n"
    assert run(*python, "-m", "sidecar", "version", environ={"PYTHONPATH": packages}).startswith("log-sidecar ")


def test_the_loader_of_musl_finds_every_function(tmp_path: Path) -> None:
    """A program of musl loads the compiled parts. The functions of Python, which it lacks, are stubs."""
    loader = Path("/lib/ld-musl-x86_64.so.1")
    if not loader.exists():
        raise ComponentMissing("musl is missing (Debian: musl)")
    with zipfile.ZipFile(wheel("musllinux_1_2_x86_64")) as archive:
        parts = [archive.extract(name, tmp_path) for name in COMPILED]
    needed = {line.split()[-1] for part in parts for line in run("nm", "-D", "--undefined-only", part).splitlines()}
    stubs = "".join(f"void *{name};\n" for name in sorted(needed) if name.startswith(("Py", "_Py")))
    assert stubs.count("\n") > 10
    (tmp_path / "load.c").write_text(
        f"#include <dlfcn.h>\n#include <stdio.h>\n{stubs}"
        "int main(int count, char **paths) {\n"
        "  for (int i = 1; i < count; i++) if (!dlopen(paths[i], RTLD_NOW)) { puts(dlerror()); return 1; }\n"
        "  return 0;\n}\n"
    )
    # Without optimization Zig adds checks, which need a newer musl than Debian's.
    options = ("-target", "x86_64-linux-musl", "-O2", "-fno-sanitize=undefined", "-dynamic", "-rdynamic")
    run(sys.executable, "-m", "ziglang", "cc", *options, "-o", tmp_path / "load", tmp_path / "load.c")
    run(loader, tmp_path / "load", *parts)
