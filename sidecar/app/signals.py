"""What signals ask of the sidecar, and how the main thread waits for it.

A signal handler of Python runs in the main thread between any two instructions, also while that thread holds a lock.
So the handlers here take none: they set attributes. Python's own C handler writes a byte to a pipe at the same time
(`signal.set_wakeup_fd`), which ends the wait of the main thread.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

from sidecar.lib.clock import Clock

ENDING = (signal.SIGTERM, signal.SIGINT)
HANDLED = (*ENDING, signal.SIGHUP)
"""The signals that `run` reacts to."""


@contextmanager
def hold_back() -> Iterator[None]:
    """Keep the signals that `run` reacts to pending until the block ends or `StopRequests.listen` takes them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Waker:
    """A pipe that ends the wait of one thread. `wake` may be called by any thread and by a signal handler.

    It stays open as long as the process lives, because a signal may come at any moment.
    """

    def __init__(self) -> None:
        self._readable, self.writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def wake(self) -> None:
        """End the present wait, or the next one."""
        with suppress(BlockingIOError):  # the pipe is full: the wait ends anyway
            os.write(self.writable, b"\0")

    def wait(self, timeout_s: float) -> None:
        """Return when there was a `wake`, or after `timeout_s` seconds."""
        poller = select.poll()
        poller.register(self._readable, select.POLLIN)
        poller.poll(timeout_s * 1000)
        with suppress(BlockingIOError):
            os.read(self._readable, 4096)


class StopRequest:
    """Something that was asked for or not: like `threading.Event`, without a lock. Only one thread may wait."""

    def __init__(self, waker: Waker) -> None:
        self._waker = waker
        self._is_set = False

    def is_set(self) -> bool:
        """Return whether it was asked for."""
        return self._is_set

    def set(self) -> None:
        """Ask for it."""
        self._is_set = True
        self._waker.wake()

    def clear(self) -> None:
        """Forget the request: it was done."""
        self._is_set = False

    def wait(self, timeout_s: float) -> bool:
        """Wait at most `timeout_s` seconds. Return whether it was asked for."""
        give_up_at = time.monotonic() + timeout_s
        while not self._is_set and (left_s := give_up_at - time.monotonic()) > 0:
            self._waker.wait(left_s)
        return self._is_set


@dataclass(slots=True)
class StopRequests:
    """`end`: orderly. `at_once`: without waiting for anything. `reload`: read the configuration again."""

    clock: Clock
    waker: Waker = field(default_factory=Waker)
    reason: str = ""
    asked_at: float = 0.0
    by_signal: bool = False
    end: StopRequest = field(init=False)
    at_once: StopRequest = field(init=False)
    reload: StopRequest = field(init=False)

    def __post_init__(self) -> None:
        self.end, self.at_once, self.reload = (StopRequest(self.waker) for _ in range(3))

    def listen(self) -> None:
        """Take signals from now on, those included that have waited. Only the main thread may call it."""
        signal.set_wakeup_fd(self.waker.writable, warn_on_full_buffer=False)
        for number in ENDING:
            signal.signal(number, self._on_end)
        # A terminal that is closed takes its sidecar along; without one, the signal is the wish of a person.
        signal.signal(signal.SIGHUP, self._on_end if sys.stderr.isatty() else self._on_reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)

    def ask(self, reason: str) -> None:
        """Ask for an orderly end."""
        if not self.end.is_set():
            self.reason, self.asked_at = reason, self.clock.monotonic()
            self.end.set()

    def _on_end(self, number: int, frame: FrameType | None) -> None:
        """The first signal asks for an orderly end, the second for the end."""
        if self.end.is_set() and self.by_signal:
            self.at_once.set()
        self.by_signal = True
        self.ask(f"asked to end ({signal.Signals(number).name})")

    def _on_reload(self, number: int, frame: FrameType | None) -> None:
        self.reload.set()
