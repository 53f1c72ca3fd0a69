"""A short torture: every kind of rotation's family, all sinks together, kills, and chaos on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.torture.comparison import Piece, compare
from tests.chaos.torture.lines import Writer
from tests.chaos.torture.torture import Case, Servers, torture

ALL = ("sqlite", "elasticsearch", "mongodb")
SHORT = [
    Case("python", ALL, lines=8_000, per_second=1_500, kills=4, seed=11),
    Case("logrotate copytruncate", ALL, lines=8_000, per_second=1_500, kills=4, seed=12),
    Case("logrotate compress", ALL, lines=8_000, per_second=1_500, kills=4, seed=13),
    Case("lumberjack", ("elasticsearch", "mongodb"), lines=6_000, per_second=1_500, kills=2, seed=14, dead="mongodb"),
    Case("deleted, with keep_links", ("sqlite",), lines=6_000, per_second=2_000, kills=3, seed=15),
]


@pytest.mark.slow
@pytest.mark.elasticsearch
@pytest.mark.mongodb
@pytest.mark.parametrize("case", SHORT, ids=lambda case: case.rotation)
def test_nothing_is_lost_twice_altered_or_out_of_place(
    case: Case, tmp_path: Path, elasticsearch_url: str, mongodb_uri: str
) -> None:
    result = torture(case, tmp_path, Servers(elasticsearch_url, mongodb_uri))
    for sink, found in result.findings.items():
        assert found.is_good, f"{sink}: {found}"
    assert result.is_good, result.balance
    assert result.kills >= case.kills


def pieces(lines: list[str]) -> list[Piece]:
    offset, found = 0, []
    for line in lines:
        log = {"offset": offset, "file": {"path": "/var/log/w0.log"}}
        found.append(Piece("g", offset, {"message": line, "log": log}))
        offset += len(line.encode()) + 1
    return found


def test_the_comparison_finds_what_is_wrong() -> None:
    writer = Writer(1, 0, 500)
    lines = [line for line in writer.lines() if len(line) < 100_000]
    huge = 500 - len(lines)
    good = compare([writer], pieces(lines))
    assert (good.lost, good.twice, good.altered, good.out_of_place) == (huge, 0, 0, 0)
    assert compare([writer], pieces(lines[:10] + lines[11:])).lost == huge + 1
    assert compare([writer], [*pieces(lines), *(Piece("h", 0, p.document) for p in pieces(lines)[:1])]).twice == 1
    assert compare([writer], pieces([lines[0] + "!", *lines[1:]])).altered == 1
    assert compare([writer], pieces([*lines[1:], lines[0]])).out_of_place == 1
    assert compare([writer], pieces([line for line in lines if line != "x"])).lost == huge + writer.tiny()
