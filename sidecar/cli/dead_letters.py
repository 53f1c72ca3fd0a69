"""`sidecar dead-letters`: lists, shows, replays or purges documents that a sink rejected."""

from __future__ import annotations

import argparse
import json
import time

from msgspec.structs import asdict
from rich.table import Table

from sidecar.cli.console import make_text, put
from sidecar.cli.options import add_settings_options
from sidecar.cli.output import put_error, put_json, put_line, put_note
from sidecar.cli.quantities import number_option
from sidecar.cli.settings import choose_state_directory, load_settings
from sidecar.config.settings import Settings
from sidecar.errors import ConfigurationError, DeliveryError
from sidecar.lib.clock import iso
from sidecar.lib.suggestions import suggestion_for
from sidecar.model.dead_letter import DeadLetter
from sidecar.sinks import registry
from sidecar.sinks.archive_contract import ArchivingSink
from sidecar.state.database import open_database
from sidecar.state.dead_letters import DeadLetterFilter, DeadLetterStore
from sidecar.tools.replay import ArchivedLetters, LetterSource, replay

_MAX_LISTED = 100
_MAX_REASON_CHARACTERS = 120
"""Maximum number of characters of a reason in the list; `show` prints the whole reason."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_settings_options(parser)
    parser.add_argument("action", choices=["list", "show", "replay", "purge"],
        help="list: list dead letters; show: print their documents; replay: send them to their sink again; "
        "purge: delete them",
    )  # fmt: skip
    parser.add_argument(
        "numbers",
        metavar="NUMBER",
        nargs="*",
        type=number_option,
        help="only dead letters with these numbers",
    )
    parser.add_argument("--pipeline", metavar="NAME", help="only dead letters of this pipeline")
    parser.add_argument("--sink", metavar="NAME", help="only dead letters of this sink")
    parser.add_argument("--kind", metavar="KIND", help="only dead letters with this kind of error")
    parser.add_argument("--path", metavar="FILE", help="only dead letters of this file")
    parser.add_argument(
        "--from", dest="archive", metavar="SINK",
        help="with replay: read the dead letters from this sink (dead_letters.to) and delete the replayed ones there",
    )  # fmt: skip
    parser.add_argument(
        "--limit", metavar="N", type=number_option, help="with list and show: at most N dead letters (default: 100)"
    )
    parser.add_argument("--all", action="store_true", help="purge every dead letter")
    parser.add_argument("--json", action="store_true", help="with list: print one JSON object for each dead letter")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the action. Return 0, or 3 if a replayed document was not stored."""
    selection = DeadLetterFilter(tuple(options.numbers), options.pipeline, options.sink, options.kind, options.path)
    if options.limit is not None and options.action not in ("list", "show"):
        raise ConfigurationError(
            f"--limit does not work with {options.action}",
            hint="choose the dead letters by NUMBER, or remove --limit",
        )
    if options.archive:
        return _run_replay_from(selection, options)
    store = open_database(choose_state_directory(options), exclusive=False)
    try:
        letters = DeadLetterStore(store)
        actions = {"list": _run_list, "show": _run_show, "replay": _run_replay, "purge": _run_purge}
        return actions[options.action](letters, selection, options)
    finally:
        store.close()


def _load(options: argparse.Namespace) -> Settings:
    return load_settings(options, ["-"] if options.to else [], options.to)


def _run_list(letters: DeadLetterStore, selection: DeadLetterFilter, options: argparse.Namespace) -> int:
    rows = list(letters.list(selection, options.limit or _MAX_LISTED))
    if options.json:
        for number, letter in rows:
            put_json({"number": number, **asdict(letter)})
        return 0
    table = Table(box=None, pad_edge=False)
    for heading in ("number", "when", "sink", "file", "byte", "kind", "reason"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("number", "byte"))
    for number, letter in rows:
        line = (letter.sink, letter.path, str(letter.start))
        cells = (str(number), iso(letter.at)[:19], *line, letter.kind, letter.reason[:_MAX_REASON_CHARACTERS])
        table.add_row(*map(make_text, cells))
    put(table)
    put_note(f"{len(rows)} of {letters.count()} dead letters")
    return 0


def _run_show(letters: DeadLetterStore, selection: DeadLetterFilter, options: argparse.Namespace) -> int:
    matches = list(letters.list(selection, options.limit or _MAX_LISTED))
    for number, letter in matches:
        put_json({"number": number, **_as_json(letter)}, indent=2)
    if not matches and selection != DeadLetterFilter():
        put_error("no dead letter matches; `sidecar dead-letters list` shows all of them")
        return 2
    return 0


def _as_json(letter: DeadLetter) -> dict[str, object]:
    try:
        document = json.loads(letter.document)
    except ValueError:
        document = letter.document
    return {**asdict(letter), "at": iso(letter.at), "document": document}


def _run_replay(letters: LetterSource, selection: DeadLetterFilter, options: argparse.Namespace) -> int:
    return _replay(_load(options), letters, selection)


def _run_replay_from(selection: DeadLetterFilter, options: argparse.Namespace) -> int:
    """Replay dead letters that were copied to a sink, perhaps by other Pods. The local state is not used."""
    if options.action != "replay" or selection.numbers:
        raise ConfigurationError(
            "--from works only with replay, and without NUMBER", hint="choose by --pipeline, --sink, --kind or --path"
        )
    settings = _load(options)
    if options.archive not in settings.sinks:
        raise ConfigurationError(
            f'there is no sink "{options.archive}"{suggestion_for(options.archive, settings.sinks)}',
            location="--from",
        )
    sink = registry.create_sink(settings.sinks[options.archive])
    if not isinstance(sink, ArchivingSink):
        raise ConfigurationError(
            "documents of this kind of sink cannot be read back", location=options.archive,
            hint="replay the dead letters of each state directory instead",
        )  # fmt: skip
    try:
        with sink.open_archive() as archive:
            return _replay(settings, ArchivedLetters(archive), selection)
    except DeliveryError as error:
        put_error(f"{options.archive}: {error}")
        return 3


def _replay(settings: Settings, letters: LetterSource, selection: DeadLetterFilter) -> int:
    sinks = {name: registry.create_sink(sink) for name, sink in settings.sinks.items()}
    result = replay(letters, selection, sinks, time.time())
    put_line(f"{result.stored} stored, {result.refused} rejected again")
    if result.failed:
        put_error(result.failed)
    return 3 if result.refused or result.failed else 0


def _run_purge(letters: DeadLetterStore, selection: DeadLetterFilter, options: argparse.Namespace) -> int:
    if selection == DeadLetterFilter() and not options.all:
        raise ConfigurationError(
            "purge deletes dead letters permanently, so it must be limited to a selection",
            hint="add NUMBER, --pipeline, --sink, --kind or --path, or --all for every dead letter",
        )
    put_line(f"{letters.purge(selection)} deleted")
    return 0
