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
        pending = _ask_all(shippers, pending, answer_s)
        if all(ends is not None and not ends for ends in pending):
            return True
        if clock.monotonic() >= give_up_at:
            return False
        time.sleep(_POLL_S)


def _ask_all(shippers: Sequence[AskedShipper], pending: list[Ends | None], answer_s: float) -> list[Ends | None]:
    """Return the undelivered files of each shipper: None if a busy one has never answered, no files if it has ended.

    All are asked at once, so that busy shippers together take no longer than one.
    """
    answers = [shipper.pending(ends) for shipper, ends in zip(shippers, pending, strict=True)]
    give_up_at = time.monotonic() + answer_s
    found: list[Ends | None] = []
    for shipper, answer, ends in zip(shippers, answers, pending, strict=True):
        try:
            found.append(answer.get(timeout=max(0.0, give_up_at - time.monotonic())))
        except Empty:
            found.append(ends if shipper.is_alive() else {})
    return found
