"""The compiled parts with AddressSanitizer and UndefinedBehaviorSanitizer in them, instead of the installed ones.

A compiler and the header files of Python are enough. The process that loads them has to begin with the library of the
sanitizers, so it is a child of another one: `environment` is what it is started with.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.support.servers import ComponentMissing

ROOT = Path(__file__).parents[3]
BUILT = ROOT / "build" / "fuzz"
PARTS = {
    "sidecar.lib.native._native": ROOT / "sidecar/lib/native/_native.c",
    "sidecar.sinks.mongodb._bson": ROOT / "sidecar/sinks/mongodb/_bson.c",
}
"""Modules and their sources."""

_COVERAGE = Path(__file__).with_name("coverage.c")
_FLAGS = [
    "-std=c11", "-O1", "-g", "-fPIC", "-fno-omit-frame-pointer", "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all", "-fsanitize-coverage=trace-pc",
]  # fmt: skip


def build() -> None:
    """Compile what is older than its source. Raises `ComponentMissing` without a compiler or the header files."""
    BUILT.mkdir(parents=True, exist_ok=True)
    for module, source in PARTS.items():
        built = _built(module)
        newest = max(path.stat().st_mtime for path in (source, _COVERAGE, Path(__file__)))
        if not built.exists() or built.stat().st_mtime < newest:
            _compile(source, built)


def libraries() -> str:
    """The sanitizers of the compiler, as `environment` takes them."""
    return ":".join(_run("-print-file-name=lib" + name + ".so").strip() for name in ("asan", "ubsan"))


def environment(preload: str) -> dict[str, str]:
    """What a process that loads the parts is started with. Python frees memory of its own late, so there are no leaks
    to be told; and it hands out small pieces from large ones, unless the allocator is that of C."""
    return {
        **os.environ,
        "LD_PRELOAD": preload,
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
    }


def load() -> None:
    """Let every later import find these parts."""
    for module in PARTS:
        spec = importlib.util.spec_from_file_location(module, _built(module))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[module] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[module])


def _built(module: str) -> Path:
    return BUILT / f"{module.rpartition('.')[2]}.so"


def _compile(source: Path, built: Path) -> None:
    """Without the sanitizers at the end: which ones there are, the process says that loads it."""
    parts = []
    for each, flags in ((source, _FLAGS), (_COVERAGE, ["-O2", "-fPIC"])):
        parts.append(built.with_name(f"{built.stem}-{each.stem}-{os.getpid()}.o"))
        _run(*flags, f"-I{sysconfig.get_path('include')}", "-c", str(each), "-o", str(parts[-1]))
    whole = built.with_name(f"{built.stem}-{os.getpid()}.so")
    _run("-shared", *map(str, parts), "-o", str(whole))
    whole.replace(built)
    for part in parts:
        part.unlink()


def _run(*arguments: str) -> str:
    compiler = os.environ.get("CC", "cc")
    try:
        done = subprocess.run([compiler, *arguments], capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise ComponentMissing(f"there is no C compiler {compiler}; apt-get install gcc") from error
    except subprocess.CalledProcessError as error:
        raise ComponentMissing(f"{compiler} fails: {error.stderr[-2000:]}") from error
    return done.stdout
