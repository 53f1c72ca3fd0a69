"""What a number of real sidecars ask of one destination, next to what `fleet` computes for as many Pods.

`python -m tests.benchmarks.real_fleet --pods 50` starts them together, lets lines arrive at random, answers 503 for a
while, and counts requests. It ends with the comparison of what was written and what was stored.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from heapq import heapify, heapreplace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.benchmarks.comparison import Incomplete
from tests.benchmarks.fleet import Fleet, requests_per_s, simulate_outage
from tests.benchmarks.live import Cost, sidecar
from tests.benchmarks.servers import ROOT, as_in_image, compile_as_in_image

_CREATED = '{"create":{"status":201}}'
_LINE = re.compile(rb"line (\d+) of Pod (\d+)")


@dataclass
class Requests:
    """Bulk requests that have come; shared by the threads of the server."""

    is_up: bool = True
    accepted: list[tuple[float, int, int]] = field(default_factory=list)
    """(time, Pod, documents) of each."""

    refused: list[tuple[float, int]] = field(default_factory=list)
    """(time, Pod) of each."""

    stored: Counter[tuple[int, int]] = field(default_factory=Counter)
    """How often each line, (Pod, number), was stored under a new id."""

    ids: set[bytes] = field(default_factory=set)
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def accept(self, pod: int, body: bytes) -> int:
        """Store the documents of a bulk request. Return their number."""
        lines = body.split(b"\n")
        with self.lock:
            for action, document in zip(lines[0:-1:2], lines[1::2], strict=True):
                found = _LINE.search(document)
                assert found is not None
                if action not in self.ids:
                    self.ids.add(action)
                    self.stored[int(found[2]), int(found[1])] += 1
            self.accepted.append((time.monotonic(), pod, len(lines) // 2))
        return len(lines) // 2


class _Handler(BaseHTTPRequestHandler):
    """Serves the bulk API of Elasticsearch."""

    requests: Requests
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        with self.requests.lock:
            self.requests.connections += 1

    def finish(self) -> None:
        super().finish()
        with self.requests.lock:
            self.requests.connections -= 1

    def do_GET(self) -> None:
        self._answer(200, '{"version":{"number":"9.0.0","build_flavor":"default"},"tagline":"You Know, for Search"}')

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.path.partition("?")[0].endswith("/_bulk"):
            self._answer(200, "{}")
            return
        pod = int(self.headers["X-Pod"])
        if not self.requests.is_up:
            with self.requests.lock:
                self.requests.refused.append((time.monotonic(), pod))
            self._answer(503, "{}")
            return
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        items = ",".join([_CREATED] * self.requests.accept(pod, body))
        self._answer(200, f'{{"errors":false,"items":[{items}]}}')

    def do_POST(self) -> None:
        self.do_PUT()

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", self.headers.get("Accept", "application/json"))
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


@contextmanager
def destination(requests: Requests) -> Iterator[int]:
    """Serve the bulk API of Elasticsearch. Requests have the number of their Pod in a header. Yield the port."""
    handler = type("Handler", (_Handler,), {"requests": requests})
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


class Applications(threading.Thread):
    """Write lines into the log of each Pod at random moments, all with the same mean rate, until `stop`."""

    def __init__(self, folder: Path, fleet: Fleet) -> None:
        super().__init__()
        self._logs = [(folder / f"{pod}.log").open("ab", buffering=0) for pod in range(fleet.pods)]
        self._rate, self._chance, self._is_over = fleet.lines_per_s, random.Random(7), threading.Event()
        self.written = [0] * fleet.pods

    def run(self) -> None:
        now = time.monotonic()
        due = [(now + self._chance.expovariate(self._rate), pod) for pod in range(len(self._logs))]
        heapify(due)
        while not self._is_over.wait(max(0.0, due[0][0] - time.monotonic())):
            at, pod = due[0]
            self._logs[pod].write(b"line %d of Pod %d, of an application that is alike in all of them\n"
                                  % (self.written[pod], pod))  # fmt: skip
            self.written[pod] += 1
            heapreplace(due, (at + self._chance.expovariate(self._rate), pod))

    def stop(self) -> None:
        """Write nothing more."""
        self._is_over.set()
        self.join()
        for log in self._logs:
            log.close()


@contextmanager
def sidecars(folder: Path, pods: int, port: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start a sidecar for each Pod, all together, as the image starts them."""
    environ, started = as_in_image(folder), []
    for pod in range(pods):
        sink = {
            "type": "elasticsearch",
            "url": f"elasticsearch://127.0.0.1:{port}/logs",
            "headers": {"X-Pod": str(pod)},
        }
        file = folder / f"{pod}.json"
        file.touch(0o600)
        file.write_text(json.dumps({
            "state_dir": f"{folder}/state{pod}", "sinks": {"search": sink},
            "pipelines": {"app": {"paths": [f"{folder}/{pod}.log"], "parser": "plain"}},
        }))  # fmt: skip
        with (folder / f"{pod}.own").open("wb") as own:
            command = sidecar("run", "--config", str(file))
            started.append(subprocess.Popen(command, cwd=ROOT, env=environ, stdout=own, stderr=own))
    try:
        yield started
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


