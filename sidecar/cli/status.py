"""`sidecar status`: shows the sinks, the balance and the files of a running sidecar on one screen."""

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
from sidecar.pipeline.parse_quality import MAX_UNPARSED_SHARE

_MAX_FILES = 20
_MAX_UNREADABLE = 10
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STYLES = {"up": "green", "new": "dim", "retrying": "yellow", "misconfigured": "bold red", "blocked": "bold red"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_state_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


class StatusUnavailable(Exception):
    """No sidecar with this state directory reports its status. The message says why, and what to do."""


def fetch_status(directory: Path, *, all_files: bool = False) -> Mapping[str, Any]:
    """Return the status of the sidecar with this state directory. Raise `StatusUnavailable` if none answers.

    Without `all_files`, it contains only the files that `render_status` may show, in any of the sort orders.
    """
    try:
        code, status = ask(directory, "GET /status" if all_files else f"GET /status?files={_MAX_FILES}")
    except (SidecarNotRunning, TimeoutError) as error:
        reason = "the sidecar did not answer in time" if isinstance(error, TimeoutError) else str(error)
        raise StatusUnavailable(f"{reason} ({directory}); pass its state directory with --state-dir") from None
    if code != 200:
        raise StatusUnavailable(str(status["text"]))
    return status


def run(options: argparse.Namespace) -> int:
    """Print the status. Return 0 if a sidecar answers, else 1."""
    try:
        status = fetch_status(open_state_directory(options), all_files=options.json)
    except StatusUnavailable as error:
        put_error(error)
        return 1
    if options.json:
        put_json(status)
    else:
        put(render_status(status))
    return 0


def render_status(
    status: Mapping[str, Any], before: Mapping[str, Any] | None = None, order: str = "behind"
) -> RenderableType:
    """Return the status as tables of sinks, balance and files. Rates are those since `before`, or since the start."""
    up_s = status["now"] - status["started_at"]
    head = make_text(f"log-sidecar {status['version']}, up for {_age_text(up_s)}, state in {status['state_dir']}")
    parts: list[RenderableType] = [head, Text(), _sinks_table(status, before), Text(), _balance_table(status)]
    if reasons := list(_describe_problems(status)):
        parts += [Text(), *reasons]
    return Group(*parts, Text(), _files_table(status, order))


def _describe_problems(status: Mapping[str, Any]) -> Iterator[Text]:
    """Yield the reasons for paths that are not read, for dead letters and for lost bytes."""
    shown = status["refused"][:_MAX_UNREADABLE]
    for each in shown:
        yield make_text(f"not read: {each['path']}: {each['reason']}", "yellow")
    if (more := sum(each["refused"] for each in status["sums"]) - len(shown)) > 0:
        yield make_text(f"not read: {more:,} more paths", "yellow")
    for each in status["shippers"]:
        for parked in each["parked"]:
            what = f"{parked['lines']:,} lines ({_size_text(parked['bytes'])})"
            where = f" for {parked['target']}" if parked["target"] else ""
            reason = parked["error"] or "refused in an earlier run"
            place = f"{each['pipeline']} to {each['sink']}"
            yield make_text(f"{place}: {what}{where} wait in their files: {reason}", "yellow")
        if (share := each["counters"]["unparsed_share"]) > MAX_UNPARSED_SHARE:
            yield make_text(
                f"{each['pipeline']}: no parser accepted {share:.0%} of the last 1,000 lines; run `sidecar explain"
                " --detect FILE`", "yellow",
            )  # fmt: skip
        if refused := each["counters"]["refusals"]:
            counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(refused.items()))
            place = f"{each['pipeline']} to {each['sink']}"
            yield make_text(
                f"{place}: dead letters since the start: {counts}; see `sidecar dead-letters list`", "yellow"
            )
    for each in status["balance"]:
        lost = {what[5:]: size for what, size in each["bytes"].items() if what.startswith("lost:") and size}
        if lost:
            counts = ", ".join(f"{_size_text(size)} {reason}" for reason, size in sorted(lost.items()))
            yield make_text(f"{each['sink']}: lost: {counts}", "bold red")


