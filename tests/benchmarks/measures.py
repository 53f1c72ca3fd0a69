"""What else a sidecar costs: memory, idle files, lines that are flushed one by one, latency, the start, growth."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.benchmarks import plot
from tests.benchmarks.comparison import Entry, Incomplete
from tests.benchmarks.competitors import SIDECAR
from tests.benchmarks.live import Live, running, sidecar, written
from tests.benchmarks.logs import generate
from tests.benchmarks.report import machine
from tests.benchmarks.servers import ROOT, as_installed, compile_as_in_image
from tests.benchmarks.workloads import WORKLOADS, Workload
from tests.support.servers import real_elasticsearch

HEADER = "| measure | of | figure | goal |\n| --- | --- | ---: | --- |"
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: `largest_mib` of backlog, `most_files`, and `seconds` for what takes time."""

    largest_mib: int
    most_files: int
    seconds: float


@dataclass(slots=True)
class Found:
    """Rows of the table, and plots by the name of their file."""

    rows: list[str] = field(default_factory=list)
    plots: dict[str, str] = field(default_factory=dict)

    def add(self, measure: str, of: str, figure: str, goal: str) -> None:
        """A row, printed at once."""
        self.rows.append(f"| {measure} | {of} | {figure} | {goal} |")
        print(self.rows[-1], flush=True)


