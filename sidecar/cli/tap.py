"""`sidecar tap`: shows lines of a running sidecar, or of a file, at a stage of their pipeline."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from rich.text import Text

from sidecar.admin.client import SidecarNotRunning, ask, explain_silence
from sidecar.app.tap_routes import make_matcher
from sidecar.cli.console import PrintableConsole, make_text
from sidecar.cli.options import add_pipeline_options
from sidecar.cli.output import count_of, put_error, put_json_text, put_note
from sidecar.cli.quantities import number_option
from sidecar.cli.settings import choose_state_directory, load_sample_settings
from sidecar.lib.clock import SystemClock
from sidecar.lib.terminal import escape_json
from sidecar.pipeline.tap import STAGES
from sidecar.tools.tap import tap_file

_POLL_S = 0.25
_REPORT_S = 10.0
"""Seconds between two notes about lines that were not shown."""

Event = Mapping[str, Any]


class TapRefused(Exception):
    """The sidecar does not show its lines. The message says why, and what to do."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("pipeline", metavar="PIPELINE", nargs="?", help="only lines of this pipeline")
    parser.add_argument(
        "--stage", choices=STAGES, default="document",
        help="show the fields that the parser found (parsed), the record after all transforms (transformed), or the "
        "document as it is sent (document, default)",
    )  # fmt: skip
    parser.add_argument(
        "--filter", metavar="EXPR", default="",
        help="""only records that match, as in drop_when: 'log.level == "error" and message ~ "time.?out"'""",
    )  # fmt: skip
    parser.add_argument("--limit", metavar="N", type=number_option, help="end after N records")
    parser.add_argument("--file", metavar="FILE", type=Path, help="show the lines of this file; no sidecar is needed")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object for each record; the default without a terminal"
    )
    add_pipeline_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print records until `--limit`, Ctrl-C or the end of the file or sidecar. Return 1 if no sidecar answers."""
    try:
        make_matcher(options.filter, "")
    except ValueError as error:
        put_error(f"--filter: {error}")
        return 2
    if options.limit is not None and options.limit < 1:
        put_error("--limit: pass a number of at least 1")
        return 2
    printer = _Printer(options.stage, is_json=options.json or not sys.stdout.isatty(), limit=options.limit)
    if options.file:
        settings, name = load_sample_settings(options, str(options.file))
        return _print_all(tap_file(settings, name, options.file, options.stage, make_matcher(options.filter, ""),
                                   SystemClock()), printer)  # fmt: skip
    directory = choose_state_directory(options)
    try:
        return _tap_sidecar(directory, options, printer)
    except (SidecarNotRunning, TimeoutError) as error:
        put_error(explain_silence(error, directory))
    except TapRefused as error:
        put_error(error)
    return 1


def _print_all(events: Iterator[Event], printer: _Printer) -> int:
    with suppress(KeyboardInterrupt):
        while not printer.is_done and (event := next(events, None)) is not None:
            printer.put(event)
    return 0


def _tap_sidecar(directory: Path, options: argparse.Namespace, printer: _Printer) -> int:
    name = f"{os.getpid()}-{secrets.token_hex(8)}"
    query = {"name": name, "pipeline": options.pipeline or "", "stage": options.stage, "filter": options.filter}

    def poll() -> Mapping[str, Any]:
        code, reply = ask(directory, f"GET /tap?{urlencode(query)}")
        if code != 200:
            raise TapRefused(str(reply["text"]))
        return reply

    first = poll()
    try:
        with suppress(KeyboardInterrupt):
            _follow(first, poll, printer)
    except SidecarNotRunning:
        put_note("the sidecar has ended")
    finally:
        with suppress(SidecarNotRunning, TimeoutError):
            ask(directory, f"POST /tap/end?{urlencode({'name': name})}", timeout_s=1.0)
    printer.report_hidden()
    return 0


def _follow(reply: Mapping[str, Any], poll: Callable[[], Mapping[str, Any]], printer: _Printer) -> None:
    while True:
        printer.add(reply)
        if printer.is_done:
            return
        time.sleep(_POLL_S)
        reply = poll()
        if reply["is_new"]:
            put_note("the output was not read for so long that the tap was closed; it continues with new lines")


class _Printer:
    """Prints records, and counts those that are not shown."""

    def __init__(self, stage: str, *, is_json: bool, limit: int | None) -> None:
        self._stage, self._is_json, self._limit = stage, is_json, limit
        self._console = PrintableConsole()
        self._shown = self._sampled_out = self._unmatched = self._reported = 0
        self._report_at = time.monotonic() + _REPORT_S
        self._max_rate = 0.0

    @property
    def is_done(self) -> bool:
        """Whether as many records as wanted were printed."""
        return self._limit is not None and self._shown >= self._limit

    def add(self, reply: Mapping[str, Any]) -> None:
        """Print the events of a reply. Now and then, say how many lines are not shown."""
        self._sampled_out += reply["sampled_out"]
        self._unmatched += reply["unmatched"]
        self._max_rate = reply["max_events_per_s"]
        self._put_all(reply["events"])
        sys.stdout.flush()
        if self._sampled_out > self._reported and time.monotonic() >= self._report_at:
            self.report_hidden()

    def _put_all(self, events: Sequence[Event]) -> None:
        for event in events:
            if self.is_done:
                return
            self.put(event)

    def put(self, event: Event) -> None:
        """Print one record."""
        self._shown += 1
        if self._is_json:
            put_json_text(self._as_json(event))
            return
        place = make_text(f"{event['path']}:{event['offset']}", "cyan")
        text = escape_json(event["text"]) + ("…" if event["is_cut"] else "")
        self._console.print(Text.assemble(place, " ", text), soft_wrap=True)

    def _as_json(self, event: Event) -> str:
        head = json.dumps({
            "pipeline": event["pipeline"], "path": event["path"], "offset": event["offset"], "stage": self._stage,
        })[:-1]  # fmt: skip
        if event["is_cut"]:
            return f'{head}, "document_start": {json.dumps(event["text"])}}}'
        return f'{head}, "document": {event["text"]}}}'

    def report_hidden(self) -> None:
        """Say how many records were not shown, and why."""
        self._reported, self._report_at = self._sampled_out, time.monotonic() + _REPORT_S
        reason = f"{self._sampled_out:,} were left out, because a tap shows at most {self._max_rate:.0f} per second"
        put_note("; ".join((
            f"{count_of(self._shown, 'record')} shown", f"{self._unmatched:,} did not match",
            reason if self._sampled_out else "none were left out",
        )))  # fmt: skip
