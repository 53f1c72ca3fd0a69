"""Seconds from `pip install` in an empty environment to the first document, by the commands of README.md.

`python -m tests.benchmarks.first_document` builds the wheel of this checkout, or takes the one that its argument
names. It needs the package index; what pip has cached counts as a user has it. The databases run already.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Callable
from pathlib import Path

import pymongo

from tests.support.processes import ENVIRON
from tests.support.servers import real_elasticsearch, wire_mongodb

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
LOG = "/var/log/app/*.log"
_LINES = 200
_PATIENCE_S = 60.0


def read_command(scheme: str) -> str:
    """Return the command of README.md that ships a log to a sink of this scheme."""
    return next(line.removeprefix("$ ") for line in README.read_text().splitlines()
                if re.match(rf"\$ sidecar run '{re.escape(LOG)}' --to '?{scheme}://", line))  # fmt: skip


def main(wheel: str | None = None) -> int:
    """Measure both databases and print a table."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        built = Path(wheel) if wheel else _build(folder / "dist")
        print("| step | Elasticsearch | MongoDB's protocol |\n| --- | --- | --- |")
        with real_elasticsearch.running() as url, wire_mongodb.running() as uri:
            host, port = url.split("://")[1], uri.split("://")[1].rstrip("/").split("/")[0]
            columns = [
                _measure(folder / "elasticsearch", built, read_command("elasticsearch"), "localhost:9200", host,
                         lambda: _count_in_elasticsearch(url)),
                _measure(folder / "mongodb", built, read_command("mongodb"), "localhost:27017", port,
                         lambda: _count_in_mongodb(uri)),
            ]  # fmt: skip
        for step in columns[0]:
            print(f"| {step} | {columns[0][step]:.1f} s | {columns[1][step]:.1f} s |")
    return 0


def _build(folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT], check=True
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def _measure(
    folder: Path, wheel: Path, command: str, documented: str, real: str, count: Callable[[], int]
) -> dict[str, float]:
    """Return the seconds of each step. `documented`: the address in the command, which `real` replaces."""
    logs = folder / "log"
    logs.mkdir(parents=True)
    lines = [json.dumps({"time": "2026-11-28T10:00:00Z", "level": "info", "n": n}) for n in range(_LINES)]
    (logs / "app.log").write_text("".join(f"{line}\n" for line in lines))
    environ = {
        **ENVIRON,
        "HOME": str(folder),
        "SIDECAR_STATE_DIR": f"{folder}/state",
        "PATH": f"{folder}/venv/bin:{os.environ['PATH']}",
    }
    moments = [time.monotonic()]
    venv.create(folder / "venv", with_pip=True)
    moments.append(time.monotonic())
    subprocess.run([folder / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", wheel], check=True)
    moments.append(time.monotonic())
    shell = command.replace(LOG, f"{logs}/*.log").replace(documented, real)
    with subprocess.Popen(
        ["bash", "-c", f"exec {shell}"], cwd=folder, env=environ, stderr=subprocess.PIPE
    ) as running:
        try:
            _wait_for(count, 1)
            moments.append(time.monotonic())
            _wait_for(count, _LINES)
            moments.append(time.monotonic())
        finally:
            running.kill()
    steps = ("create the environment", "pip install", "start to the first document", f"all {_LINES} documents")
    seconds = {name: after - before for name, before, after in zip(steps, moments, moments[1:], strict=False)}
    return {**seconds, "pip install to the first document": moments[3] - moments[1]}


def _wait_for(count: Callable[[], int], least: int) -> None:
    give_up_at = time.monotonic() + _PATIENCE_S
    while count() < least:
        if time.monotonic() > give_up_at:
            raise SystemExit(f"fewer than {least} documents after {_PATIENCE_S:.0f} s")
        time.sleep(0.05)


def _count_in_elasticsearch(url: str) -> int:
    try:
        with urllib.request.urlopen(f"{url}/logs/_count") as answer:
            return int(json.load(answer)["count"])
    except OSError:
        return 0


def _count_in_mongodb(uri: str) -> int:
    with pymongo.MongoClient[dict[str, object]](uri) as client:
        return client["logs"]["app"].count_documents({})


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
