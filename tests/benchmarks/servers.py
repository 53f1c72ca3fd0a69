"""Null servers in processes of their own, and what they say has come."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.benchmarks import null_mongodb

ROOT = Path(__file__).parents[2]


def as_installed() -> dict[str, str]:
    """The environment of a competitor: what Python compiled once is kept, as it is where the product is installed."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def as_in_image(folder: Path) -> dict[str, str]:
    """The environment of the image: no docstrings, and no extras. One of these brings a library that costs memory."""
    (folder / "requests.py").write_text('raise ImportError("not in the image")\n')
    return {**as_installed(), "PYTHONOPTIMIZE": "2", "PYTHONPATH": str(folder)}


def compile_as_in_image() -> None:
    """Compile all modules without docstrings. The image has its byte code; here the first start would compile it."""
    modules = [str(ROOT / "sidecar"), sysconfig.get_path("purelib")]
    subprocess.run(
        [sys.executable, "-OO", "-m", "compileall", "-q", "-q", *modules], check=False, capture_output=True
    )


@dataclass(frozen=True, slots=True)
class Null:
    """A null server that is running; `what` is the name of its module without the `null_`."""

    what: str
    port: int
    asked: IO[bytes]
    told: IO[bytes]

    def stats(self) -> dict[str, float]:
        """What came so far: requests, documents, bytes, and the CPU seconds of the server."""
        found: dict[str, float] = json.loads(self._answer("stats"))
        return found

    def documents(self) -> list[tuple[str, Mapping[str, Any]]]:
        """(id, document) of each, if they are kept; OTLP has no ids."""
        whole = self.told.read(int(self._answer("received")))
        if self.what == "mongodb":
            return list(null_mongodb.documents(whole))
        if self.what == "otlp":
            return [("", json.loads(line)) for line in whole.splitlines()]
        lines = iter(whole.split(b"\n"))
        pairs = zip(lines, lines, strict=False)  # what stands after the last line end is no action
        return [(_id(json.loads(action)), json.loads(document)) for action, document in pairs]

    def _answer(self, word: str) -> bytes:
        self.asked.write(f"{word}\n".encode())
        self.asked.flush()
        return self.told.readline()


def _id(action: Mapping[str, Mapping[str, str]]) -> str:
    return next(iter(action.values())).get("_id", "")


@contextmanager
def null_server(
    what: str, *, keep: bool = False, delay_s: float = 0.0, certificate: Path | None = None
) -> Iterator[Null]:
    """A null server of this name in a process of its own, whose answers are so many seconds late.

    `certificate`: the file with certificate and key with which it serves TLS.
    """
    options = [*(["--keep"] if keep else []), *(["--tls", str(certificate)] if certificate else [])]
    options += ["--delay", str(delay_s)]
    command = [sys.executable, "-m", f"tests.benchmarks.null_{what}", *options]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    with server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield Null(what, int(server.stdout.readline()), server.stdin, server.stdout)
        finally:
            server.kill()


@contextmanager
def null_servers(names: Sequence[str], *, keep: bool = False) -> Iterator[dict[str, Null]]:
    """One of each name."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(null_server(name, keep=keep)) for name in names}
