"""Runs the batches of one sink in threads. To start a thread costs as much CPU time as to send one line."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

Task = Callable[[], None]

_MAX_IDLE_S = 10.0
"""Seconds after which a thread without a task ends."""


class DeliveryThreads:
    """Runs each task in a thread that waits for it, or in a new one if none does. `name`: their name."""

    def __init__(self, name: str, max_idle_s: float = _MAX_IDLE_S) -> None:
        self._name, self._max_idle_s = name, max_idle_s
        self._tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self.waiting = 0
        """Number of waiting threads, without those for which a task is in the queue."""

    def run(self, task: Task) -> None:
        """Run a task without waiting for it."""
        with self._lock:
            if self.waiting:
                self.waiting -= 1
                self._tasks.put(task)
                return
        self._tasks.put(task)
        threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while (task := self._wait()) is not None:
            task()
            del task  # a waiting thread must not keep the documents of its last batch
            with self._lock:
                self.waiting += 1

    def _wait(self) -> Task | None:
        while True:
            try:
                return self._tasks.get(timeout=self._max_idle_s)
            except queue.Empty:
                with self._lock:
                    if self._tasks.empty():
                        self.waiting -= 1
                        return None
