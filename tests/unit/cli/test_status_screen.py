"""What `sidecar status` and `sidecar top` show, and that it fits."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from rich.console import Console

from sidecar.cli.status_screen import StatusScreen
from sidecar.telemetry.condition import with_condition
from sidecar.telemetry.counters import Counters
from sidecar.telemetry.snapshot import (
    BalanceStatus,
    ConfigurationStatus,
    FileStatus,
    FileTotals,
    RefusedPath,
    ShipperStatus,
    Snapshot,
)

LONG_ERROR = (
    "elasticsearch+https://search.a-very-long-name-of-a-namespace.svc.cluster.local:9200/logs-of-the-application: "
    "cannot be reached (certificate verify failed: unable to get local issuer certificate); "
    + "check it again; "
    * 60
)


def status(shippers: Sequence[ShipperStatus], files: Sequence[FileStatus], refused: Sequence[RefusedPath] = (),
           balance: dict[str, int] | None = None, total: int | None = None) -> dict[str, Any]:  # fmt: skip
    sinks = dict.fromkeys(each.sink for each in shippers)
    balances = [BalanceStatus(sink, balance or {"stored": 10 << 30}, {}, 5 << 20) for sink in sinks]
    snapshot = Snapshot(
        "0.1.0", 0, 7_300, 1, "/var/lib/log-sidecar", shippers, files,
        [FileTotals("app", len(files) if total is None else total, 1, 0, 0, 2_000 if refused else 0)],
        balances, "notifications", 0, 0, 0, 0, 0, 0, [], ConfigurationStatus("", 0), refused,
    )  # fmt: skip
    found: dict[str, Any] = msgspec.to_builtins(with_condition(snapshot))
    return found


def shown(status: dict[str, Any], width: int = 160, height: int | None = None) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width).print(StatusScreen(status, height=height))
    return stream.getvalue()


def good(counters: Counters | None = None) -> ShipperStatus:
    return ShipperStatus("app", "db", "http://db", "up", 0.0, "", "", 0, 0.0, 0, counters or Counters())


def test_dead_letters_and_losses_are_shown_with_their_reasons() -> None:
    counters = Counters(refusals={"mapper_parsing_exception": 4312, "strict": 1})
    text = shown(status([good(counters)], [], balance={"stored": 10, "lost:truncated": 2048, "lost:deleted": 0}))
    assert "app to db: dead letters since the last start: 4,312 mapper_parsing_exception, 1 strict;" in text
    assert "db: lost: 2.0 KiB truncated" in text
    assert "deleted" not in text


def test_without_findings_the_headline_says_that_all_is_good() -> None:
    text = shown(status([good()], []))
    assert text.startswith("good: all lines are delivered, and nothing is lost · log-sidecar 0.1.0, up for 2.0 h")
    assert "dead letters since" not in text
    assert "lost:" not in text


def test_unreadable_paths_are_listed_with_the_reason_up_to_a_limit() -> None:
    refused = [RefusedPath("app", f"/logs/{number:02}.log", "Input/output error") for number in range(100)]
    text = shown(status([good()], [], refused))
    assert "not read: /logs/00.log: Input/output error" in text
    assert "/logs/10.log" not in text
    assert "not read: 1,990 more paths" in text


def test_the_detected_parser_of_each_file_is_shown_where_parsers_are_detected() -> None:
    detected = FileStatus("app", "/a.log", 10, {"db": 10}, True, False, "log4j (multiline: java)")
    undecided = FileStatus("app", "/b.log", 10, {"db": 0}, True, False)
    lines = shown(status([good()], [detected, undecided])).splitlines()
    assert any("/a.log" in line and "log4j (multiline: java)" in line for line in lines)
    assert any("/b.log" in line and "not detected yet" in line for line in lines)


def test_each_file_shows_the_lag_of_each_sink_that_lags() -> None:
    lagging = FileStatus("app", "/a.log", 10, {"db": 10, "es": 0}, True, False, "", {"db": 0.0, "es": 7_200.0})
    assert "es 2.0 h" in next(line for line in shown(status([good()], [lagging])).splitlines() if "/a.log" in line)


def crowded(number: int) -> dict[str, Any]:
    """Many sinks, half of them down with the longest error, and many files with long names."""
    shippers = [
        ShipperStatus("a-long-pipeline", f"elasticsearch://search-{n}.logging.svc.cluster.local:9200/logs", "d",
                      "misconfigured" if n % 2 else "up", 0.0, LONG_ERROR if n % 2 else "", "", 123456789, 7200.5, 0,
                      Counters(lines_read=123456789, retries=98765, lines={"stored": 123456789}))
        for n in range(number)
    ]  # fmt: skip
    files = [
        FileStatus("a-long-pipeline", f"/var/log/{'deep/' * 30}file-{n}.log", 1 << 40, {"db": 0}, True, False,
                   "log4j (multiline: java)", {"elasticsearch://search-1.logging.svc:9200/logs": 86400.0 * 9})
        for n in range(20)
    ]  # fmt: skip
    refused = [RefusedPath("app", f"/logs/{'x' * 300}", LONG_ERROR)] * 3
    return status(shippers, files, refused, {"stored": 1 << 40, "lost:deleted": 5 << 30}, total=1_000)


@pytest.mark.parametrize("number", [1, 2, 4, 30])
@pytest.mark.parametrize(("width", "height"), [(80, 22), (80, 48), (120, 38), (200, 22), (60, 22)])
def test_everything_fits_with_the_longest_error(number: int, width: int, height: int) -> None:
    lines = shown(crowded(number), width, height).rstrip("\n").split("\n")
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)
    text = "\n".join(lines)
    for head in ("file ", "stored", "state", "file-"):
        assert head in text, text
    if number > 1:
        assert lines[0].startswith("bad: ")
        assert "cannot be reached" in text or width < 80, "the reason of the error"


def test_a_screen_of_eighty_columns_shows_whole_numbers() -> None:
    lines = shown(crowded(2), 80, 22).splitlines()
    row = next(line for line in lines if "misconfigured 2.0 h" in line)
    assert "117.7 MiB" in row
    assert "2.0 h" in row
    balance = next(line for line in lines if "1.0 TiB" in line)
    assert balance.count("iB") >= 3
    assert "…" not in balance[12:]
