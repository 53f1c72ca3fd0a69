"""Waits until the shippers have delivered the lines that exist at the beginning of the wait."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Protocol

from sidecar.lib.clock import Clock

_POLL_S = 0.05
_ANSWER_S = 2.0
"""How long a shipper may take to answer. One that is busy for longer is asked again."""

Ends = Mapping[int, int]
"""Offset up to which each file must be delivered, by number of its generation."""


class AskedShipper(Protocol):
    """What the wait needs of a shipper."""

    def is_alive(self) -> bool: ...

    def pending(self, sizes: Ends | None) -> SimpleQueue[dict[int, int]]:
        """Request the files of `sizes` that are not delivered up to there; of all files as they are now for None."""
        ...


def wait_until_delivered(
    shippers: Sequence[AskedShipper], clock: Clock, give_up_at: float, answer_s: float = _ANSWER_S
) -> bool:
    """Return True when all lines that existed at the first answer of each shipper are delivered, or False at
    `give_up_at` of the monotonic clock.
    """
    pending: list[Ends | None] = [None] * len(shippers)
    while True:
        pending = [_ask(shipper, ends, answer_s) for shipper, ends in zip(shippers, pending, strict=True)]
        if all(ends is not None and not ends for ends in pending):
            return True
        if clock.monotonic() >= give_up_at:
            return False
        time.sleep(_POLL_S)


def _ask(shipper: AskedShipper, ends: Ends | None, answer_s: float) -> Ends | None:
    """Return the undelivered files: None if a busy shipper has never answered, no files if it has ended."""
    try:
        return shipper.pending(ends).get(timeout=answer_s)
    except Empty:
        return ends if shipper.is_alive() else {}
