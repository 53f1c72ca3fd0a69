"""The other measures give a figure for what they are asked, and none if lines are missing; plots are whole SVG."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.benchmarks import plot
from tests.benchmarks.comparison import Incomplete
from tests.benchmarks.live import running, written
from tests.benchmarks.measures import MEASURES, main

_SMALL = ["--largest", "10", "--most-files", "1", "--seconds", "0.1"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.elasticsearch if name == "real" else ()) for name in MEASURES]
)
def test_each_measure_prints_figures_with_their_goals(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "measures.md"
    given = ["--only", name, "--markdown", str(report), "--plots", str(tmp_path / "plots")]
    assert main([*_SMALL, *given]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][2:]
    assert rows
    assert [line for line in report.read_text().splitlines() if line.startswith("| ")][2:] == rows
    for drawn in (tmp_path / "plots").iterdir():
        ElementTree.parse(drawn)


def test_lines_that_do_not_come_are_not_waited_for_for_ever(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("one\n")
    with running(f"{tmp_path}/*.log") as live:
        live.wait_for(1)
        with pytest.raises(Incomplete, match="2 lines were written, 1 documents"):
            live.wait_for(2, limit_s=0.01)


def test_lines_are_written_at_their_pace(tmp_path: Path) -> None:
    seen: list[int] = []
    written(tmp_path / "app.log", 200, 20, seen.append)
    assert seen[-1] == 20
    assert len((tmp_path / "app.log").read_bytes().splitlines()) == 20


def test_a_bar_is_as_long_as_its_value_and_names_are_no_markup() -> None:
    root = ElementTree.fromstring(plot.bars("A & B", "µs", {"<plain>": 1.0, "json": 2.0}))
    widths = [float(found.attrib["width"]) for found in root.iter() if found.tag.endswith("rect")]
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.01)
    assert "<plain>" in [found.text for found in root.iter()]


def test_a_line_goes_through_all_of_its_points() -> None:
    drawn = plot.lines("memory", ("MiB", "MiB"), {"flat": [(10, 60), (100, 60), (1000, 60)]})
    root = ElementTree.fromstring(drawn)
    heights = {found.attrib["cy"] for found in root.iter() if found.tag.endswith("circle")}
    assert len(heights) == 1


def test_a_plot_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="needs values"):
        plot.bars("nothing", "s", {})
    with pytest.raises(ValueError, match="needs points"):
        plot.lines("nothing", ("x", "y"), {"none": []})
