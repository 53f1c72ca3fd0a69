"""One run of the torture: an application writes, the sidecar is killed, chaos reigns; then everything is compared."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.torture.comparison import Findings, compare
from tests.chaos.torture.destinations import Destination, Elasticsearch, Kafka, Mongodb, Sqlite, behind
from tests.chaos.torture.lines import MAX_LINE, Writer
from tests.chaos.torture.proxied_broker import ProxiedBroker
from tests.chaos.torture.proxy import CALM, RARE, USUAL, Chances
from tests.chaos.torture.rotations import ROTATIONS
from tests.support.processes import ENVIRON

WRITERS = 3


@dataclass(frozen=True, slots=True)
class Servers:
    """The real servers; empty where a case needs none."""

    elasticsearch: str = ""
    mongodb: str = ""
    kafka: ProxiedBroker | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What is tortured. `dead`: this sink is down for the first half of the lines."""

    rotation: str
    sinks: tuple[str, ...]
    lines: int = 20_000
    per_second: int = 4_000
    kills: int = 6
    seed: int = 1
    chances: Chances = USUAL
    dead: str = ""


@dataclass
class Result:
    """What came of it: findings, the last word of the balance, and the number of faults on the way, by sink."""

    case: Case
    findings: dict[str, Findings] = field(default_factory=dict)
    balance: dict[str, dict[str, int]] = field(default_factory=dict)
    kills: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing twice, nothing altered, nothing out of place, and a balance that says the same.

        Where copies are out of reach, lines may be lost, but no byte is called lost that is not.
        """
        may_lose = ROTATIONS[self.case.rotation].out_of_reach
        for sink, b in self.balance.items():
            found = self.findings[sink]
            if b["seen"] != b["stored"] + b["skipped"] + b["lost"] or b["unsettled"] or b["dead_letters"]:
                return False
            if b["lost"] > (found.lost_bytes if may_lose else 0):
                return False
        return all(found.is_good or (may_lose and found.is_good_but_for_losses) for found in self.findings.values())


def torture(case: Case, folder: Path, servers: Servers) -> Result:
    """Run one case in an empty `folder`."""
    with ExitStack() as stack:
        destinations = _destinations(case, folder, servers, stack)
        run = _Run(case, folder, destinations)
        return run.play()


def _destinations(case: Case, folder: Path, servers: Servers, stack: ExitStack) -> dict[str, Destination]:
    name = f"torture-{uuid.uuid4().hex[:12]}"
    makers: dict[str, Callable[[], Destination]] = {
        "sqlite": lambda: Sqlite(folder),
        "elasticsearch": lambda: Elasticsearch(
            servers.elasticsearch, name, behind(stack, servers.elasticsearch, case.seed, case.chances, http=True)
        ),
        "mongodb": lambda: Mongodb(
            servers.mongodb, name, behind(stack, servers.mongodb, case.seed + 1, case.chances, http=False)
        ),
        "kafka": lambda: _kafka(servers.kafka, name, case, stack),
    }
    return {sink: makers[sink]() for sink in case.sinks}


def _kafka(broker: ProxiedBroker | None, topic: str, case: Case, stack: ExitStack) -> Kafka:
    assert broker is not None, "the case needs a broker"
    upstream = f"kafka://127.0.0.1:{broker.upstream}"
    return Kafka(broker.address, topic, behind(stack, upstream, case.seed + 2, RARE, http=False, port=broker.proxy))


class _Run:
    def __init__(self, case: Case, folder: Path, destinations: dict[str, Destination]) -> None:
        self.case, self.folder, self.destinations = case, folder, destinations
        self.chance = random.Random(case.seed)
        self.logs = folder / "log"
        self.logs.mkdir()
        self.config = folder / "sidecar.json"
        pipeline = {**ROTATIONS[case.rotation].pipeline(self.logs), "parser": "plain", "max_line": MAX_LINE}
        sinks = {name: destination.url for name, destination in destinations.items()}
        self.config.write_text(
            json.dumps({"state_dir": str(folder / "state"), "sinks": sinks, "pipelines": {"app": pipeline}})
        )
        self.result = Result(case)

    def play(self) -> Result:
        began = time.monotonic()
        self._set_down(self.case.dead, down=True)
        with self._application() as application:
            try:
                self._kill_again_and_again(application)
            finally:
                application.kill()
        self._set_down(self.case.dead, down=False)
        self._end()
        writers = [Writer(self.case.seed, number, self.case.lines // WRITERS) for number in range(WRITERS)]
        for name, destination in self.destinations.items():
            self.result.findings[name] = compare(writers, destination.pieces())
            if destination.proxy:
                happened = destination.proxy.happened
                self.result.faults[name] = sum(happened.values()) - happened["pass"]
        self.result.seconds = time.monotonic() - began
        return self.result

    def _set_down(self, sink: str, *, down: bool) -> None:
        if sink and (proxy := self.destinations[sink].proxy):
            proxy.down = down

    def _application(self) -> subprocess.Popen[str]:
        case = self.case
        numbers = map(str, (case.seed, WRITERS, case.lines, case.per_second))
        command = [sys.executable, "-m", "tests.chaos.torture.application", str(self.logs), *numbers, case.rotation]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def _sidecar(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "sidecar.log").open("ab") as own_log:
            command = [sys.executable, "-m", "sidecar", "run", "--config", str(self.config), *arguments]
            return subprocess.Popen(command, env=ENVIRON, stdout=own_log, stderr=own_log)

    def _kill_again_and_again(self, application: subprocess.Popen[str]) -> None:
        """Each of the kills comes when about another share of the lines is written."""
        case = self.case
        shares = sorted(self.chance.random() for _ in range(case.kills))
        sidecar = self._sidecar()
        try:
            assert application.stdout is not None
            for report in application.stdout:
                written = int(report) / case.lines
                if written > 0.5:
                    self._set_down(case.dead, down=False)
                if sidecar.poll() is not None:
                    raise AssertionError(f"the sidecar ended by itself, see {self.folder}/sidecar.log")
                if self.result.kills < len(shares) and written >= shares[self.result.kills]:
                    self._kill(sidecar)
                    sidecar = self._sidecar()
            assert application.wait() == 0, "the application failed"
            self._kill(sidecar)
        finally:
            sidecar.kill()
            sidecar.wait()

    def _kill(self, sidecar: subprocess.Popen[bytes]) -> None:
        """Most of the time as the kernel does it, now and then as Kubernetes does it."""
        in_order = self.chance.random() < 0.2
        sidecar.send_signal(signal.SIGTERM if in_order else signal.SIGKILL)
        if in_order:
            time.sleep(self.chance.random())
            sidecar.kill()
        sidecar.wait()
        self.result.kills += 1
        time.sleep(self.chance.random())

    def _end(self) -> None:
        """Whatever is left is delivered in orderly runs; the chaos goes on during the first ones."""
        for attempt in range(6):
            for destination in self.destinations.values():
                if destination.proxy and attempt >= 3:
                    destination.proxy.chances = CALM
            sidecar = self._sidecar("--once")
            try:
                if sidecar.wait(timeout=900) == 0:
                    break
            finally:
                sidecar.kill()
                sidecar.wait()
        own_log = (self.folder / "sidecar.log").read_text().splitlines()
        for event in map(json.loads, own_log[-len(self.destinations) :]):
            self.result.balance[event["sink"]] = {k: v for k, v in event.items() if isinstance(v, int)}


def table(results: Sequence[Result]) -> str:
    """Results as a Markdown table."""
    rows = [
        "| rotation | sink | lines | kills | faults on the way | lost | twice | altered | out of place |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for result in results:
        for sink, found in result.findings.items():
            dead = ", down for half of it" if result.case.dead == sink else ""
            faults = result.faults.get(sink, 0)
            rows.append(
                f"| {result.case.rotation} | {sink}{dead} | {found.written} | {result.kills} | {faults}"
                f" | {found.lost} | {found.twice} | {found.altered} | {found.out_of_place} |"
            )
    return "\n".join(rows)