def _sinks_table(status: Mapping[str, Any], before: Mapping[str, Any] | None) -> Table:
    table = _new_table("pipeline", "sink", "state", "behind", "oldest", "lines read", "lines/s", "retries")
    for each in status["shippers"]:
        state = make_text(f"{each['state']} for {_age_text(status['now'] - each['since'])}", _STYLES[each["state"]])
        counters = each["counters"]
        table.add_row(
            make_text(each["pipeline"]), make_text(each["sink"]), state,
            _size_text(each["lag_bytes"]), _age_text(each["lag_s"]),
            f"{counters['lines_read']:,}", _format_rate(status, before, each), f"{counters['retries']:,}",
        )  # fmt: skip
        if each["error"]:
            table.add_row("", "", make_text(each["error"], "yellow"))
    return table


def _format_rate(status: Mapping[str, Any], before: Mapping[str, Any] | None, shipper: Mapping[str, Any]) -> str:
    """Return the lines per second since `before`, or since the start."""
    elapsed_s, lines = status["now"] - status["started_at"], shipper["counters"]["lines_read"]
    if before is not None and before is not status:
        elapsed_s = status["now"] - before["now"]
        for each in before["shippers"]:
            if (each["pipeline"], each["sink"]) == (shipper["pipeline"], shipper["sink"]):
                lines -= each["counters"]["lines_read"]
    return f"{max(0.0, lines) / elapsed_s:,.0f}" if elapsed_s > 0 else ""


def _balance_table(status: Mapping[str, Any]) -> Table:
    table = _new_table("sink", "seen", "stored", "dead letters", "filtered", "skipped", "lost", "not yet delivered")
    for each in status["balance"]:
        kinds = dict.fromkeys(("stored", "dead_letter", "filtered", "skipped", "lost"), 0)
        for what, size in each["bytes"].items():
            kind = what.partition(":")[0]
            kinds[kind] = kinds.get(kind, 0) + size
        lost = Text(_size_text(kinds["lost"]), "bold red" if kinds["lost"] else "")
        table.add_row(
            make_text(each["sink"]), _size_text(sum(kinds.values()) + each["unsettled"]), _size_text(kinds["stored"]),
            _size_text(kinds["dead_letter"]), _size_text(kinds["filtered"]), _size_text(kinds["skipped"]), lost,
            _size_text(each["unsettled"]),
        )  # fmt: skip
    return table


def _files_table(status: Mapping[str, Any], order: str) -> Table:
    is_detected = any(file["parser"] for file in status["files"])
    table = _new_table("file", "size", "settled", *(["parser"] if is_detected else []), "")
    files: Sequence[Mapping[str, Any]] = sorted(status["files"], key=_SORT_KEYS[order], reverse=order != "name")
    for file in files[:_MAX_FILES]:
        least = file["size"] - _unsettled_bytes(file)
        remark = "deleted or renamed" if file["is_deleted"] else "" if file["is_open"] else "closed while idle"
        parser = [make_text(file["parser"] or "not detected yet")] if is_detected else []
        table.add_row(make_text(file["path"]), _size_text(file["size"]), _size_text(least), *parser, remark)
    if more := sum(each["files"] for each in status["sums"]) - len(files[:_MAX_FILES]):
        table.add_row(f"and {more:,} more")
    return table


def _unsettled_bytes(file: Mapping[str, Any]) -> int:
    return max((file["size"] - offset for offset in file["settled"].values()), default=0)


_SORT_KEYS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "behind": _unsettled_bytes,
    "size": lambda file: file["size"],
    "name": lambda file: file["path"],
}
ORDERS = tuple(_SORT_KEYS)
"""The orders in which files can be sorted."""


def _new_table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        is_text = name in ("pipeline", "sink", "state", "file", "parser", "")
        table.add_column(name, justify="left" if is_text else "right", overflow="fold")
    return table


def _size_text(size: float) -> str:
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("the last unit has no upper bound")


def _age_text(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
