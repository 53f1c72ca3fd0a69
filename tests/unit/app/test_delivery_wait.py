"""The wait for the delivery of everything that exists, as `sidecar drain` asks for it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from queue import SimpleQueue

from sidecar.app.delivery_wait import wait_until_delivered
from sidecar.testing import ManualClock


class AnsweringShipper:
    """Gives these answers in turn, the last one for ever; None: it is busy and does not answer."""

    def __init__(self, *answers: dict[int, int] | None, ends: bool = False) -> None:
        self.answers, self.asked, self._ends = list(answers), list[Mapping[int, int] | None](), ends

    def is_alive(self) -> bool:
        return not self._ends

    def pending(self, sizes: Mapping[int, int] | None) -> SimpleQueue[dict[int, int]]:
        self.asked.append(sizes)
        answer: SimpleQueue[dict[int, int]] = SimpleQueue()
        told = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if told is not None:
            answer.put(told)
        return answer


def wait(*shippers: AnsweringShipper, seconds: float = 60) -> bool:
    clock = ManualClock()
    return wait_until_delivered(shippers, clock, clock.monotonic() + seconds, answer_s=0.01)


def test_it_waits_for_each_shipper_to_deliver_what_it_had_at_first() -> None:
    slow = AnsweringShipper({1: 900}, {1: 900}, {})
    assert wait(AnsweringShipper({}), slow)
    assert slow.asked == [None, {1: 900}, {1: 900}]


def test_a_shipper_that_is_busy_at_first_is_asked_again() -> None:
    busy = AnsweringShipper(None, None, {1: 900}, {})
    assert wait(busy)
    assert busy.asked == [None, None, None, {1: 900}]


def test_a_shipper_that_is_busy_later_keeps_its_files() -> None:
    busy = AnsweringShipper({1: 900}, None, {})
    assert wait(busy)
    assert busy.asked == [None, {1: 900}, {1: 900}]


def test_a_shipper_that_stays_busy_has_not_delivered() -> None:
    assert not wait(AnsweringShipper(None), seconds=0)


def test_many_busy_shippers_take_no_longer_than_one() -> None:
    busy = [AnsweringShipper(None) for _ in range(100)]
    clock = ManualClock()
    began = time.monotonic()
    assert not wait_until_delivered(busy, clock, clock.monotonic(), answer_s=0.2)
    assert time.monotonic() - began < 5


def test_a_shipper_that_has_ended_delivers_nothing_more() -> None:
    assert wait(AnsweringShipper(None, ends=True))
