"""Determines how a run has ended: its exit code, and the message that `kubectl describe pod` shows."""

from __future__ import annotations

from typing import Any

import msgspec

from sidecar.app import status
from sidecar.app.supervisor import Supervisor
from sidecar.telemetry import events

EXIT_OK, EXIT_CRASHED, EXIT_REFUSED, EXIT_UNDELIVERED = 0, 1, 2, 3

_MAX_NAMES = 5
"""Maximum number of sinks and of files that the termination message names."""


class Outcome(msgspec.Struct, frozen=True):
    """How one run has ended."""

    exit_code: int
    balances: list[events.Balance]
    stored: list[events.RunStored]
    down_sinks: list[str]
    unreadable: list[str]

    @classmethod
    def from_run(cls, supervisor: Supervisor, *, strict: bool) -> Outcome:
        """Return the outcome of a run, after all threads of its supervisor have ended.

        `strict`: the exit code shows whether lines were not delivered or a file was not read.
        """
        balances = [status.balance_event(each) for each in status.balance(supervisor, supervisor.shippers)]
        unreadable = status.unreadable_files(supervisor)
        is_undelivered = any(balance.unsettled for balance in balances)
        stored = [_sum_up(supervisor, balance) for balance in balances]
        code = EXIT_OK
        if supervisor.has_failed():
            code = EXIT_CRASHED
        elif strict and (is_undelivered or unreadable or supervisor.has_unread_files()):
            code = EXIT_UNDELIVERED
        return cls(code, balances, stored, status.down_sinks(supervisor), unreadable)

    def last_events(self, *, once: bool) -> list[events.Event]:
        """Return the last log events of the run. With `once`, they include what this run has stored."""
        return [*(each for each in self.stored if once and each.is_needed), *self.balances]

    def termination_message(self) -> dict[str, Any]:
        """Return the message that `kubectl describe pod` shows for the container."""
        message: dict[str, Any] = {"exit": self.exit_code, "sinks": {}}
        for balance in self.balances:
            fields = msgspec.structs.asdict(balance)
            message["sinks"][fields.pop("sink")] = fields
        # Kubernetes cuts the message after 4,096 bytes, so lists come last.
        if self.down_sinks:
            message["down"] = self.down_sinks[:_MAX_NAMES]
        if self.unreadable:
            message["unreadable"] = [ascii(path)[1:-1] for path in self.unreadable[:_MAX_NAMES]]
        return message


def _sum_up(supervisor: Supervisor, balance: events.Balance) -> events.RunStored:
    """Return what this run has delivered to one sink. `balance`: the byte balance of the sink over all runs."""
    counters = [shipper.counters for shipper in supervisor.shippers if shipper.sink_name == balance.sink]
    lines = sum(n for each in counters for what, n in each.lines.items() if what.partition(":")[0] == "stored")
    size = sum(sum(each.bytes.values()) for each in counters)
    has_files = any(pipeline.matches for pipeline in supervisor.pipelines.values())
    duplicates = sum(each.duplicates for each in counters)
    unparsed = sum(each.unparsed for each in counters)
    return events.RunStored(
        balance.sink, lines, duplicates, size, balance.unsettled, unparsed, has_files and balance.seen > 0
    )
