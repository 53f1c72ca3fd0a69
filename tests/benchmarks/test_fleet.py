"""The figures for many Pods follow from the back-off and the limits, and the page shows them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.benchmarks import real_fleet
from tests.benchmarks.fleet import Fleet, main, requests_per_s, simulate_outage

PAGE = Path(__file__).parents[2] / "docs" / "design" / "fleet.md"


def test_the_page_has_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--pods", "5000"]) == 0
    page = PAGE.read_text(encoding="utf-8")
    for row in capsys.readouterr().out.splitlines():
        assert not row.startswith("|") or row in page, f"run python -m tests.benchmarks.fleet: {row}"


def test_a_pod_never_sends_more_than_one_request_in_each_linger() -> None:
    busy = requests_per_s(Fleet(10, 1000.0, linger_s=1.0), random.Random(1))
    assert 9 < busy <= 10
    assert requests_per_s(Fleet(10, 0.01, linger_s=0.1), random.Random(1)) == pytest.approx(0.1, rel=0.5)


def test_pods_that_failed_together_do_not_return_together() -> None:
    seen = simulate_outage(Fleet(1000, 10.0), 600.0, random.Random(1))
    assert seen.all_back_after_s <= 30
    assert seen.peak_per_s_after < 100


@pytest.mark.slow
def test_real_sidecars_are_counted_and_every_line_is_stored_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert real_fleet.main(["--pods", "2", "--lines-per-s", "10", "--seconds", "1", "--outage", "2"]) == 0
    rows = [line.split("|")[1:4] for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    measured = {name.strip(): (figure.strip(), computed.strip()) for name, figure, computed in rows}
    assert measured["connections"] == ("2", "2")
    assert int(measured["lines written, and stored once"][0]) > 20
