"""What the sidecar says of hostile names and answers is one line each, and nothing that a terminal obeys."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import msgspec
import pytest

from sidecar.telemetry import events
from sidecar.telemetry.log import Log
from sidecar.testing import ManualClock
from tests.support.processes import sidecar

NAMES = [
    b"in\xff\xfevalid",
    b"two\nlines",
    b'"},{"level":"error',
    b"\x1b]0;owned\x07\x1b[2J",
    "c1 \u009b31m \u2028 \u202e reversed".encode(),
    b"\xed\xa0\x80",
    b"return\rhome",
]


class Terminal(io.StringIO):
    """A stream that is looked at."""

    def isatty(self) -> bool:
        return True


def said_of(path: str) -> list[events.Event]:
    """Every event that tells of a name, or repeats what somebody else said."""
    return [
        events.FileRefused("app", path, path),
        events.FileFollowed("app", path, 0),
        events.CopyTaken("app", path, path),
        events.LinkRefused("app", path, path),
        events.BytesLost("app", "out", path, 1, "deleted"),
        events.NothingMatches("app", path, path, True),
        events.Rejected("app", "out", 1, path, path),
        events.SinkDown("app", "out", path),
        events.Crashed("watcher", path),
    ]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_an_event_is_one_line_of_json_that_every_reader_takes(name: bytes) -> None:
    stream = io.StringIO()
    log = Log(ManualClock(), "debug", stream)
    happened = said_of(os.fsdecode(b"/var/log/" + name))
    for event in happened:
        log.emit(event)
    lines = stream.getvalue().encode().split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == len(happened)
    for line, event in zip(lines, happened, strict=True):
        found = msgspec.json.decode(line)
        assert found["level"] == event.level
        if "path" in found:
            assert found["path"] == (b"/var/log/" + name).decode(errors="backslashreplace")


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_on_a_terminal_an_event_is_one_line_without_commands_of_others(name: bytes) -> None:
    stream = Terminal()
    log = Log(ManualClock(), "debug", stream)
    happened = said_of(os.fsdecode(b"/var/log/" + name))
    for event in happened:
        log.emit(event)
    lines = stream.getvalue().split("\n")
    assert len(lines) == len(happened) + 1
    for line in lines:
        assert re.sub(r"\x1b\[\d+m", "", line, count=4).isprintable()


@pytest.fixture
def state(tmp_path: Path) -> tuple[str, str]:
    """The options for a state that knows a file of each name."""
    (tmp_path / "log").mkdir()
    for name in NAMES:
        (tmp_path / "log" / os.fsdecode(name)).write_text("line\n")
    options = ("--state-dir", f"{tmp_path}/state")
    shipped = sidecar("run", f"{tmp_path}/log/*", "--to", f"sqlite:///{tmp_path}/logs.db", *options, "--once")
    assert shipped.returncode == 0, shipped.stderr
    return options


def test_the_list_of_checkpoints_shows_hostile_names_without_obeying_them(
    tmp_path: Path, state: tuple[str, str]
) -> None:
    table = sidecar("checkpoints", "list", *state)
    assert (table.returncode, table.stdout.replace("\n", "").isprintable()) == (0, True)
    name = os.fsdecode(os.fsencode(tmp_path) + b"/log/" + NAMES[0])
    chosen = sidecar("checkpoints", "list", "--json", "--path", name, *state)
    assert len(chosen.stdout.splitlines()) == 1


def test_the_checkpoints_as_json_can_be_read_whatever_the_names(tmp_path: Path, state: tuple[str, str]) -> None:
    listed = sidecar("checkpoints", "list", "--json", *state)
    assert listed.returncode == 0, listed.stderr
    paths = {msgspec.json.decode(line)["path"] for line in listed.stdout.encode().splitlines()}
    folder = os.fsencode(tmp_path / "log")
    assert paths == {(folder + b"/" + name).decode(errors="backslashreplace") for name in NAMES}
