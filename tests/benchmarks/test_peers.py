"""The peers that are here deliver every line of a small log; those that are not are said in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.__main__ import main
from tests.benchmarks.comparison import Entry
from tests.benchmarks.competitors import Job
from tests.benchmarks.logs import generate
from tests.benchmarks.peers import PEERS
from tests.benchmarks.workloads import WORKLOADS
from tests.support.servers import ComponentMissing

_ROWS = [(peer, workload) for peer, given in PEERS.items() for workload in given.configurations]


@pytest.mark.parametrize(("peer", "workload"), _ROWS)
def test_configurations_are_there_and_filled_in(peer: str, workload: str, tmp_path: Path) -> None:
    competitor = PEERS[peer].competitor(Path("/bin/true"))
    given = WORKLOADS[workload]
    assert competitor.takes(given)
    competitor.command(Job(given, Path("/var/log/app.log"), dict.fromkeys(competitor.needs(given), 4711), tmp_path))
    text = (tmp_path / PEERS[peer].configurations[workload]).read_text()
    assert "/var/log/app.log" in text
    assert "4711" in text
    assert not any(mark in text for mark in ("@LOG@", "@PORT@", "@STATE@"))


@pytest.mark.parametrize("workload", PEERS["rsyslog"].configurations)
def test_rsyslog_delivers_every_line(workload: str, tmp_path: Path) -> None:
    program = PEERS["rsyslog"].found()
    if isinstance(program, str):
        raise ComponentMissing(program)
    entry = Entry("rsyslog", PEERS["rsyslog"].competitor(program), WORKLOADS[workload])
    entry.verify(generate(WORKLOADS[workload].log, 500, tmp_path))


def test_a_missing_peer_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    options = ["--lines", "50", "--runs", "1", "--cache", str(tmp_path), "--competitors", "sidecar"]
    assert main([*options, "--only", "plain", "--table", "comparison"]) == 0
    assert "not taking part: vector is not on the PATH and LOG_SIDECAR_BENCH_VECTOR does not name it" in (
        capsys.readouterr().out
    )
