"""`sidecar status`: what a running sidecar is doing, in one screen."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from sidecar.configuration.places import state_directory_at_hand
from sidecar.observe.socket import NobodyThere, ask

_MOST_FILES = 20
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STYLES = {"up": "green", "new": "dim", "retrying": "yellow", "misconfigured": "bold red"}


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("--state-dir", metavar="DIR", type=Path, help="the state directory of the sidecar")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """0 if a sidecar answers, else 1."""
    directory = state_directory_at_hand(options.state_dir, os.environ)
    try:
        status, facts = ask(directory, "GET /status")
    except (NobodyThere, TimeoutError) as error:
        reason = "the sidecar does not answer in time" if isinstance(error, TimeoutError) else str(error)
        print(f"sidecar: {reason} ({directory}); name its state directory with --state-dir", file=sys.stderr)
        return 1
    if status != 200:
        print(facts["text"])
        return 1
    if options.json:
        print(json.dumps(facts))
    else:
        Console(soft_wrap=False).print(screen(facts))
    return 0


def screen(facts: Mapping[str, Any]) -> RenderableType:
    """The facts as tables: destinations, balance, the files that are furthest behind."""
    up_s = facts["now"] - facts["started_at"]
    head = Text(f"log-sidecar {facts['version']}, up for {_duration(up_s)}, state in {facts['state_dir']}")
    return Group(head, Text(), _sinks(facts), Text(), _balance(facts), Text(), _files(facts))


def _sinks(facts: Mapping[str, Any]) -> Table:
    table = _table("pipeline", "sink", "state", "behind", "oldest", "lines read", "retries")
    for each in facts["shippers"]:
        state = Text(f"{each['state']} for {_duration(facts['now'] - each['since'])}", _STYLES[each["state"]])
        tally = each["tally"]
        table.add_row(
            Text(each["pipeline"]), Text(each["sink"]), state, _size(each["lag_bytes"]), _duration(each["lag_s"]),
            f"{tally['lines_read']:,}", f"{tally['retries']:,}",
        )  # fmt: skip
        if each["error"]:
            table.add_row("", "", Text(each["error"], "yellow"), "", "", "", "")
    return table


def _balance(facts: Mapping[str, Any]) -> Table:
    table = _table("sink", "seen", "stored", "dead letters", "skipped", "lost", "not yet delivered")
    for each in facts["balance"]:
        kinds = dict.fromkeys(("stored", "dead_letter", "skipped", "lost"), 0)
        for what, size in each["bytes"].items():
            kind = what.partition(":")[0]
            kinds[kind] = kinds.get(kind, 0) + size
        lost = Text(_size(kinds["lost"]), "bold red" if kinds["lost"] else "")
        table.add_row(
            Text(each["sink"]), _size(sum(kinds.values()) + each["unsettled"]), _size(kinds["stored"]),
            _size(kinds["dead_letter"]), _size(kinds["skipped"]), lost, _size(each["unsettled"]),
        )  # fmt: skip
    return table


def _files(facts: Mapping[str, Any]) -> Table:
    """Those that are furthest behind first."""
    table = _table("file", "size", "settled", "")
    files: Sequence[Mapping[str, Any]] = sorted(facts["files"], key=_behind, reverse=True)
    for file in files[:_MOST_FILES]:
        least = file["size"] - _behind(file)
        remark = "deleted, or out of the paths" if file["is_deleted"] else "" if file["is_open"] else "closed for now"
        table.add_row(Text(file["path"]), _size(file["size"]), _size(least), remark)
    if len(files) > _MOST_FILES:
        table.add_row(f"and {len(files) - _MOST_FILES:,} more", "", "", "")
    return table


def _behind(file: Mapping[str, Any]) -> int:
    return max((file["size"] - offset for offset in file["settled"].values()), default=0)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        is_text = name in ("pipeline", "sink", "state", "file", "")
        table.add_column(name, justify="left" if is_text else "right", overflow="fold")
    return table


def _size(size: float) -> str:
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("the last unit takes everything")


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
