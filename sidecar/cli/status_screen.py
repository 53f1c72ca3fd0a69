"""Lays out the status of a sidecar: as long as it needs to be, or within the lines and columns of a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from sidecar.cli.console import make_text
from sidecar.lib.quantity_text import age_text, size_text

Status = Mapping[str, Any]

MAX_FILES = 20
_MIN_FILES = 3
_WIDE_COLUMNS = 100
"""Columns from which on all columns of a table fit."""

_MAX_FINDING_LINES = 4
_MIN_WRAP_COLUMNS = 20
"""How far before the end of a line it may end at a blank, if a longer text continues on the next one."""
_STATE_STYLES = {
    "up": "green", "new": "dim", "interrupted": "yellow", "retrying": "bold red", "misconfigured": "bold red",
    "blocked": "bold red",
}  # fmt: skip
_LEVEL_STYLES = {"good": "green", "warning": "yellow", "bad": "bold red"}


class StatusScreen:
    """The status as a headline, the findings, and tables of sinks, balance and files.

    `before`: an earlier status; rates are those since then, or since the start. `order`: sorts the files. `height`:
    maximum number of lines; the worst rows of each table are shown, and long texts are shortened.
    """

    def __init__(
        self, status: Status, before: Status | None = None, order: str = "behind", height: int | None = None
    ) -> None:
        self._status, self._before, self._order, self._height = status, before, order, height

    def __rich_console__(self, console: object, options: ConsoleOptions) -> RenderResult:
        """Yield the parts for a console of this width."""
        status, is_bounded, width = self._status, self._height is not None, options.max_width
        findings = _findings(status, width, is_bounded=is_bounded)
        shippers = sorted(status["shippers"], key=_urgency)
        wanted = [len(findings), len(shippers), len(status["balance"]), max(len(status["files"]), _MIN_FILES)]
        rows = _Rows(*wanted)
        if self._height is not None:
            # The headline, one empty line before each part, and the heads of the three tables take ten lines.
            rows = _Rows(*_share(self._height - 8, wanted))
        yield _headline(status, width if is_bounded else None)
        if findings:
            yield from (Text(), *_cut_findings(findings, rows.findings))
        cut = _Cut(width) if is_bounded else _Cut(None)
        yield from (Text(), _sinks_table(status, self._before, shippers[: rows.sinks], cut))
        yield from (Text(), _balance_table(status["balance"][: rows.balances], cut))
        yield from (Text(), _files_table(status, self._order, min(rows.files, MAX_FILES), cut))


class _Rows(NamedTuple):
    findings: int
    sinks: int
    balances: int
    files: int


class _Cut(NamedTuple):
    """How texts are shortened. `width`: columns of the screen; None if nothing is shortened."""

    width: int | None

    @property
    def is_narrow(self) -> bool:
        return self.width is not None and self.width < _WIDE_COLUMNS

    def name(self, text: str, share: float, kept_end: float = 0.3) -> Text:
        """Return a name in at most this share of the width. `kept_end`: share of it that its last characters get."""
        shown = make_text(text)
        most = len(shown) if self.width is None else max(4, int(self.width * share))
        if len(shown) > most:
            shown = make_text(text.partition("://")[2] or text)  # the name may be a URL
        if len(shown) > most:
            end = int((most - 1) * kept_end)
            shown = make_text(f"{shown.plain[: most - 1 - end]}…{shown.plain[len(shown) - end :]}")
        return shown

    def path(self, text: str, share: float) -> Text:
        """Return the end of a path in at most this share of the width."""
        return self.name(text, share, 1.0)


def _share(room: int, wanted: Sequence[int]) -> list[int]:
    """Return how many rows each part gets: a fair share of the room, and what other parts leave."""
    shares = [0] * len(wanted)
    for _ in range(max(0, room)):
        hungry = [index for index, most in enumerate(wanted) if shares[index] < most]
        if not hungry:
            break
        shares[min(hungry, key=shares.__getitem__)] += 1
    return shares


def _headline(status: Status, width: int | None) -> Text:
    condition, up_s = status["condition"], status["now"] - status["started_at"]
    head = Text()
    head.append_text(make_text(f"{condition['level']}: {condition['text']}", _LEVEL_STYLES[condition["level"]]))
    about = f" · log-sidecar {status['version']}, up for {age_text(up_s)}, state in {status['state_dir']}"
    head.append_text(make_text(about, "dim"))
    if width is not None:
        head.no_wrap, head.overflow = True, "ellipsis"
        head.truncate(width, overflow="ellipsis")
    return head


def _findings(status: Status, width: int, *, is_bounded: bool) -> list[Text]:
    """Return the lines of the findings. On a bounded screen a finding takes few lines, and the rest of it is cut."""
    lines: list[Text] = []
    for finding in status["condition"]["findings"]:
        text, style = make_text(finding["text"]).plain, _LEVEL_STYLES[finding["level"]]
        most = _MAX_FINDING_LINES if finding["level"] == "bad" else 1
        lines += [Text(line, style) for line in (_wrap(text, width, most) if is_bounded else [text])]
    return lines


def _cut_findings(lines: Sequence[Text], most: int) -> Sequence[Text]:
    """Return at most `most` lines; if some are left out, the last one says how many."""
    hidden = len(lines) - most
    return lines if hidden <= 0 else [*lines[: most - 1], make_text(f"and {hidden + 1} more lines", "dim")]


def _wrap(text: str, width: int, most: int) -> Iterator[str]:
    """Yield the text in lines of this width. Break words that are long, as addresses are."""
    for number in range(most):
        if len(text) <= width:
            yield text
            return
        if number == most - 1:
            yield f"{text[: width - 1]}…"
            return
        end = text.rfind(" ", width - _MIN_WRAP_COLUMNS, width + 1)
        end = width if end <= 0 else end
        yield text[:end]
        text = text[end:].lstrip(" ")


def _urgency(shipper: Status) -> tuple[int, float]:
    order = ("blocked", "misconfigured", "retrying", "interrupted", "up", "new")
    return order.index(shipper["state"]), -shipper["lag_s"]


def _sinks_table(status: Status, before: Status | None, shippers: Sequence[Status], cut: _Cut) -> Table:
    more = ("lines read", "retries")
    table = _new_table(
        cut, "pipeline", "sink", "state", "behind", "oldest", "lines/s", *(() if cut.is_narrow else more)
    )
    for each in shippers:
        state = f"{each['state']}{' ' if cut.is_narrow else ' for '}{age_text(status['now'] - each['since'])}"
        counters = each["counters"]
        numbers = [
            size_text(each["lag_bytes"]), age_text(each["lag_s"]), _format_rate(status, before, each),
            f"{counters['lines_read']:,}", f"{counters['retries']:,}",
        ]  # fmt: skip
        table.add_row(
            cut.name(each["pipeline"], 0.12), cut.name(each["sink"], 0.2),
            make_text(state, _STATE_STYLES[each["state"]]), *numbers[: 3 if cut.is_narrow else 5],
        )  # fmt: skip
    return table


def _format_rate(status: Status, before: Status | None, shipper: Status) -> str:
    """Return the lines that were settled per second since `before`, or since the start."""
    elapsed_s, lines = status["now"] - status["started_at"], sum(shipper["counters"]["lines"].values())
    if before is not None and before is not status:
        elapsed_s = status["now"] - before["now"]
        for each in before["shippers"]:
            if (each["pipeline"], each["sink"]) == (shipper["pipeline"], shipper["sink"]):
                lines -= sum(each["counters"]["lines"].values())
    return f"{max(0.0, lines) / elapsed_s:,.0f}" if elapsed_s > 0 else ""


def _balance_table(balances: Sequence[Status], cut: _Cut) -> Table:
    last = ("dead", "filtered", "skipped", "lost", "unsettled") if cut.is_narrow else (
        "dead letters", "filtered", "skipped", "lost", "not yet delivered"
    )  # fmt: skip
    table = _new_table(cut, "sink", "seen", "stored", *last)
    for each in balances:
        kinds = dict.fromkeys(("stored", "dead_letter", "filtered", "skipped", "lost"), 0)
        for what, size in each["bytes"].items():
            kind = what.partition(":")[0]
            kinds[kind] = kinds.get(kind, 0) + size
        lost = Text(size_text(kinds["lost"]), "bold red" if kinds["lost"] else "")
        table.add_row(
            cut.name(each["sink"], 0.13), size_text(sum(kinds.values()) + each["unsettled"]),
            size_text(kinds["stored"]), size_text(kinds["dead_letter"]), size_text(kinds["filtered"]),
            size_text(kinds["skipped"]), lost, size_text(each["unsettled"]),
        )  # fmt: skip
    return table


def _files_table(status: Status, order: str, most: int, cut: _Cut) -> Table:
    is_detected = any(file["parser"] for file in status["files"]) and not cut.is_narrow
    table = _new_table(cut, "file", "size", "settled by all", "oldest", *(["parser"] if is_detected else []), "")
    files: Sequence[Status] = sorted(status["files"], key=_SORT_KEYS[order], reverse=order != "name")
    total = sum(each["files"] for each in status["sums"])
    shown = files[: most - 1] if total > most and cut.width is not None else files[:most]
    for file in shown:
        least = file["size"] - _unsettled_bytes(file)
        remark = "deleted or renamed" if file["is_deleted"] else "" if file["is_open"] else "closed while idle"
        parser = [make_text(file["parser"] or "not detected yet")] if is_detected else []
        oldest = _oldest_text(file) if cut.is_narrow else cut.name(", ".join(_describe_lags(file)), 0.22)
        table.add_row(
            cut.path(file["path"], 0.5 if cut.is_narrow else 0.35), size_text(file["size"]), size_text(least),
            oldest, *parser, "" if cut.is_narrow else remark,
        )  # fmt: skip
    if more := total - len(shown):
        table.add_row(f"and {more:,} more")
    return table


def _oldest_text(file: Status) -> str:
    lag_s = max(file["lag_s"].values(), default=0.0)
    return age_text(lag_s) if lag_s > 0 else ""


def _describe_lags(file: Status) -> Iterator[str]:
    """Yield the age of the oldest unsettled line for each sink that has one, the oldest first."""
    lags = sorted(file["lag_s"].items(), key=lambda item: -item[1])
    for sink, lag_s in lags:
        if lag_s > 0:
            yield f"{sink} {age_text(lag_s)}"


def _unsettled_bytes(file: Status) -> int:
    return max((file["size"] - offset for offset in file["settled"].values()), default=0)


_SORT_KEYS: Mapping[str, Callable[[Status], Any]] = {
    "behind": _unsettled_bytes,
    "size": lambda file: file["size"],
    "name": lambda file: file["path"],
}
ORDERS = tuple(_SORT_KEYS)
"""The orders in which files can be sorted."""


def _new_table(cut: _Cut, *columns: str) -> Table:
    is_bounded = cut.width is not None
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        is_text = name in ("pipeline", "sink", "state", "file", "parser", "")
        table.add_column(
            name, justify="left" if is_text else "right", overflow="ellipsis" if is_bounded else "fold",
            no_wrap=is_bounded,
        )  # fmt: skip
    return table
