"""The format of the sidecar's own log: JSON, or text with colours only where they are wanted."""

from __future__ import annotations

import json
from io import StringIO

import pytest

from sidecar.telemetry.events import FileFollowed
from sidecar.telemetry.log import Log
from sidecar.testing import ManualClock

EVENT = FileFollowed("app", "/a.log", 7)


class Terminal(StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def written(stream: StringIO, form: str) -> str:
    log = Log(ManualClock(), "debug", stream)
    log.set_format(form)
    log.emit(EVENT)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("stream", "form", "is_json"),
    [(StringIO, "auto", True), (StringIO, "json", True), (StringIO, "text", False),
     (Terminal, "auto", False), (Terminal, "json", True), (Terminal, "text", False)],
)  # fmt: skip
def test_the_format_is_as_chosen(stream: type[StringIO], form: str, *, is_json: bool) -> None:
    line = written(stream(), form)
    assert EVENT.text() in (json.loads(line)["message"] if is_json else line)
    assert line.startswith("{") is is_json


def test_only_a_terminal_gets_colours_and_no_color_removes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in written(Terminal(), "auto")
    assert "\x1b[" not in written(StringIO(), "text")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in written(Terminal(), "auto")


def test_text_in_a_file_has_the_date() -> None:
    assert written(StringIO(), "text").startswith("2026-11-23T01:00:00")
