"""`make wheels`: builds the source distribution and one wheel for each platform, and checks their compiled parts.

    python deploy/wheels.py DIRECTORY [PLATFORM ...]

Zig compiles for every platform on any machine. The wheels use the stable ABI of CPython 3.11 (abi3), so one wheel is
for this version and all later ones.
"""

import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).parents[1]
PLATFORMS = {
    "manylinux_2_17_x86_64": "x86_64-linux-gnu.2.17",
    "manylinux_2_17_aarch64": "aarch64-linux-gnu.2.17",
    "musllinux_1_2_x86_64": "x86_64-linux-musl",
    "musllinux_1_2_aarch64": "aarch64-linux-musl",
}
"""Platform of a wheel → target of the compiler."""

NATIVE = f"manylinux_2_17_{platform.machine()}"
"""What the name `native` means."""

NEEDS = {
    "manylinux_2_17_x86_64": ("EM_X86_64", ["libc.so.6"], False),
    "manylinux_2_17_aarch64": ("EM_AARCH64", ["libc.so.6", "ld-linux-aarch64.so.1"], False),
    "musllinux_1_2_x86_64": ("EM_X86_64", ["libc.so"], False),
    "musllinux_1_2_aarch64": ("EM_AARCH64", ["libc.so"], False),
}
"""Platform of a wheel → what `describe` returns for its compiled parts."""

COMPILED = {"sidecar/lib/native/_native.abi3.so", "sidecar/sinks/mongodb/_bson.abi3.so"}


def build(kind: str, source: Path, folder: Path, options: dict[str, list[str]], **environ: str) -> Path:
    """Return what setuptools builds from a source tree: a `sdist` or a `wheel`."""
    program = f"from setuptools import build_meta; print(build_meta.build_{kind}({str(folder)!r}, {options!r}))"
    return folder / run([sys.executable, "-c", program], cwd=source, **environ).splitlines()[-1]


def build_wheel(sdist: Path, name: str, folder: Path) -> Path:
    """Return the wheel of a platform, built from the source distribution alone."""
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(sdist) as archive:
            archive.extractall(scratch, filter="data")
        (source,) = Path(scratch).iterdir()
        compiler = source / "cc"
        compiler.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ziglang cc -target {PLATFORMS[name]} "$@"\n')
        compiler.chmod(0o755)
        return build(
            "wheel", source, folder, {"--build-option": [f"--plat-name={name}"]},
            CC=str(compiler), LDSHARED=f"{compiler} -shared -s", CFLAGS="-fno-sanitize=undefined",
        )  # fmt: skip


def check(wheel: Path, name: str) -> None:
    """Exit with a message if a wheel lacks a compiled part, or if one needs more than the name of the wheel says."""
    run([sys.executable, "-m", "abi3audit", "--strict", str(wheel)])
    with zipfile.ZipFile(wheel) as archive:
        compiled = {each: io.BytesIO(archive.read(each)) for each in archive.namelist() if ".so" in each}
    if compiled.keys() != COMPILED:
        sys.exit(f"{wheel.name} has {sorted(compiled)} and should have {sorted(COMPILED)}")
    for part, file in compiled.items():
        needs = describe(ELFFile(file))
        if needs != NEEDS[name]:
            sys.exit(f"{part} of {wheel.name} needs {needs} and should need {NEEDS[name]}")


def describe(file: ELFFile) -> tuple[str, list[str], bool]:
    """Return the processor, the libraries, and whether a symbol is newer than glibc 2.17."""
    tags = file.get_section_by_name(".dynamic").iter_tags("DT_NEEDED")
    section = file.get_section_by_name(".gnu.version_r")
    versions = [each.name for _, auxiliary in section.iter_versions() for each in auxiliary] if section else []
    newest = max((tuple(map(int, name.removeprefix("GLIBC_").split("."))) for name in versions), default=())
    return file["e_machine"], [tag.needed for tag in tags], newest > (2, 17)


def run(command: list[str], cwd: Path = ROOT, **environ: str) -> str:
    """Return what a command prints. Exit with it if the command fails."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit((done.stdout + done.stderr)[-5000:])
    return done.stdout


def main() -> None:
    """Build everything into an empty directory."""
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("log_sidecar-*"):
        old.unlink()
    sdist = build("sdist", ROOT, folder, {})
    print(sdist.name)
    for name in [NATIVE if each == "native" else each for each in sys.argv[2:]] or PLATFORMS:
        wheel = build_wheel(sdist, name, folder)
        check(wheel, name)
        print(f"{wheel.name}  {wheel.stat().st_size} bytes")


if __name__ == "__main__":
    main()
