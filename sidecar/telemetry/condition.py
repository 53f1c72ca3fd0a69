"""Judges whether a sidecar does its work. `status`, `top`, the page and the probes get their states from here.

Bad: lines are not delivered now, or were lost. Warning: nothing is lost, but an operator should look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from sidecar.lib.quantity_text import age_text, size_text
from sidecar.telemetry.snapshot import BalanceStatus, ConfigurationStatus, RefusedPath, ShipperStatus, Snapshot

STUCK_AFTER_S = 60.0
"""A loop without a heartbeat for this long is stuck. Each loop beats at least every ten seconds."""

MAX_LAG_S = 60.0
"""Lag of a sink that is up, above which it is reported."""

MAX_UNPARSED_SHARE = 0.1
"""Share of unparsed lines above which the parser of a pipeline is reported."""

_MAX_REFUSED = 10
_DOWN = frozenset({"retrying", "misconfigured", "blocked"})

Level = Literal["good", "warning", "bad"]


class Finding(msgspec.Struct, frozen=True):
    """One fact that an operator should know."""

    level: Level
    text: str


class Condition(msgspec.Struct, frozen=True):
    """The condition of a sidecar."""

    level: Level
    """The level of the worst finding."""

    text: str
    """One sentence about the whole."""

    findings: Sequence[Finding]
    """The findings, the worst first."""


def judge(snapshot: Snapshot) -> Condition:
    """Return the condition of the sidecar at this moment."""
    found = [
        *(Finding("bad", text) for text in find_stuck(snapshot.loops)),
        *_judge_sinks(snapshot.shippers),
        *_judge_losses(snapshot.shippers, snapshot.balance),
        *_judge_lag(snapshot.shippers),
        *_judge_parked(snapshot.shippers),
        *_judge_dead_letters(snapshot.shippers, snapshot.balance),
        *_judge_copies(snapshot.dead_letters_uncopied),
        *_judge_parsers(snapshot.shippers),
        *_judge_paths(snapshot.refused, sum(each.refused for each in snapshot.sums)),
        *_judge_configuration(snapshot.configuration),
    ]
    findings = [*_select(found, "bad"), *_select(found, "warning")]
    level = findings[0].level if findings else "good"
    return Condition(level, _summarize(level, snapshot.shippers, findings), findings)


def with_condition(snapshot: Snapshot) -> dict[str, Any]:
    """Return the fields of a snapshot and its condition, as `sidecar status --json` prints them."""
    fields = {name: getattr(snapshot, name) for name in Snapshot.__struct_fields__}
    return {**fields, "condition": judge(snapshot)}


def is_down(state: str) -> bool:
    """Return whether a sink in this state accepts nothing. `interrupted` is too short to count."""
    return state in _DOWN


def find_stuck(ages: Mapping[str, float]) -> list[str]:
    """Return a sentence for each loop that is stuck. `ages`: seconds since the last heartbeat of each loop."""
    return [
        f"{name} has been stuck for {age_s:.0f} s" for name, age_s in sorted(ages.items()) if age_s >= STUCK_AFTER_S
    ]


def _select(findings: Iterable[Finding], level: Level) -> list[Finding]:
    return [finding for finding in findings if finding.level == level]


def _summarize(level: Level, shippers: Sequence[ShipperStatus], findings: Sequence[Finding]) -> str:
    sinks = {each.sink for each in shippers}
    if down := {each.sink for each in shippers if is_down(each.state)}:
        return f"{len(down)} of {len(sinks)} {_plural(len(sinks), 'sink')} down"
    if level == "good":
        is_new = any(each.state == "new" for each in shippers)
        return "nothing to deliver yet" if is_new else "all lines are delivered, and nothing is lost"
    count = f"{len(findings)} {_plural(len(findings), 'finding')}"
    return f"lines are lost or delayed: {count}" if level == "bad" else f"lines are delivered, with {count}"


def _plural(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"


def _judge_sinks(shippers: Sequence[ShipperStatus]) -> Iterator[Finding]:
    """Yield a finding for each sink and error, with all pipelines that it concerns."""
    troubles: dict[tuple[str, str, str], list[str]] = {}
    for each in shippers:
        if each.error:
            troubles.setdefault((each.sink, each.state, each.error), []).append(each.pipeline)
    for (sink, state, error), pipelines in troubles.items():
        text = f"{', '.join(pipelines)} to {sink}: {state}: {error}"
        yield Finding("bad" if is_down(state) else "warning", text)


def _judge_losses(shippers: Sequence[ShipperStatus], balances: Sequence[BalanceStatus]) -> Iterator[Finding]:
    for balance in balances:
        lost = {name[5:]: size for name, size in balance.bytes.items() if name.startswith("lost:") and size}
        if lost:
            counts = ", ".join(f"{size_text(size)} {reason}" for reason, size in sorted(lost.items()))
            is_recent = any(
                name.startswith("lost:")
                for each in shippers
                if each.sink == balance.sink
                for name in each.counters.bytes
            )
            yield Finding(
                "bad" if is_recent else "warning",
                f"{balance.sink}: lost: {counts}{'' if is_recent else ', all before the last start'}",
            )


def _judge_lag(shippers: Sequence[ShipperStatus]) -> Iterator[Finding]:
    for each in shippers:
        if each.lag_s > MAX_LAG_S and not is_down(each.state):
            lag = f"lag of {size_text(each.lag_bytes)}; the oldest line is {age_text(each.lag_s)} old"
            yield Finding("warning", f"{each.pipeline} to {each.sink}: {lag}")


def _judge_parked(shippers: Sequence[ShipperStatus]) -> Iterator[Finding]:
    for each in shippers:
        for parked in each.parked:
            amount = f"{parked.lines:,} lines ({size_text(parked.bytes)})"
            where = f" for {parked.target}" if parked.target else ""
            reason = parked.error or "refused in an earlier run"
            yield Finding("warning", f"{each.pipeline} to {each.sink}: {amount}{where} wait in their files: {reason}")


def _judge_dead_letters(shippers: Sequence[ShipperStatus], balances: Sequence[BalanceStatus]) -> Iterator[Finding]:
    for each in shippers:
        if refusals := each.counters.refusals:
            counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(refusals.items()))
            text = f"dead letters since the last start: {counts}; see `sidecar dead-letters list`"
            yield Finding("warning", f"{each.pipeline} to {each.sink}: {text}")
    recent = {each.sink for each in shippers if each.counters.refusals}
    for balance in balances:
        if (kept := balance.lines.get("dead_letter", 0)) and balance.sink not in recent:
            count = f"{kept:,} dead {_plural(kept, 'letter')} from before the last start"
            yield Finding("warning", f"{balance.sink}: {count}; see `sidecar dead-letters list`")


def _judge_copies(uncopied: int | None) -> Iterator[Finding]:
    if uncopied:
        count = f"{uncopied:,} dead {'letter is' if uncopied == 1 else 'letters are'}"
        yield Finding("warning", f"{count} not copied to the sink of dead_letters.to yet; the log has the reason")


def _judge_parsers(shippers: Sequence[ShipperStatus]) -> Iterator[Finding]:
    shares: dict[str, float] = {}
    for each in shippers:
        shares[each.pipeline] = max(shares.get(each.pipeline, 0.0), each.counters.unparsed_share)
    for pipeline, share in shares.items():
        if share > MAX_UNPARSED_SHARE:
            text = f"no parser accepted {share:.0%} of the recent lines; run `sidecar explain --detect FILE`"
            yield Finding("warning", f"{pipeline}: {text}")


def _judge_paths(refused: Sequence[RefusedPath], total: int) -> Iterator[Finding]:
    listed = refused[:_MAX_REFUSED]
    for each in listed:
        yield Finding("warning", f"not read: {each.path}: {each.reason}")
    if (more := total - len(listed)) > 0:
        yield Finding("warning", f"not read: {more:,} more {_plural(more, 'path')}")


def _judge_configuration(configuration: ConfigurationStatus) -> Iterator[Finding]:
    if not configuration.is_last_good:
        yield Finding("warning", "the newest configuration was refused; the one before is in use")
