"""A hostile and a well-behaved application with one sidecar, for a long time: `python -m tests.chaos.soak.hostile`.

Nothing of the well-behaved one may be missing, stored twice or late, no secret may be shipped, and memory stays below
its ceiling. Exit code 1 if that is not so.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

from tests.chaos.hostile.faults import Faults
from tests.chaos.soak.programs import run_program
from tests.support.processes import eventually, memory, running, sidecar

_SECRET = "the-token-of-the-sidecar"
_SAMPLE_EVERY_S = 5.0
MAX_MEMORY_MIB = 96
MAX_DELAY_S = 5.0
"""From the moment that a line is written to the moment that it is read; the machine may be busy with other things."""


class Found(NamedTuple):
    """What there was at the end. `delays`: seconds from writing to reading of each well-behaved line."""

    written: int
    stored: Counter[str]
    delays: Sequence[float]
    peak_mib: float
    not_alive: int
    hostile: int
    secrets: int
    exit_code: int

    def wrong(self) -> list[str]:
        """What is not as it has to be, a sentence each."""
        found = []
        twice = sum(count - 1 for count in self.stored.values())
        if len(self.stored) != self.written or twice:
            found.append(f"{self.written:,} lines were written, {len(self.stored):,} stored, {twice:,} of them twice")
        if max(self.delays, default=0.0) > MAX_DELAY_S:
            found.append(f"a line was read {max(self.delays):.1f} s after it was written")
        if self.peak_mib > MAX_MEMORY_MIB:
            found.append(f"{self.peak_mib:.0f} MiB of memory, at most {MAX_MEMORY_MIB} are allowed")
        if self.secrets:
            found.append(f"{self.secrets} documents hold a secret")
        if self.not_alive:
            found.append(f"the liveness probe failed {self.not_alive} times")
        if self.exit_code:
            found.append(f"the sidecar ended with exit code {self.exit_code}")
        return found

    def __str__(self) -> str:
        cuts = quantiles(self.delays, n=100)
        return (
            f"{self.written:,} well-behaved lines, delay median {cuts[49]:.2f} s, 99 % {cuts[98]:.2f} s,"
            f" most {max(self.delays):.2f} s; {self.hostile:,} hostile documents; peak {self.peak_mib:.0f} MiB"
        )


def main(arguments: Sequence[str]) -> int:
    """Run, print what was found and what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak.hostile", description=__doc__)
    parser.add_argument("minutes", type=float, nargs="?", default=30)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = soak(Path(folder), options.minutes * 60)
    wrong = found.wrong()
    print(f"{found}\n" + ("\n".join(wrong) or "nothing is missing, twice, late or leaked"))
    return 1 if wrong else 0


def soak(folder: Path, seconds: float) -> Found:
    """Run both applications and a sidecar for so long."""
    good, hostile, secrets = (folder / name for name in ("good", "hostile", "secrets"))
    for each in (good, hostile, secrets):
        each.mkdir()
    (secrets / "token.log").write_text(f"{_SECRET}\n")
    (secrets / "token").write_text(f"{_SECRET}\n")
    faults, config, state = Faults(folder), folder / "sidecar.json", folder / "state"
    config.write_text(json.dumps(_settings(folder, good, hostile, state)))
    own_log, not_alive = folder / "own.log", 0
    with running(own_log, "--config", str(config), **faults.environ) as process:
        eventually((state / "sidecar.sock").exists, "it listens")
        attacker = ("tests.chaos.soak.attacker", str(hostile), str(secrets), faults.environ["FAULTS"])
        with (
            run_program("tests.chaos.soak.application", str(good), "200", "20") as application,
            run_program(*attacker),
        ):
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                time.sleep(min(_SAMPLE_EVERY_S, seconds / 4))
                not_alive += sidecar("probe", "live", "--state-dir", str(state)).returncode != 0
            written = int(application.communicate()[0])
        faults.set([])
        eventually(lambda: len(_messages(folder / "good.db")) >= written, "all is delivered", timeout=60)
        peak_mib = memory(process.pid) / (1 << 20)
        process.terminate()
        exit_code = process.wait(60)
    if exit_code:
        print(own_log.read_text()[-2000:])
    rows, others = _messages(folder / "good.db"), _messages(folder / "hostile.db")
    stored = Counter(message for message, _ in rows)
    leaked = sum(_SECRET in message for message, _ in (*rows, *others))
    delays = [read - float(message.split()[0]) for message, read in rows]
    return Found(written, stored, delays, peak_mib, not_alive, len(others), leaked, exit_code)


def _settings(folder: Path, good: Path, hostile: Path, state: Path) -> dict[str, object]:
    return {
        "state_dir": str(state),
        "sinks": {name: f"sqlite:///{folder}/{name}.db" for name in ("good", "hostile")},
        "pipelines": {
            "good": {"paths": [f"{good}/app-*.log*"], "sinks": ["good"]},
            "hostile": {
                "paths": [f"{hostile}/**/*.log*"],
                "multiline": "java",
                "parser": ["json", "logfmt", "syslog", "plain"],
                "transforms": [{"redact": ["password", "credit_card"]}, {"rename": {"a.a": "b"}}],
                "sinks": ["hostile"],
            },
        },
    }


def _messages(database: Path) -> list[tuple[str, float]]:
    """(message or whole document, when it was read) of all that is stored."""
    with closing(sqlite3.connect(database, timeout=30)) as db:
        documents = (json.loads(text) for (text,) in db.execute("SELECT document FROM logs"))
        return [
            (str(each.get("message", each)), datetime.fromisoformat(each["event"]["ingested"]).timestamp())
            for each in documents
        ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
