"""`sidecar setup`: creates what the sinks need on their servers, such as index templates, or prints it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from sidecar.cli.options import add_settings_options
from sidecar.cli.output import count_of, put_error, put_line, put_lines, put_note
from sidecar.cli.questions import can_ask, confirm
from sidecar.cli.settings import load_settings
from sidecar.errors import ConfigurationError, DeliveryError
from sidecar.lib.suggestions import suggestion_for
from sidecar.sinks import registry
from sidecar.sinks.setup_contract import PreparableSink, SetupConnection
from sidecar.tools.setup import Comparison, compare

_REFUSED = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("sinks", metavar="SINK", nargs="*", help="only these sinks (default: all)")
    add_settings_options(parser)
    parser.add_argument(
        "--print", dest="prints", action="store_true", help="print what would be created, without a connection"
    )
    parser.add_argument("--yes", action="store_true", help="change the servers without asking")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Create or print what the sinks need. Return 0, or 2 if something is missing afterwards."""
    settings = load_settings(options, ["-"] if options.to else [], options.to)
    for name in options.sinks:
        if name not in settings.sinks:
            raise ConfigurationError(f'there is no sink "{name}"{suggestion_for(name, settings.sinks)}')
    code = 0
    for name in options.sinks or settings.sinks:
        sink = registry.create_sink(settings.sinks[name])
        if not isinstance(sink, PreparableSink):
            put_note(f"{name}: this kind of sink needs no setup")
        elif options.prints:
            _print_plan(sink)
        else:
            code = max(code, _set_up(name, sink, is_confirmed=options.yes))
    return code


def _print_plan(sink: PreparableSink) -> None:
    for wanted in sink.plan_setup():
        put_line(wanted.request)
        put_lines(json.dumps(wanted.body, indent=2, ensure_ascii=False))
        put_line()


def _set_up(name: str, sink: PreparableSink, *, is_confirmed: bool) -> int:
    try:
        with sink.connect_setup() as connection:
            comparisons = compare(connection)
            put_line(f"{name}: {connection.server or 'connected'}")
            changes = [each for each in comparisons if not each.is_satisfied]
            for each in comparisons:
                _show(each)
            if not changes:
                return 0
            if not is_confirmed and not _ask(f"make {count_of(len(changes), 'change')} to {name}?"):
                put_note(f"{name}: nothing was changed")
                return _REFUSED
            _apply(connection, changes)
    except DeliveryError as error:
        put_error(f"{name}: {error}")
        return _REFUSED
    return 0


def _show(comparison: Comparison) -> None:
    wanted = comparison.wanted
    if comparison.is_satisfied:
        put_line(f"  {wanted.name}: is as wanted")
        return
    put_line(f"  {wanted.name}: {'does not exist' if comparison.current is None else 'differs'}")
    for line in comparison.difference():
        put_line(f"    {line}")


def _ask(question: str) -> bool:
    if not can_ask():
        put_error("standard input is no terminal, so nothing can be asked; add --yes to change the servers")
        return False
    return confirm(question)


def _apply(connection: SetupConnection, changes: Sequence[Comparison]) -> None:
    notes = []
    for change in changes:
        connection.write(change.wanted)
        put_line(f"  {change.wanted.name}: {'created' if change.current is None else 'changed'}")
        notes.append(change.wanted.note)
    for note in dict.fromkeys(filter(None, notes)):
        put_note(f"note: {note}")
