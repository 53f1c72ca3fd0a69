"""Runs the product, the bare job and the peers that are there in turn over the same logs, and prints tables."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.benchmarks import plot, recorded
from tests.benchmarks.comparison import Entry, Incomplete, compare
from tests.benchmarks.competitors import SIDECAR, YARDSTICK, Competitor
from tests.benchmarks.peers import PEERS, present
from tests.benchmarks.report import HEADER, NOTES, PARSERS_HEADER, Results, about, costs_a_line, parser_rows, rows
from tests.benchmarks.workloads import PARSERS, WORKLOADS

_OURS = {"yardstick": YARDSTICK, "sidecar": SIDECAR}


def main(arguments: Sequence[str], competitors: Mapping[str, Competitor] | None = None) -> int:
    """Print the tables. Exit code 1, and no speed, if a document is missing."""
    options = _options(arguments, competitors or {**_OURS, **dict.fromkeys(PEERS)})
    if competitors is None:
        peers, missing = present()
        competitors = {**_OURS, **peers}
        print("".join(f"not taking part: {sentence}\n" for sentence in missing), end="")
    taking_part = {name: found for name, found in competitors.items() if name in (options.competitors or competitors)}
    print(f"{about(options.lines, options.runs)}\n", flush=True)
    ratios: dict[str, float] = {}
    text: list[str] = []
    plots: dict[str, str] = {}
    try:
        if options.table != "parsers":
            text += _comparison(options, taking_part, ratios, plots)
        if options.table != "comparison":
            text += _parsers(options, ratios, plots)
    except Incomplete as missing_lines:
        print(f"\nno speed, because what arrived is not the log: {missing_lines}", file=sys.stderr)
        return 1
    _drawn(options.plots, plots)
    _keep(options, text, recorded.Recorded(options.lines, ratios))
    return 0


def _comparison(
    options: argparse.Namespace,
    competitors: Mapping[str, Competitor],
    ratios: dict[str, float],
    plots: dict[str, str],
) -> list[str]:
    """The lines of the table of the comparison, each printed as soon as it is known."""
    table = ["## Beside the bare job and the peers", "", *HEADER.splitlines()]
    costs: dict[str, float] = {}
    print(HEADER, flush=True)
    for workload in options.only or WORKLOADS:
        given = WORKLOADS[workload]
        entries = [Entry(name, found, given) for name, found in competitors.items() if found.takes(given)]
        results = _compare(options, entries)
        ratios |= recorded.of_comparison(workload, results)
        costs |= {f"{workload}, {name}": cost for name, cost in costs_a_line(results, options.lines).items()}
        table += (found := rows(workload, results, options.lines))
        print("\n".join(found), flush=True)
    plots["comparison.svg"] = plot.bars("CPU time of a line", "µs", costs)
    return [*table, "", NOTES, ""]


def _parsers(options: argparse.Namespace, ratios: dict[str, float], plots: dict[str, str]) -> list[str]:
    """The lines of the table of parsers."""
    results = _compare(options, [Entry(name, SIDECAR, workload) for name, workload in PARSERS.items()])
    ratios |= recorded.of_parsers(results)
    costs = costs_a_line(results, options.lines)
    plots["parsers.svg"] = plot.bars("CPU time of a line by parser, preset and transform", "µs", costs)
    table = [*PARSERS_HEADER.splitlines(), *parser_rows(results, options.lines)]
    print("\n" + "\n".join(table), flush=True)
    return ["## Parsers, presets, transforms and ways of sending", "", *table, ""]


def _compare(options: argparse.Namespace, entries: list[Entry]) -> Results:
    return compare(entries, options.lines, options.runs, options.verified_lines, _folder(options.cache))


def _drawn(folder: Path | None, plots: Mapping[str, str]) -> None:
    """Write the plots, if there is a folder for them."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, drawn in plots.items():
            (folder / name).write_text(drawn, encoding="utf-8")


def _keep(options: argparse.Namespace, text: Sequence[str], found: recorded.Recorded) -> None:
    """Compare, record and write as the options say."""
    if options.check:
        try:
            print(f"\n{recorded.describe_changes(recorded.Recorded.read(recorded.FILE), found)}")
        except FileNotFoundError:
            print(f"\nnot compared: nothing is recorded in {recorded.FILE}; make it with --record {recorded.FILE}")
    if options.record:
        found.write(options.record)
    if options.markdown:
        head = f"{about(options.lines, options.runs)} Repeat it with `{_repeat(options)}`."
        options.markdown.write_text("\n".join([head, "", *text]), encoding="utf-8")


def _options(arguments: Sequence[str], competitors: Mapping[str, object]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--lines", type=_positive, help="lines of each log; 1,000,000 unless told")
    parser.add_argument("--runs", type=_positive, default=3, help="runs of each competitor")
    parser.add_argument("--quick", action="store_true", help="100,000 lines unless told")
    parser.add_argument("--table", choices=("comparison", "parsers"), help="only this table")
    parser.add_argument("--only", choices=WORKLOADS, action="append", help="only this workload; may be given again")
    parser.add_argument("--competitors", type=_names(competitors), metavar="NAME,…", help=", ".join(competitors))
    parser.add_argument("--verified-lines", type=_positive, default=50_000, help="lines that are compared one by one")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables here, too")
    parser.add_argument("--record", type=Path, metavar="FILE", help="keep the ratios here")
    parser.add_argument("--plots", type=Path, metavar="DIRECTORY", help="draw the costs")
    parser.add_argument("--check", action="store_true", help="say which ratios are not those of docs/bench any more")
    parser.add_argument("--cache", type=Path, metavar="DIRECTORY", help="where the logs are kept")
    options = parser.parse_args(arguments)
    options.lines = options.lines or (100_000 if options.quick else 1_000_000)
    return options


def _repeat(options: argparse.Namespace) -> str:
    """The command that takes these figures again, without the places where files were kept on this machine."""
    command = ["python", "-m", "tests.benchmarks", "--lines", str(options.lines), "--runs", str(options.runs)]
    if options.table:
        command += ["--table", options.table]
    if options.competitors:
        command += ["--competitors", ",".join(options.competitors)]
    for workload in options.only or ():
        command += ["--only", workload]
    return shlex.join(command)


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _names(competitors: Mapping[str, object]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        if unknown := [name for name in text.split(",") if name not in competitors]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(competitors)}")
        return text.split(",")

    return names


def _folder(given: Path | None) -> Path:
    folder = given or Path(tempfile.gettempdir()) / f"log-sidecar-bench-{os.getuid()}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
