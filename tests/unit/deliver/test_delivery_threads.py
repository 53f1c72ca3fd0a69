"""Batches that follow each other share a thread; batches at the same time do not wait for each other."""

from __future__ import annotations

import gc
import threading
import weakref
from functools import partial
from threading import Barrier, Event

from sidecar.deliver.delivery_threads import DeliveryThreads
from tests.support.processes import eventually

_NAME = "app to sink (batch)"


def _count_threads() -> int:
    return sum(thread.name == _NAME for thread in threading.enumerate())


class _Batch:
    pass


def _deliver(_: _Batch) -> None:
    pass


def test_batches_that_follow_each_other_share_a_thread() -> None:
    threads, users, is_done = DeliveryThreads(_NAME, 0.5), set[int](), Event()

    def deliver() -> None:
        users.add(threading.get_ident())
        is_done.set()

    for _ in range(50):
        is_done.clear()
        threads.run(deliver)
        assert is_done.wait(10)
        eventually(lambda: threads.waiting == 1, "the thread waits again")
    assert len(users) == 1
    eventually(lambda: _count_threads() == 0, "the thread ends when it has nothing to do")


def test_batches_at_the_same_time_run_at_the_same_time() -> None:
    threads, barrier = DeliveryThreads(_NAME, 0.05), Barrier(9)

    def deliver() -> None:
        barrier.wait(10)

    for _ in range(3):
        for _ in range(8):
            threads.run(deliver)
        barrier.wait(10)
    eventually(lambda: _count_threads() == 0, "the threads end when they have nothing to do")


def test_each_batch_is_run_once_while_threads_come_and_go() -> None:
    threads, runs = DeliveryThreads(_NAME, 0.0), list[int]()
    for number in range(2_000):
        threads.run(partial(runs.append, number))
    eventually(lambda: len(runs) == 2_000 and _count_threads() == 0, "all batches are run")
    assert sorted(runs) == list(range(2_000))


def test_a_waiting_thread_keeps_no_batch_in_memory() -> None:
    threads, batch = DeliveryThreads(_NAME, 5.0), _Batch()
    reference = weakref.ref(batch)
    threads.run(partial(_deliver, batch))
    del batch
    eventually(lambda: gc.collect() >= 0 and reference() is None, "the batch is freed")
