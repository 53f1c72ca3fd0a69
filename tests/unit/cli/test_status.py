"""What `sidecar status` shows of refusals and losses."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console

from sidecar.cli.status import render_status
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


def shown(
    counters: Counters, balance: dict[str, int], refused: Sequence[RefusedPath] = (), files: Sequence[FileStatus] = ()
) -> str:
    shipper = ShipperStatus("app", "db", "http://db", "up", 0.0, "", "", 0, 0.0, 0, counters)
    sums = [FileTotals("app", 1, 1, 0, 0, 2_000 if refused else 0)]
    status = Snapshot(
        "1", 0, 10, 1, "/state", [shipper], files, sums, [BalanceStatus("db", balance, {}, 0)], "notifications", 0, 0,
        0, 0, 0, 0, [], ConfigurationStatus("", 0), refused,
    )  # fmt: skip
    stream = io.StringIO()
    Console(file=stream, width=160).print(render_status(asdict(status)))
    return stream.getvalue()


def test_dead_letters_and_losses_are_shown_with_their_reasons() -> None:
    counters = Counters(refusals={"mapper_parsing_exception": 4312, "strict": 1})
    text = shown(counters, {"stored": 10, "lost:truncated": 2048, "lost:deleted": 0})
    assert "app to db: dead letters since the start: 4,312 mapper_parsing_exception, 1 strict;" in text
    assert "db: lost: 2.0 KiB truncated" in text
    assert "deleted" not in text


def test_without_refusals_and_losses_neither_is_mentioned() -> None:
    text = shown(Counters(), {"stored": 10})
    assert "dead letters since" not in text
    assert "lost:" not in text


def test_unreadable_paths_are_listed_with_the_reason_up_to_a_limit() -> None:
    refused = [RefusedPath("app", f"/logs/{number:02}.log", "Input/output error") for number in range(100)]
    text = shown(Counters(), {"stored": 10}, refused)
    assert "not read: /logs/00.log: Input/output error" in text
    assert "/logs/10.log" not in text
    assert "not read: 1,990 more paths" in text


def test_the_detected_parser_of_each_file_is_shown_where_parsers_are_detected() -> None:
    detected = FileStatus("app", "/a.log", 10, {"db": 10}, True, False, "log4j (multiline: java)")
    undecided = FileStatus("app", "/b.log", 10, {"db": 0}, True, False)
    lines = shown(Counters(), {"stored": 10}, files=[detected, undecided]).splitlines()
    assert any("/a.log" in line and "log4j (multiline: java)" in line for line in lines)
    assert any("/b.log" in line and "not detected yet" in line for line in lines)
    assert "parser" not in shown(Counters(), {"stored": 10}, files=[undecided])
