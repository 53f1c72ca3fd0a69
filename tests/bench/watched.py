"""What it costs to be watched: CPU and memory with the listener on and scraped every second, beside off, in turn; and
how long a scrape takes over many files. Run it with `python -m tests.bench.watched`."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

from tests.bench.contenders import SIDECAR, Contender, Job
from tests.bench.logs import generate
from tests.bench.race import Entry, Run
from tests.bench.workloads import WORKLOADS
from tests.journey.processes import eventually, running
from tests.journey.processes import sidecar as command
from tests.servers.real_elasticsearch import free_port

_EVERY_S = 1.0


def scrape(port: int) -> tuple[float, int]:
    """(seconds, bytes) of one scrape. Raises `OSError`."""
    began = time.monotonic()
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", "/metrics")
        size = len(connection.getresponse().read())
    return time.monotonic() - began, size


@contextmanager
def scraped(port: int) -> Iterator[list[float]]:
    """Scrapes once a second until the block ends; how long each took."""
    took: list[float] = []
    over = threading.Event()

    def loop() -> None:
        while not over.wait(_EVERY_S):
            with suppress(OSError):  # it does not listen yet, or any more
                took.append(scrape(port)[0])

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield took
    finally:
        over.set()
        thread.join()


def race(lines: int, runs: int, folder: Path) -> dict[str, list[Run]]:
    """Off and on in turn, over the same log."""
    log, results = generate("json", lines, folder), dict[str, list[Run]](off=[], on=[])
    for _ in range(runs):
        for name in results:
            port = free_port()

            def on(job: Job, port: int = port) -> list[str]:
                return ["env", f"SIDECAR_ADMIN__LISTEN={port}", *SIDECAR.command(job)]

            contender = Contender(on) if name == "on" else SIDECAR
            with scraped(port) as took:
                results[name].append(Entry(name, contender, WORKLOADS["json"]).counted(log))
            print(f"{name}: {results[name][-1]}, {len(took)} scrapes", flush=True)
    return results


def many_files(count: int, folder: Path) -> list[float]:
    """Seconds of scrapes of a sidecar that follows so many files."""
    for number in range(count):
        place = folder / "log" / str(number % 20)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.log").write_text("one line\n")
    port, state = free_port(), folder / "state"
    arguments = (f"{folder}/log/*/*.log", "--to", f"sqlite:///{folder}/logs.db", "--state-dir", str(state))
    with running(folder / "own.log", *arguments, SIDECAR_ADMIN__LISTEN=str(port)):
        command("wait-ready", "--timeout", "120s", "--state-dir", str(state), timeout=150)
        eventually(lambda: f'what="stored"}} {count * 9}.0' in _metrics(port), "all is stored", timeout=300)
        return [scrape(port)[0] for _ in range(20)]


def _metrics(port: int) -> str:
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()


def main(arguments: Sequence[str]) -> int:
    """Print what was measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.watched", description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000, help="lines of the log")
    parser.add_argument("--runs", type=int, default=5, help="runs of each")
    parser.add_argument("--files", type=int, default=10_000, help="files that are followed")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        took = many_files(options.files, Path(folder))
        print(f"scrape, {options.files:,} files: median {statistics.median(took) * 1000:.1f} ms, "
              f"shortest {min(took) * 1000:.1f} ms, longest {max(took) * 1000:.1f} ms", flush=True)  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        results = race(options.lines, options.runs, Path(folder))
    pairs = list(zip(results["off"], results["on"], strict=True))
    ratio = statistics.median(on.cpu_s / off.cpu_s for off, on in pairs)
    memory = statistics.median(on.peak_mib - off.peak_mib for off, on in pairs)
    print(f"CPU on / off: {ratio:.3f}; peak memory on - off: {memory:.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
