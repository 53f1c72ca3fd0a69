"""`sidecar checkpoints`: lists the offset of each sink in each file, rewinds files, or forgets them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table

from sidecar.cli.console import make_text, put
from sidecar.cli.options import add_settings_options
from sidecar.cli.output import count_of, put_error, put_json, put_line, put_note
from sidecar.cli.settings import choose_state_directory
from sidecar.errors import ConfigurationError
from sidecar.state.checkpoints import CheckpointFilter, CheckpointRow, Checkpoints
from sidecar.state.database import open_database


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_settings_options(parser)
    parser.add_argument(
        "action", choices=["list", "rewind", "forget"],
        help="list: list checkpoints; rewind: ship files again from the beginning; forget: delete checkpoints",
    )  # fmt: skip
    parser.add_argument("--pipeline", metavar="NAME", help="only checkpoints of this pipeline")
    parser.add_argument("--sink", metavar="NAME", help="only checkpoints of this sink")
    parser.add_argument("--path", metavar="FILE", help="only checkpoints of this file")
    parser.add_argument("--all", action="store_true", help="rewind or forget every file")
    parser.add_argument(
        "--new-ids", action="store_true",
        help="with rewind: ship all lines as new documents to all sinks, for example after a parser was fixed",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object for each checkpoint")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the action.

    `list` works while a sidecar runs; the other actions need exclusive access to the state directory.
    """
    selection = CheckpointFilter(options.pipeline, options.sink, options.path)
    changes = options.action != "list"
    if changes and selection == CheckpointFilter() and not options.all:
        raise ConfigurationError(
            f"{options.action} must be limited to a selection of files",
            hint="add --pipeline, --sink or --path, or --all for every file",
        )
    if options.new_ids and (options.action != "rewind" or options.sink):
        raise ConfigurationError(
            "--new-ids works only with rewind, and for all sinks of a file", hint="remove --sink or --new-ids"
        )
    store = open_database(choose_state_directory(options), exclusive=changes, create=False)
    try:
        checkpoints = Checkpoints(store)
        if options.action == "list":
            _print(checkpoints.find_rows(selection), as_json=options.json)
            return 0
        if options.action == "rewind" and not options.new_ids:
            rows, effect = checkpoints.rewind(selection), "will be shipped again with the same ids"
        else:
            rows, effect = checkpoints.forget(selection), "forgotten; files that still exist will be shipped as new"
    finally:
        store.close()
    if not rows and not options.all:
        put_error("no checkpoint matches; `sidecar checkpoints list` shows all of them")
        return 2
    _print_summary(rows, effect)
    return 0


def _print_summary(rows: Sequence[CheckpointRow], effect: str) -> None:
    files = len({row.generation for row in rows})
    put_line(f"{count_of(files, 'file')}, {count_of(len(rows), 'checkpoint')}: {effect}")


def _print(rows: Sequence[CheckpointRow], *, as_json: bool) -> None:
    if as_json:
        for row in rows:
            paths = {"path": row.display_path(row.path), "name": row.display_path(row.name)}
            put_json({"id": row.id_prefix, **asdict(row), **paths})
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("generation", "pipeline", "sink", "file", "settled", "seen", "state"):
        right = heading in ("settled", "seen")
        table.add_column(heading, overflow="fold", justify="right" if right else "left", no_wrap=right)
    for row in rows:
        name = row.display_path(row.name)
        cells = (row.id_prefix, row.pipeline, row.sink, name, str(row.offset), str(row.seen), row.state)
        table.add_row(*map(make_text, cells))
    put(table)
    put_note(count_of(len(rows), "checkpoint"))
