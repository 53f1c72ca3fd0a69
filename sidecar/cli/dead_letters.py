"""`sidecar dead-letters`: what a destination refused, to be looked at, sent again or thrown away."""

from __future__ import annotations

import argparse
import json
import time

from msgspec.structs import asdict
from rich.table import Table

from sidecar.cli.console import make_text, put
from sidecar.cli.options import add_pipeline_options, settings_of, state_directory
from sidecar.cli.output import put_error, put_json, put_line, put_note
from sidecar.config.settings import Settings
from sidecar.errors import ConfigurationError
from sidecar.lib.clock import iso
from sidecar.model.dead_letter import DeadLetter
from sidecar.sinks import registry
from sidecar.state.database import open_database
from sidecar.state.dead_letters import DeadLetterFilter, DeadLetterStore
from sidecar.tools.replay import replay

_MAX_REASON = 120
"""Characters of a reason in the list; `show` has all of it."""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    add_pipeline_options(parser)
    parser.add_argument("action", choices=["list", "show", "replay", "purge"], help="what to do")
    parser.add_argument(
        "numbers", metavar="NUMBER", nargs="*", type=int, help="which ones; all that match unless told"
    )
    parser.add_argument("--pipeline", metavar="NAME", help="only those of this pipeline")
    parser.add_argument("--sink", metavar="NAME", help="only those of this sink")
    parser.add_argument("--kind", metavar="KIND", help="only those refused for this kind of error")
    parser.add_argument("--path", metavar="FILE", help="only those from this file")
    parser.add_argument("--limit", metavar="N", type=int, default=100, help="how many to list (100)")
    parser.add_argument("--all", action="store_true", help="for purge without any other choice: really all of them")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """0, or 3 if something that was sent again is still not stored."""
    wanted = DeadLetterFilter(tuple(options.numbers), options.pipeline, options.sink, options.kind, options.path)
    store = open_database(state_directory(options), exclusive=False)
    try:
        letters = DeadLetterStore(store)
        actions = {"list": _list, "show": _show, "replay": _replay, "purge": _purge}
        return actions[options.action](letters, wanted, options)
    finally:
        store.close()


def _settings(options: argparse.Namespace) -> Settings:
    return settings_of(options, ["-"] if options.to else [], options.to)


def _list(letters: DeadLetterStore, wanted: DeadLetterFilter, options: argparse.Namespace) -> int:
    found = list(letters.list(wanted, options.limit))
    if options.json:
        for number, letter in found:
            put_json({"number": number, **asdict(letter)})
        return 0
    table = Table(box=None, pad_edge=False)
    for heading in ("number", "when", "sink", "file", "byte", "kind", "reason"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("number", "byte"))
    for number, letter in found:
        place = (letter.sink, letter.path, str(letter.start))
        cells = (str(number), iso(letter.at)[:19], *place, letter.kind, letter.reason[:_MAX_REASON])
        table.add_row(*map(make_text, cells))
    put(table)
    put_note(f"{len(found)} of {letters.count()} dead letters")
    return 0


def _show(letters: DeadLetterStore, wanted: DeadLetterFilter, options: argparse.Namespace) -> int:
    for number, letter in letters.list(wanted, options.limit):
        put_json({"number": number, **_readable(letter)}, indent=2)
    return 0


def _readable(letter: DeadLetter) -> dict[str, object]:
    try:
        document = json.loads(letter.document)
    except ValueError:
        document = letter.document
    return {**asdict(letter), "at": iso(letter.at), "document": document}


def _replay(letters: DeadLetterStore, wanted: DeadLetterFilter, options: argparse.Namespace) -> int:
    settings = _settings(options)
    sinks = {name: registry.create_sink(sink) for name, sink in settings.sinks.items()}
    result = replay(letters, wanted, sinks, time.time())
    put_line(f"{result.stored} stored, {result.refused} refused again")
    if result.failed:
        put_error(result.failed)
    return 3 if result.refused or result.failed else 0


def _purge(letters: DeadLetterStore, wanted: DeadLetterFilter, options: argparse.Namespace) -> int:
    if wanted == DeadLetterFilter() and not options.all:
        raise ConfigurationError("purge throws documents away for good", hint="say which ones, or --all")
    put_line(f"{letters.purge(wanted)} thrown away")
    return 0