def backlog(effort: Effort, folder: Path, found: Found) -> None:
    """Peak memory and CPU time a line as the backlog grows tenfold from 10 MB."""
    block = generate("json", 40_000, folder).read_bytes()
    memory, cost = [], []
    size = 10
    while size <= effort.largest_mib:
        log = folder / "backlog.log"
        repeats = max(1, size * _MIB // len(block))
        with log.open("wb") as out:
            for _ in range(repeats):
                out.write(block)
        run = Entry("sidecar", SIDECAR, WORKLOADS["json"]).counted(log)
        log.unlink()
        memory.append((float(size), run.peak_mib))
        cost.append((float(size), run.cpu_s / repeats / 40_000 * 1e6))
        found.add("peak memory", f"{size:,} MiB of backlog", f"{run.peak_mib:.0f} MiB", "64 MiB, flat")
        found.add("CPU time", f"{size:,} MiB of backlog", f"{cost[-1][1]:.2f} µs a line", "linear")
        size *= 10
    found.plots["memory.svg"] = plot.lines("Peak memory", ("MiB of backlog", "MiB"), {"sidecar": memory})
    found.plots["growth.svg"] = plot.lines("CPU time of a line", ("MiB of backlog", "µs"), {"sidecar": cost})


def files(effort: Effort, folder: Path, found: Found) -> None:
    """CPU time of the same 40,000 lines in ever more files: each has a checkpoint of its own."""
    lines = generate("json", 40_000, folder).read_bytes().splitlines(keepends=True)
    costs = []
    for number in (count for count in (1, 10, 100, 1_000, 10_000) if count <= effort.most_files):
        with tempfile.TemporaryDirectory(dir=folder) as logs:
            for file in range(number):
                (Path(logs) / f"{file}.log").write_bytes(b"".join(lines[file::number]))
            job = Workload("json", {"parser": "json", "paths": [f"{logs}/*.log"]})
            all_lines = folder / "files.log"
            all_lines.write_bytes(b"".join(lines))
            run = Entry("sidecar", SIDECAR, job).counted(all_lines)
        costs.append((float(number), run.cpu_s))
        found.add("CPU time", f"40,000 lines in {number:,} files", f"{run.cpu_s:.2f} s", "linear")
    found.plots["files.svg"] = plot.lines("CPU time of 40,000 lines", ("files", "s"), {"sidecar": costs})


def checkpoints(effort: Effort, folder: Path, found: Found) -> None:
    """CPU time of a start and the same 40,000 lines, beside ever more files that an earlier sidecar has delivered."""
    costs = []
    for number in (count for count in (1, 10, 100, 1_000, 10_000) if count <= effort.most_files):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            logs, state = Path(place) / "logs", Path(place) / "state"
            logs.mkdir()
            for file in range(number):
                (logs / f"{file}.log").write_text("one line\n")
            with running(f"{logs}/*.log", state=state) as earlier:
                earlier.wait_for(number)
            (logs / "new.log").write_bytes(generate("json", 40_000, folder).read_bytes())
            with running(f"{logs}/*.log", state=state) as live:
                live.wait_for(40_000)
                cpu_s, came = live.cpu_s(), live.count()
        if came != 40_000:
            raise Incomplete(f"40,000 new lines, {came:,} documents")
        costs.append((float(number), cpu_s))
        found.add("CPU time", f"40,000 lines beside {number:,} known files", f"{cpu_s:.2f} s", "linear")
    drawn = plot.lines("CPU time of a start and 40,000 lines", ("known files", "s"), {"sidecar": costs})
    found.plots["checkpoints.svg"] = drawn


_POD_GOALS = {"elasticsearch": "25 MiB", "mongodb": "28 MiB"}
RETURN_S = 22.0
"""Seconds in which a quiet sidecar returns the memory that it needed for a burst."""

_WARM_S = 62.0
"""Seconds after its last line in which a file is polled more often."""


def pod(effort: Effort, folder: Path, found: Found) -> None:
    """What each Pod costs, in the environment of the image: a quiet file, one line a second, and full load."""
    compile_as_in_image()
    for server, goal in _POD_GOALS.items():
        with tempfile.TemporaryDirectory(dir=folder) as logs:
            log = Path(logs) / "app.log"
            log.write_text("the first line\n" * 100)
            with running(f"{logs}/*.log", server=server, tls=server == "elasticsearch", in_image=True) as live:
                live.wait_for(100)
                began_at = live.cpu_s()
                time.sleep(min(_WARM_S, effort.seconds * 2))
                at_rest = live.anonymous_mib()
                idle_mcpu = _milli_cpu(live, partial(time.sleep, effort.seconds))
                lines = max(1, int(effort.seconds))
                lonely_mcpu = _milli_cpu(live, partial(written, log, 1, lines, lambda _: None))
        found.add("CPU time", f"start, {server}", f"{began_at:.2f} s", "0.30 s")
        found.add("anonymous memory", f"at rest, {server}", f"{at_rest:.1f} MiB", goal)
        found.add("CPU time", f"at rest, {server}", f"{idle_mcpu:.1f} mCPU", "0.5 mCPU")
        found.add("CPU time", f"1 line/s, {server}", f"{lonely_mcpu:.1f} mCPU", "2 mCPU")
        peak, after = memory_of_load(int(20_000 * effort.seconds), folder, server, min(RETURN_S, effort.seconds))
        found.add("anonymous memory", f"peak under load, {server}", f"{peak:.1f} MiB", "60 MiB")
        found.add("anonymous memory", f"quiet after load, {server}", f"{after:.1f} MiB", "30 MiB")


def _milli_cpu(live: Live, work: Callable[[], object]) -> float:
    """Thousandths of a core that the sidecar uses while this works."""
    before, began = live.cpu_s(), time.monotonic()
    work()
    return (live.cpu_s() - before) / (time.monotonic() - began) * 1000


def memory_of_load(lines: int, folder: Path, server: str, quiet_s: float) -> tuple[float, float]:
    """The most anonymous memory in MiB while a sidecar ships so many lines of JSON, and after `quiet_s` seconds."""
    log = generate("json", lines, folder)
    peak = 0.0
    with running(str(log), parser="json", server=server, tls=server == "elasticsearch", in_image=True) as live:
        while live.count() < lines:
            peak = max(peak, live.anonymous_mib())
            time.sleep(0.02)
        time.sleep(quiet_s)
        return peak, live.anonymous_mib()


_IDLE = {1: "0.1 %, 50 MiB", 1_000: "0.5 %, 54 MiB", 10_000: "4 %, 80 MiB"}


def idle(effort: Effort, folder: Path, found: Found) -> None:
    """CPU time and memory over files that nobody writes."""
    for number in (count for count in _IDLE if count <= effort.most_files):
        with tempfile.TemporaryDirectory(dir=folder) as logs:
            for file in range(number):
                (Path(logs) / f"{file}.log").write_text("one line\n")
            with running(f"{logs}/*.log") as live:
                live.wait_for(number)
                time.sleep(effort.seconds)  # what was opened is closed, what was counted is written
                before, began = live.cpu_s(), time.monotonic()
                time.sleep(effort.seconds)
                share = (live.cpu_s() - before) / (time.monotonic() - began)
                memory = f"{live.resident_mib():.0f} MiB, {live.anonymous_mib():.0f} MiB of it anonymous"
                figure = f"{share:.2%} of a core, {memory}"
        found.add("idle", f"{number:,} quiet files", figure, _IDLE[number])


def flushed(effort: Effort, folder: Path, found: Found) -> None:
    """CPU time beside an application that flushes each of 5,000 lines a second."""
    lines = int(5_000 * effort.seconds)
    with tempfile.TemporaryDirectory(dir=folder) as logs, running(f"{logs}/*.log") as live:
        log = Path(logs) / "app.log"
        log.write_text("the first line\n")
        live.wait_for(1)
        before, began = live.cpu_s(), time.monotonic()
        written(log, 5_000, lines, lambda _: None)
        live.wait_for(lines + 1)
        share = (live.cpu_s() - before) / (time.monotonic() - began)
    found.add("flushing application", "5,000 lines/s", f"{share:.1%} of a core", "3 %")


def latency(effort: Effort, folder: Path, found: Found) -> None:
    """Milliseconds from a line that is written to its document that is accepted."""
    for rate in (1, 100):
        for name, sink, goal in (
            ("defaults", {}, "median 100 ms, p99 500 ms"),
            ("linger 0", {"linger": 0}, "median 20 ms"),
        ):
            delays = sorted(_delays(rate, int(max(10, rate * effort.seconds)), sink, folder))
            p99 = delays[int(len(delays) * 0.99)]
            figure = f"median {statistics.median(delays):.0f} ms, p99 {p99:.0f} ms"
            found.add("written → accepted", f"{rate} lines/s, {name}", figure, goal)


def _delays(rate: int, lines: int, sink: Mapping[str, object], folder: Path) -> list[float]:
    """The delay of each line; the count of documents is looked at every millisecond."""
    sent: list[float] = []
    delays: list[float] = []
    with tempfile.TemporaryDirectory(dir=folder) as logs, running(f"{logs}/*.log", sink) as live:
        log = Path(logs) / "app.log"
        log.write_text("the first line\n")
        live.wait_for(1)

        def came(number: int) -> None:
            if number > len(sent):
                sent.append(time.monotonic())
            there, now = live.count() - 1, time.monotonic()
            delays.extend((now - then) * 1000 for then in sent[len(delays) : there])

        written(log, rate, lines, came)
        last = live.wait_for(lines + 1)
        delays.extend((last - then) * 1000 for then in sent[len(delays) :])
    return delays


def first_line(effort: Effort, folder: Path, found: Found) -> None:
    """Milliseconds from the first line of a file to its document, with the defaults."""
    for kind in ("new file", "empty file"):
        delays = []
        with tempfile.TemporaryDirectory(dir=folder) as logs, running(f"{logs}/*.log") as live:
            (Path(logs) / "app.log").write_text("one line\n")
            live.wait_for(1)
            for number in range(int(max(10, effort.seconds))):
                log = Path(logs) / f"{number}.log"
                if kind == "empty file":
                    log.touch()
                time.sleep(1 + number % 7 / 10)  # any moment between two scans
                began = time.monotonic()
                log.write_text(f"the first line of file {number}\n")  # one alike would be held: it may be a copy
                delays.append((live.wait_for(number + 2) - began) * 1000)
        figure = f"median {statistics.median(delays):.0f} ms, longest {max(delays):.0f} ms"
        found.add("first line → accepted", kind, figure, "200 ms")


def start(effort: Effort, folder: Path, found: Found) -> None:
    """Milliseconds of the start."""
    versions, documents = [], []
    subprocess.run(sidecar("run", "--help"), cwd=ROOT, env=as_installed(), check=True, stdout=subprocess.DEVNULL)
    for _ in range(5):
        began = time.monotonic()
        subprocess.run(sidecar("version"), cwd=ROOT, env=as_installed(), check=True, stdout=subprocess.DEVNULL)
        versions.append((time.monotonic() - began) * 1000)
        with tempfile.TemporaryDirectory(dir=folder) as logs:
            (Path(logs) / "app.log").write_text("one line\n")
            with running(f"{logs}/*.log") as live:
                documents.append((live.wait_for(1) - live.began) * 1000)
    found.add("start", "to the first document", f"{statistics.median(documents):.0f} ms", "900 ms")
    found.add("start", "`sidecar version`", f"{statistics.median(versions):.0f} ms", "150 ms")


def distance(effort: Effort, folder: Path, found: Found) -> None:
    """Throughput to a server whose answers are late, with the default number of requests in flight."""
    lines = int(50_000 * effort.seconds)
    log = generate("json", lines, folder)
    size_mib = log.stat().st_size / _MIB
    goals = {("elasticsearch", 50): "60 MiB/s", ("elasticsearch", 500): "20 MiB/s"}
    for server in ("elasticsearch", "mongodb"):
        for delay_ms in (0, 50, 500):
            with running(str(log), parser="json", server=server, delay_s=delay_ms / 1000) as live:
                began = live.wait_for(1)
                seconds = live.wait_for(lines) - began
                rate, peak = f"{size_mib / seconds:.0f} MiB/s", f"{live.peak_mib():.0f} MiB peak"
                figure = f"{rate}, {lines / seconds:,.0f} lines/s, {peak}, {live.cpu_s() / lines * 1e6:.2f} µs a line"
            found.add(
                "throughput over distance", f"{delay_ms} ms, {server}", figure, goals.get((server, delay_ms), "")
            )


def real(effort: Effort, folder: Path, found: Found) -> None:
    """Who is the limit with a real Elasticsearch on this machine: the CPU time of either over the same lines."""
    lines = int(20_000 * effort.seconds)
    log = generate("json", lines, folder)
    with real_elasticsearch.running() as url, tempfile.TemporaryDirectory(dir=folder) as state:
        to = f"elasticsearch://{url.removeprefix('http://')}/logs"
        command = sidecar("run", str(log), "--parser", "json", "--to", to, "--state-dir", state, "--once")
        before, began = _elasticsearch_cpu_s(url), time.monotonic()
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall_s, theirs = time.monotonic() - began, _elasticsearch_cpu_s(url) - before
        stored = (
            _asked(f"{url}/logs/_count?ignore_unavailable=true")["count"] if _asked(f"{url}/logs/_refresh") else 0
        )
    if process.returncode or stored != lines:
        raise Incomplete(f"{lines:,} lines, {stored:,} documents, exit code {process.returncode}")
    ours = used.ru_utime + used.ru_stime
    found.add("real Elasticsearch", f"{lines:,} JSON lines", f"{lines / wall_s:,.0f} lines/s", "it is the limit")
    figure = f"{theirs / wall_s:.2f} cores, the sidecar {ours / wall_s:.2f}: {theirs / ours:.0f} times as much"
    found.add("real Elasticsearch", "its CPU time", figure, "it is the limit")


def _elasticsearch_cpu_s(url: str) -> float:
    """CPU seconds of the server since its start (Nodes stats API)."""
    (node,) = _asked(f"{url}/_nodes/stats/process")["nodes"].values()
    milliseconds: int = node["process"]["cpu"]["total_in_millis"]
    return milliseconds / 1000


def _asked(url: str) -> Any:
    with urlopen(url, timeout=60) as answer:
        return json.load(answer)


MEASURES: Mapping[str, Callable[[Effort, Path, Found], None]] = {
    "start": start,
    "latency": latency,
    "first_line": first_line,
    "flushed": flushed,
    "pod": pod,
    "idle": idle,
    "backlog": backlog,
    "files": files,
    "checkpoints": checkpoints,
    "distance": distance,
    "real": real,
}


def main(arguments: Sequence[str]) -> int:
    """Print the table. Exit code 1 if a document is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.measures", description=__doc__)
    parser.add_argument("--only", choices=MEASURES, action="append", help="only this one; may be given again")
    parser.add_argument("--largest", type=int, metavar="MiB", help="the largest backlog; 1000 unless told")
    parser.add_argument("--most-files", type=int, metavar="N", help="files at most; 10,000 unless told")
    parser.add_argument("--seconds", type=float, help="for what is measured over time; 30 unless told")
    parser.add_argument("--quick", action="store_true", help="100 MiB, 1,000 files, 5 seconds unless told")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table here, too")
    parser.add_argument("--plots", type=Path, metavar="DIRECTORY", help="draw what grows")
    options = parser.parse_args(arguments)
    usual = Effort(100, 1_000, 5.0) if options.quick else Effort(1_000, 10_000, 30.0)
    effort = Effort(
        options.largest or usual.largest_mib, options.most_files or usual.most_files, options.seconds or usual.seconds
    )
    found = Found()
    print(f"{machine()}\n\n{HEADER}", flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="log-sidecar-measures-") as folder:
            for name in options.only or MEASURES:
                MEASURES[name](effort, Path(folder), found)
    except Incomplete as missing:
        print(f"\nno figure, because what arrived is not the log: {missing}", file=sys.stderr)
        return 1
    if options.markdown:
        options.markdown.write_text("\n".join([f"{machine()}.", "", HEADER, *found.rows, ""]), encoding="utf-8")
    if options.plots:
        options.plots.mkdir(parents=True, exist_ok=True)
        for file, drawn in found.plots.items():
            (options.plots / file).write_text(drawn, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
