"""An application that rotates its logs, a sidecar with two destinations that go down now and then, for a long time.

Exit code 1 if the sidecar took more and more, if a line is missing, or if its balance does not add up.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.servers import Null, null_server
from tests.chaos.soak.outages import Outages, TcpProxy
from tests.chaos.soak.programs import run_program
from tests.chaos.soak.samples import HEADER, Sample, courses, sample
from tests.support.processes import ended, running

_CATCH_UP_S = 120
_SINKS = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, and how often what happens; all in seconds."""

    seconds: float
    lines_per_s: float

    @property
    def sample_every(self) -> float:
        return min(5.0, self.seconds / 60)

    @property
    def rotate_every(self) -> float:
        return min(60.0, self.seconds / 6)

    @property
    def outage_every(self) -> float:
        return min(300.0, self.seconds / 2)

    @property
    def outage(self) -> float:
        return min(20.0, self.outage_every / 4)


@dataclass(frozen=True, slots=True)
class Found:
    """What there was at the end."""

    samples: Sequence[Sample]
    written: int
    in_sqlite: int
    received: int
    outages: int
    exit_code: int
    balances: Sequence[Mapping[str, Any]]

    def wrong(self) -> list[str]:
        """What is not as it has to be, a sentence each."""
        growing = [course for course in courses(self.samples) if course.has_grown]
        found = [f"{course.name}: {course.second:.1f} became {course.last:.1f}" for course in growing]
        if self.in_sqlite != self.written:
            found.append(f"{self.written:,} lines were written, {self.in_sqlite:,} are in SQLite")
        if self.received < self.written:
            found.append(f"{self.written:,} lines were written, Elasticsearch was sent {self.received:,}")
        if self.exit_code:
            found.append(f"the sidecar ended with exit code {self.exit_code}")
        if len(self.balances) != _SINKS:
            found.append(f"{len(self.balances)} balances for {_SINKS} destinations")
        return found + [wrong for balance in self.balances for wrong in self._unbalanced(balance)]

    def _unbalanced(self, balance: Mapping[str, Any]) -> Iterator[str]:
        name = balance["sink"]
        if balance["seen"] != sum(
            balance[kind] for kind in ("stored", "dead_letters", "skipped", "lost", "unsettled")
        ):
            yield f"the balance of {name} does not add up"
        if balance["lost"] or balance["unsettled"] or balance["dead_letters"]:
            yield f"not all was stored: {balance['message']}"
        if balance["lines_stored"] != self.written:
            yield f"{self.written:,} lines were written, the balance of {name} has {balance['lines_stored']:,}"


def main(arguments: Sequence[str]) -> int:
    """Run, print the table and what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("minutes", type=float, nargs="?", default=60)
    parser.add_argument("--lines-per-second", type=float, default=200)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = soak(Plan(options.minutes * 60, options.lines_per_second), Path(folder))
    print(f"{found.written:,} lines, {found.outages} outages, {len(found.samples)} samples\n\n{HEADER}")
    print("\n".join(course.row for course in courses(found.samples)))
    wrong = found.wrong()
    print("\n" + ("\n".join(wrong) or "every line is stored, the balance adds up"))
    return 1 if wrong else 0


def soak(plan: Plan, folder: Path) -> Found:
    """One life of a sidecar."""
    logs, database, said = folder / "logs", folder / "logs.db", folder / "sidecar.log"
    logs.mkdir()
    with null_server("elasticsearch") as null, _proxy(null) as proxy:
        to = ["--to", f"elasticsearch://127.0.0.1:{proxy.port}/logs", "--to", f"sqlite:///{database}"]
        with running(said, str(logs / "app-*.log*"), *to, "--state-dir", str(folder / "state")) as process:
            outages = Outages(proxy, database, plan.outage_every, plan.outage)
            given = (str(logs), str(plan.lines_per_s), str(plan.rotate_every))
            with run_program("tests.chaos.soak.application", *given) as application:
                outages.start()
                samples = list(_samples(process.pid, plan))
                outages.stop()
                written = int(application.communicate()[0])
            _wait_for(database, written)
            exit_code = ended(process)
        received = int(null.stats()["documents"])
    return Found(samples, written, _stored(database), received, outages.count, exit_code, _balances(said))


@contextmanager
def _proxy(null: Null) -> Iterator[TcpProxy]:
    proxy = TcpProxy(null.port)
    proxy.open()
    try:
        yield proxy
    finally:
        proxy.shut()


def _samples(pid: int, plan: Plan) -> Iterator[Sample]:
    until = time.monotonic() + plan.seconds
    while time.monotonic() < until:
        time.sleep(plan.sample_every)
        yield sample(pid)


def _wait_for(database: Path, lines: int) -> None:
    give_up_at = time.monotonic() + _CATCH_UP_S
    while _stored(database) < lines and time.monotonic() < give_up_at:
        time.sleep(0.5)


def _stored(database: Path) -> int:
    with closing(sqlite3.connect(database, timeout=30)) as db:
        return int(db.execute("SELECT count(*) FROM logs").fetchone()[0])


def _balances(said: Path) -> list[Mapping[str, Any]]:
    events = [json.loads(line) for line in said.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    return [event for event in events if event["event"] == "balance"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
