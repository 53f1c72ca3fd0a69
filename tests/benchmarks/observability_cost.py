"""What it costs to be watched: how long a scrape takes over many files; CPU and memory with the listener on and
scraped every second, beside off, in turn; and, since CPU times differ by more than that from run to run, the same in
instructions, of which there are as many each time. Run it with `python -m tests.benchmarks.observability_cost`."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

from tests.benchmarks.comparison import Entry, Run
from tests.benchmarks.competitors import SIDECAR, Competitor, Job
from tests.benchmarks.logs import generate
from tests.benchmarks.servers import null_servers
from tests.benchmarks.workloads import WORKLOADS
from tests.support.processes import eventually, running
from tests.support.processes import sidecar as command
from tests.support.servers.real_elasticsearch import free_port

_SCRAPE = {"/metrics": 1.0}
"""Target to seconds from one request to the next."""

_PAGE = {"/status.json": 2.0, "/history.json": 10.0}
"""The same of an open page (sidecar/admin/page/page.js)."""

_TIMES = 100
"""So many requests are enough to tell one of them from what goes on besides."""


def answer(port: int, target: str = "/metrics", timeout_s: float = 20) -> str:
    """What comes back, by default of a scrape. Raises `OSError`."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=timeout_s)) as connection:
        connection.request("GET", target)
        return connection.getresponse().read().decode()


def scrape_s(port: int) -> float:
    """Seconds that one scrape takes. Raises `OSError`."""
    began = time.monotonic()
    answer(port)
    return time.monotonic() - began


@contextmanager
def asked(port: int, every_s: Mapping[str, float]) -> Iterator[None]:
    """Asks for each target once in so many seconds until the block ends."""
    over = threading.Event()

    def ask(target: str, every_s: float) -> None:
        while not over.wait(every_s):
            with suppress(OSError):  # it does not listen yet, or any more
                answer(port, target)

    threads = [threading.Thread(target=ask, args=each) for each in every_s.items()]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def measure(lines: int, runs: int, folder: Path) -> dict[str, list[Run]]:
    """Off, scraped, and scraped with an open page in turn, over the same log."""
    log = generate("json", lines, folder)
    asks: dict[str, Mapping[str, float]] = {"off": {}, "scraped": _SCRAPE, "with a page": {**_SCRAPE, **_PAGE}}
    results: dict[str, list[Run]] = {name: [] for name in asks}
    for _ in range(runs):
        for name, every_s in asks.items():
            port = free_port()

            def on(job: Job, port: int = port) -> list[str]:
                return ["env", f"SIDECAR_ADMIN__LISTEN={port}", *SIDECAR.command(job)]

            competitor = Competitor(on) if every_s else SIDECAR
            with asked(port, every_s):
                results[name].append(Entry(name, competitor, WORKLOADS["json"]).counted(log))
            print(f"{name}: {results[name][-1]}", flush=True)
    return results


def many_files(count: int, folder: Path) -> list[float]:
    """Seconds of scrapes of a sidecar that follows so many files."""
    for number in range(count):
        place = folder / "log" / str(number % 20)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.log").write_text("one line\n")
    port, state = free_port(), folder / "state"
    options = ("--parser", "plain", "--state-dir", str(state))
    arguments = (f"{folder}/log/*/*.log", "--to", f"sqlite:///{folder}/logs.db", *options)
    with running(folder / "own.log", *arguments, SIDECAR_ADMIN__LISTEN=str(port)):
        command("wait-ready", "--timeout", "120s", "--state-dir", str(state), timeout=150)
        eventually(lambda: f'what="stored"}} {count * 9}.0' in answer(port), "all is stored", timeout=300)
        return [scrape_s(port) for _ in range(20)]


