"""`make docs`: writes the tables of docs/reference/cli.md from the parsers of the commands and their exit codes.

A table is between `<!-- generated: NAME -->` and `<!-- end -->`; NAME is `exit codes`, `common options` or
`options of COMMAND`. The rest of the page is written by hand.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sidecar.cli import build_full_parser
from sidecar.cli.exit_codes import COMMON, EXIT_CODES
from sidecar.cli.options import add_pipeline_options

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
_TABLE = re.compile(r"(<!-- generated: ([^>]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_OPTIONS = "options of "


def with_tables(page: str) -> str:
    """Return the page with the tables written again. Raises `KeyError` for the name of an unknown table."""
    tables = {"exit codes": _exit_codes(), "common options": _common_options(), **_options_of_each_command()}
    return _TABLE.sub(lambda found: f"{found[1]}{tables[found[2]]}{found[3]}", page)


def table_names(page: str) -> list[str]:
    """Return the names of the tables of the page, in their order."""
    return [found[2] for found in _TABLE.finditer(page)]


def names_of_option_tables() -> list[str]:
    """Return the name of the table of each command that has options."""
    return [name for name, table in _options_of_each_command().items() if table]


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command."""
    (commands,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(commands.choices)


def help_of(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """Return the help of an option, without placeholders."""
    return (action.help or "") % {**vars(action), "prog": parser.prog}


def value_of(action: argparse.Action) -> str:
    """Return what stands for the value of an option or argument; "" for a switch."""
    if action.nargs == 0:
        return ""
    return str(action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper()))


def _exit_codes() -> str:
    common = [("all", str(code), meaning) for code, meaning in COMMON.items()]
    special = [
        (f"`{command}`", str(code), meaning)
        for command, codes in EXIT_CODES.items()
        for code, meaning in codes.items()
    ]
    return _table(("command", "exit code", "meaning"), [*common, *special])


def _common_options() -> str:
    parser = argparse.ArgumentParser()
    add_pipeline_options(parser)
    return _table(("option", "meaning"), _rows(parser, set()))


def _options_of_each_command() -> dict[str, str]:
    common = argparse.ArgumentParser(add_help=False)
    add_pipeline_options(common)
    shared = set(common._option_string_actions)
    tables = {}
    for name, parser in subparsers(build_full_parser()).items():
        has_common = shared <= set(parser._option_string_actions)
        rows = list(_rows(parser, {"--help", *(shared if has_common else ())}))
        more = "\nIt also accepts the [common options](#common-options).\n" if has_common else ""
        tables[_OPTIONS + name] = (_table(("option", "meaning"), rows) if rows else "") + more
    return tables


def _rows(parser: argparse.ArgumentParser, left_out: set[str]) -> Iterator[tuple[str, str]]:
    for action in parser._actions:
        if action.help != argparse.SUPPRESS and not left_out & set(action.option_strings):
            yield _invocation(action), help_of(parser, action)


def _invocation(action: argparse.Action) -> str:
    value = value_of(action)
    if not action.option_strings:
        return f"`{value} …`" if action.nargs in ("*", argparse.REMAINDER) else f"`{value}`"
    *short, last = action.option_strings
    return ", ".join((*(f"`{name}`" for name in short), f"`{last} {value}`" if value else f"`{last}`"))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