def wait_for_all(requests: Requests, pods: int, since: float, limit_s: float = 120) -> float:
    """Return the seconds from `since` until each Pod has been accepted. Raise `Incomplete` after the limit."""
    while time.monotonic() < since + limit_s:
        first = first_by_pod(requests, since)
        if len(first) == pods:
            return max(first.values()) - since
        time.sleep(0.1)
    raise Incomplete(f"after {limit_s:.0f} s only {len(first)} of {pods} Pods have been accepted")


def first_by_pod(requests: Requests, since: float) -> dict[int, float]:
    """Return the time of the first accepted request of each Pod after `since`."""
    with requests.lock:
        return {pod: at for at, pod, _ in reversed(requests.accepted) if at >= since}


def wait_for_lines(requests: Requests, written: Sequence[int], limit_s: float = 120) -> None:
    """Wait until every line is stored. Raise `Incomplete` if one is missing or stored twice."""
    limit = time.monotonic() + limit_s
    while len(requests.stored) < sum(written) and time.monotonic() < limit:
        time.sleep(0.1)
    twice = sum(count > 1 for count in requests.stored.values())
    if twice or len(requests.stored) != sum(written):
        raise Incomplete(f"{sum(written):,} lines were written, {len(requests.stored):,} stored, {twice:,} twice")


def measure(fleet: Fleet, normal_s: float, outage_s: float, folder: Path) -> list[tuple[str, str, str]]:
    """Return rows (what, measured, computed). Raise `Incomplete` if what is stored is not what was written."""
    requests, rows = Requests(), []
    chance = random.Random(7)
    with destination(requests) as port:
        applications = Applications(folder, fleet)
        applications.start()
        began = time.monotonic()
        with sidecars(folder, fleet.pods, port) as processes:
            rows.append(("first request of the last Pod after the start of all",
                         f"{wait_for_all(requests, fleet.pods, began):.1f} s", ""))  # fmt: skip
            live = [Cost(process.pid) for process in processes]
            time.sleep(min(10.0, normal_s))  # what a start costs is over
            since, cpu = time.monotonic(), sum(each.cpu_s() for each in live)
            time.sleep(normal_s)
            normal = [documents for at, _, documents in requests.accepted if at >= since]
            cpu = (sum(each.cpu_s() for each in live) - cpu) / normal_s / fleet.pods
            computed = requests_per_s(fleet, chance)
            rows += [
                ("requests/s", f"{len(normal) / normal_s:.0f}", f"{computed:.0f}"),
                ("documents in a request", f"{sum(normal) / len(normal):.1f}",
                 f"{max(1.0, fleet.pods * fleet.lines_per_s / computed):.1f}"),
                ("connections", f"{requests.connections}", f"{fleet.pods}"),
                ("CPU of a sidecar", f"{1000 * cpu:.1f} ms/s", ""),
                ("memory of a sidecar (Anonymous)",
                 f"{sum(each.anonymous_mib() for each in live) / fleet.pods:.0f} MiB", ""),
            ]  # fmt: skip
            requests.is_up = False
            time.sleep(outage_s)
            requests.is_up, back = True, time.monotonic()
            expected = simulate_outage(fleet, outage_s, chance)
            window = min(60.0, outage_s)
            during = sum(at >= back - window for at, _ in requests.refused)
            all_back = wait_for_all(requests, fleet.pods, back)
            busiest = max(Counter(int(at - back) for at in first_by_pod(requests, back).values()).values())
            rows += [
                ("attempts/s at the end of the outage", f"{during / window:.1f}", f"{expected.per_s_during:.1f}"),
                ("first requests in the busiest second after it", f"{busiest}", f"{expected.peak_per_s_after}"),
                ("all Pods are back after", f"{all_back:.0f} s", f"{expected.all_back_after_s:.0f} s"),
            ]  # fmt: skip
            applications.stop()
            wait_for_lines(requests, applications.written)
            lines = f"{sum(applications.written):,}"
            rows.append(("lines written, and stored once", lines, lines))
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table. Return 1, and print no figures, if a line is missing or stored twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=50)
    parser.add_argument("--lines-per-s", type=float, default=1.0, help="of each Pod")
    parser.add_argument("--seconds", type=float, default=60.0, help="of normal operation")
    parser.add_argument("--outage", type=float, default=180.0, help="seconds; compare the attempts only from 60 on")
    given = parser.parse_args(arguments)
    compile_as_in_image()
    with tempfile.TemporaryDirectory() as folder:
        try:
            rows = measure(Fleet(given.pods, given.lines_per_s), given.seconds, given.outage, Path(folder))
        except Incomplete as missing:
            print(f"no figures, because what is stored is not what was written: {missing}", file=sys.stderr)
            return 1
    print("| | measured | computed |\n| --- | --- | --- |")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(f"\nload of the machine: {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
