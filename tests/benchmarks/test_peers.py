"""The peers that are here deliver every line of a small log; those that are not are said in a sentence."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sidecar.convert.kinds import SourceFile, convert
from tests.benchmarks.__main__ import main
from tests.benchmarks.comparison import Entry
from tests.benchmarks.competitors import Job
from tests.benchmarks.logs import generate
from tests.benchmarks.peers import PEERS
from tests.benchmarks.workloads import WORKLOADS
from tests.support.servers import ComponentMissing

_ROWS = [(peer, workload) for peer, given in PEERS.items() for workload in given.configurations]
_CONVERTED = [row for row in _ROWS if row[0] in ("filebeat", "fluent-bit", "vector")]
_CHECKED = [row for row in _ROWS if row not in _CONVERTED or isinstance(PEERS[row[0]].found(), Path)]
"""The bench installs the others."""


def write_configuration(peer: str, workload: str, folder: Path) -> Path:
    """Write the configuration of a peer as for a run."""
    competitor, given = PEERS[peer].competitor(Path("/bin/true")), WORKLOADS[workload]
    assert competitor.takes(given)
    competitor.command(Job(given, Path("/var/log/app.log"), dict.fromkeys(competitor.needs(given), 4711), folder))
    return folder / PEERS[peer].configurations[workload]


@pytest.mark.parametrize(("peer", "workload"), _ROWS)
def test_configurations_are_there_and_filled_in(peer: str, workload: str, tmp_path: Path) -> None:
    text = write_configuration(peer, workload, tmp_path).read_text()
    assert "/var/log/app.log" in text
    assert "4711" in text
    assert not any(mark in text for mark in ("@LOG@", "@PORT@", "@STATE@"))


@pytest.mark.parametrize(("peer", "workload"), _CHECKED)
def test_a_peer_that_is_here_accepts_its_configurations(peer: str, workload: str, tmp_path: Path) -> None:
    program = PEERS[peer].found()
    if isinstance(program, str):
        raise ComponentMissing(program)
    command = PEERS[peer].validate(program, write_configuration(peer, workload, tmp_path))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("peer", "workload"), _CONVERTED)
def test_a_configuration_is_read_by_the_conversion(peer: str, workload: str, tmp_path: Path) -> None:
    """Shows without the program that the file is complete."""
    file = write_configuration(peer, workload, tmp_path)
    conversion = convert(SourceFile(file, file.read_text()), None)
    assert [pipeline.settings["paths"] for pipeline in conversion.pipelines] == [["/var/log/app.log"]]
    assert conversion.sinks


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
    assert "not taking part: vector is not on the PATH and VECTOR does not name it" in (capsys.readouterr().out)
