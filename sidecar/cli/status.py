"""`sidecar status`: what a running sidecar is doing, in one screen."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sidecar.admin.client import SidecarNotRunning, ask
from sidecar.cli.console import make_text, put
from sidecar.cli.output import put_error, put_json
from sidecar.cli.state import add_state_option, open_state_directory

_MOST_FILES = 20
_MOST_REFUSED = 10
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STYLES = {"up": "green", "new": "dim", "retrying": "yellow", "misconfigured": "bold red", "blocked": "bold red"}


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    add_state_option(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


class StatusUnavailable(Exception):
    """No sidecar tells its facts here; the message says why, and what to do."""


def facts_of(directory: Path, *, all_files: bool = False) -> Mapping[str, Any]:
    """What the sidecar of this state directory says of itself: with all files, or with those that `screen` can show,
    in whatever order. Raises `StatusUnavailable`."""
    try:
        status, facts = ask(directory, "GET /status" if all_files else f"GET /status?files={_MOST_FILES}")
    except (SidecarNotRunning, TimeoutError) as error:
        reason = "the sidecar does not answer in time" if isinstance(error, TimeoutError) else str(error)
        raise StatusUnavailable(f"{reason} ({directory}); name its state directory with --state-dir") from None
    if status != 200:
        raise StatusUnavailable(str(facts["text"]))
    return facts


def run(options: argparse.Namespace) -> int:
    """0 if a sidecar answers, else 1."""
    try:
        facts = facts_of(open_state_directory(options), all_files=options.json)
    except StatusUnavailable as error:
        put_error(error)
        return 1
    if options.json:
        put_json(facts)
    else:
        put(screen(facts))
    return 0


def screen(
    facts: Mapping[str, Any], before: Mapping[str, Any] | None = None, order: str = "behind"
) -> RenderableType:
    """The facts as tables: destinations, balance, files in this order. With earlier facts there is a rate."""
    up_s = facts["now"] - facts["started_at"]
    head = make_text(f"log-sidecar {facts['version']}, up for {_duration(up_s)}, state in {facts['state_dir']}")
    parts: list[RenderableType] = [head, Text(), _sinks(facts, before), Text(), _balance(facts)]
    if reasons := list(_reasons(facts)):
        parts += [Text(), *reasons]
    return Group(*parts, Text(), _files(facts, order))


def _reasons(facts: Mapping[str, Any]) -> Iterator[Text]:
    """Yield why paths are not read, why documents were refused since the start, and why bytes were lost."""
    shown = facts["refused"][:_MOST_REFUSED]
    for each in shown:
        yield make_text(f"not read: {each['path']}: {each['reason']}", "yellow")
    if (more := sum(each["refused"] for each in facts["sums"]) - len(shown)) > 0:
        yield make_text(f"not read: {more:,} more paths", "yellow")
    for each in facts["shippers"]:
        if refused := each["tally"]["refusals"]:
            told = ", ".join(f"{count:,} {kind}" for kind, count in sorted(refused.items()))
            place = f"{each['pipeline']} to {each['sink']}"
            yield make_text(
                f"{place}: dead letters since the start: {told}; see `sidecar dead-letters list`", "yellow"
            )
    for each in facts["balance"]:
        lost = {what[5:]: size for what, size in each["bytes"].items() if what.startswith("lost:") and size}
        if lost:
            told = ", ".join(f"{_size(size)} {reason}" for reason, size in sorted(lost.items()))
            yield make_text(f"{each['sink']}: lost: {told}", "bold red")


def _sinks(facts: Mapping[str, Any], before: Mapping[str, Any] | None) -> Table:
    table = _table("pipeline", "sink", "state", "behind", "oldest", "lines read", "lines/s", "retries")
    for each in facts["shippers"]:
        state = make_text(f"{each['state']} for {_duration(facts['now'] - each['since'])}", _STYLES[each["state"]])
        tally = each["tally"]
        table.add_row(
            make_text(each["pipeline"]), make_text(each["sink"]), state,
            _size(each["lag_bytes"]), _duration(each["lag_s"]),
            f"{tally['lines_read']:,}", _rate(facts, before, each), f"{tally['retries']:,}",
        )  # fmt: skip
        if each["error"]:
            table.add_row("", "", make_text(each["error"], "yellow"))
    return table


def _rate(facts: Mapping[str, Any], before: Mapping[str, Any] | None, shipper: Mapping[str, Any]) -> str:
    """Lines a second since the earlier facts, or since the start."""
    passed, lines = facts["now"] - facts["started_at"], shipper["tally"]["lines_read"]
    if before is not None and before is not facts:
        passed = facts["now"] - before["now"]
        for each in before["shippers"]:
            if (each["pipeline"], each["sink"]) == (shipper["pipeline"], shipper["sink"]):
                lines -= each["tally"]["lines_read"]
    return f"{max(0.0, lines) / passed:,.0f}" if passed > 0 else ""


def _balance(facts: Mapping[str, Any]) -> Table:
    table = _table("sink", "seen", "stored", "dead letters", "filtered", "skipped", "lost", "not yet delivered")
    for each in facts["balance"]:
        kinds = dict.fromkeys(("stored", "dead_letter", "filtered", "skipped", "lost"), 0)
        for what, size in each["bytes"].items():
            kind = what.partition(":")[0]
            kinds[kind] = kinds.get(kind, 0) + size
        lost = Text(_size(kinds["lost"]), "bold red" if kinds["lost"] else "")
        table.add_row(
            make_text(each["sink"]), _size(sum(kinds.values()) + each["unsettled"]), _size(kinds["stored"]),
            _size(kinds["dead_letter"]), _size(kinds["filtered"]), _size(kinds["skipped"]), lost,
            _size(each["unsettled"]),
        )  # fmt: skip
    return table


def _files(facts: Mapping[str, Any], order: str) -> Table:
    table = _table("file", "size", "settled", "")
    files: Sequence[Mapping[str, Any]] = sorted(facts["files"], key=_SORTED_BY[order], reverse=order != "name")
    for file in files[:_MOST_FILES]:
        least = file["size"] - _behind(file)
        remark = "deleted, or out of the paths" if file["is_deleted"] else "" if file["is_open"] else "closed for now"
        table.add_row(make_text(file["path"]), _size(file["size"]), _size(least), remark)
    if more := sum(each["files"] for each in facts["sums"]) - len(files[:_MOST_FILES]):
        table.add_row(f"and {more:,} more", "", "", "")
    return table


def _behind(file: Mapping[str, Any]) -> int:
    return max((file["size"] - offset for offset in file["settled"].values()), default=0)


_SORTED_BY: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "behind": _behind,
    "size": lambda file: file["size"],
    "name": lambda file: file["path"],
}
ORDERS = tuple(_SORTED_BY)
"""The orders in which files can be shown."""


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