def instructions(log: Path, lines: int, *targets: str, listens: bool = True) -> int:
    """User-mode instructions of a sidecar that delivers so many lines, answers these requests, and ends."""
    port = free_port()
    with null_servers(["elasticsearch"]) as nulls, tempfile.TemporaryDirectory() as folder:
        job = Job(WORKLOADS["json"], log, {name: null.port for name, null in nulls.items()}, Path(folder))
        command = [word for word in SIDECAR.command(job) if word != "--once"]
        counts = f"{folder}/counts"
        environ = {**os.environ, "PYTHONHASHSEED": "0", **({"SIDECAR_ADMIN__LISTEN": str(port)} if listens else {})}
        process = subprocess.Popen(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counts}", *command],
            stderr=subprocess.DEVNULL, env=environ,
        )  # fmt: skip
        try:
            eventually(lambda: nulls["elasticsearch"].stats()["documents"] >= lines, "all has come", timeout=1800)
            for target in targets:
                answer(port, target, timeout_s=120)
            process.terminate()
            process.wait(300)
        finally:
            process.kill()
        found = re.search(r"^(?:summary|totals): (\d+)$", Path(counts).read_text(), re.MULTILINE)
        assert found, "valgrind has counted nothing"
        return int(found[1])


def in_instructions(lines: int, lines_a_second: float, folder: Path) -> None:
    """Print what a line, a scrape and an open page cost, and what that is of the work of a second."""
    one, many = generate("json", 1, folder), generate("json", lines, folder)
    begun = {listens: instructions(one, 1, listens=listens) for listens in (False, True)}
    each = {on: (instructions(many, lines, listens=on) - begun[on]) / (lines - 1) for on in begun}
    _tell("a line, off", each[False])
    _tell("a line, on", each[True])
    _tell("to listen, once", begun[True] - begun[False])
    cost = {}
    for target in (*_SCRAPE, *_PAGE):
        first = instructions(one, 1, target)
        cost[target] = (instructions(one, 1, *[target] * (_TIMES + 1)) - first) / _TIMES
        _tell(f"{target}, for the first time", first - begun[True])
        _tell(f"{target}, each further time", cost[target])
    shipping = lines_a_second * each[False]
    print(f"of {lines_a_second:,.0f} lines/s: a line {each[True] / each[False] - 1:+.2%}, "
          f"a scrape every second {_sum(cost, _SCRAPE) / shipping:+.2%}, "
          f"an open page {_sum(cost, _PAGE) / shipping:+.2%}")  # fmt: skip


def _sum(cost: Mapping[str, float], every_s: Mapping[str, float]) -> float:
    return sum(cost[target] / seconds for target, seconds in every_s.items())


def _tell(what: str, count: float) -> None:
    print(f"{what}: {count:,.0f} instructions", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Print what was measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.observability_cost", description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000, help="lines of the log")
    parser.add_argument("--runs", type=int, default=5, help="runs of each")
    parser.add_argument("--files", type=int, default=10_000, help="files that are followed")
    parser.add_argument(
        "--counted", type=int, default=100_000, help="lines whose instructions are counted (valgrind)"
    )
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        took = many_files(options.files, Path(folder))
        print(f"scrape, {options.files:,} files: median {statistics.median(took) * 1000:.1f} ms, "
              f"shortest {min(took) * 1000:.1f} ms, longest {max(took) * 1000:.1f} ms", flush=True)  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        results = measure(options.lines, options.runs, Path(folder))
    for name in list(results)[1:]:
        pairs = list(zip(results["off"], results[name], strict=True))
        ratio = statistics.median(on.cpu_s / off.cpu_s for off, on in pairs)
        memory = statistics.median(on.peak_mib - off.peak_mib for off, on in pairs)
        print(f"{name} / off: CPU {ratio:.3f}; peak memory {memory:+.1f} MiB")
    if shutil.which("valgrind"):
        with tempfile.TemporaryDirectory() as folder:
            speed = statistics.median(options.lines / off.cpu_s for off in results["off"])
            in_instructions(options.counted, speed, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
