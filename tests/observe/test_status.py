"""What `sidecar status` shows of refusals and losses."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console

from sidecar.cli.status import screen
from sidecar.observe.facts import BalanceFacts, ConfigurationFacts, Facts, ShipperFacts, UnreadableFile
from sidecar.observe.tally import Tally


def shown(tally: Tally, balance: dict[str, int], unreadable: Sequence[UnreadableFile] = ()) -> str:
    shipper = ShipperFacts("app", "db", "http://db", "up", 0.0, "", "", 0, 0.0, 0, tally)
    facts = Facts(
        "1", 0, 10, 1, "/state", [shipper], [], [], [BalanceFacts("db", balance, {}, 0)], "notifications", 0, 0, 0,
        0, 0, 0, [], ConfigurationFacts("", 0), unreadable,
    )  # fmt: skip
    stream = io.StringIO()
    Console(file=stream, width=160).print(screen(asdict(facts)))
    return stream.getvalue()


def test_dead_letters_and_losses_are_told_with_their_reasons() -> None:
    tally = Tally(refusals={"mapper_parsing_exception": 4312, "strict": 1})
    text = shown(tally, {"stored": 10, "lost:truncated": 2048, "lost:deleted": 0})
    assert "app to db: dead letters since the start: 4,312 mapper_parsing_exception, 1 strict;" in text
    assert "db: lost: 2.0 KiB truncated" in text
    assert "deleted" not in text


def test_where_nothing_was_refused_or_lost_nothing_is_said_of_it() -> None:
    text = shown(Tally(), {"stored": 10})
    assert "dead letters since" not in text
    assert "lost:" not in text


def test_files_that_cannot_be_read_are_named_with_the_error_up_to_a_bound() -> None:
    unreadable = [UnreadableFile("app", f"/logs/{number:02}.log", "Input/output error") for number in range(12)]
    text = shown(Tally(), {"stored": 10}, unreadable)
    assert "cannot read /logs/00.log: Input/output error" in text
    assert "/logs/10.log" not in text
    assert "cannot read 2 more files" in text
