"""Turns signals into requests that the main thread waits for.

Python runs a signal handler in the main thread between any two instructions, even while that thread holds a lock. So
these handlers acquire no lock and only set attributes. The C handler of Python also writes a byte to a pipe
(`signal.set_wakeup_fd`), which ends the wait of the main thread.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

from sidecar.lib.clock import Clock

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
HANDLED = (*STOP_SIGNALS, signal.SIGHUP)
"""The signals that `run` handles."""


@contextmanager
def hold_back() -> Iterator[None]:
    """Keep the handled signals pending until the block ends or `StopRequests.listen` is called."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Waker:
    """A pipe that ends the wait of one thread. Any thread and any signal handler may call `wake`.

    It is never closed, because a signal may arrive at any moment.
    """

    def __init__(self) -> None:
        self._readable, self.writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def wake(self) -> None:
        """End the current wait, or the next one if no thread waits."""
        with suppress(BlockingIOError):  # the pipe is full, so the wait ends anyway
            os.write(self.writable, b"\0")

    def wait(self, timeout_s: float) -> None:
        """Wait for a `wake`, for at most `timeout_s` seconds."""
        poller = select.poll()
        poller.register(self._readable, select.POLLIN)
        poller.poll(timeout_s * 1000)
        with suppress(BlockingIOError):
            os.read(self._readable, 4096)


class Request:
    """A flag like `threading.Event`, without a lock. Only one thread may wait for it."""

    def __init__(self, waker: Waker, clock: Clock) -> None:
        self._waker, self._clock = waker, clock
        self._is_set = False

    def is_set(self) -> bool:
        """Return whether the request was made."""
        return self._is_set

    def set(self) -> None:
        """Make the request."""
        self._is_set = True
        self._waker.wake()

    def clear(self) -> None:
        """Clear the request after it is fulfilled."""
        self._is_set = False

    def wait(self, timeout_s: float) -> bool:
        """Wait at most `timeout_s` seconds. Return whether the request was made."""
        give_up_at = self._clock.monotonic() + timeout_s
        while not self._is_set and (left_s := give_up_at - self._clock.monotonic()) > 0:
            self._waker.wait(left_s)
        return self._is_set


@dataclass(slots=True)
class StopRequests:
    """The requests that signals and exit rules make to the main thread."""

    clock: Clock
    waker: Waker = field(default_factory=Waker)
    reason: str = ""
    """The reason of the shutdown."""

    requested_at: float = 0.0
    """When the shutdown was requested, by the monotonic clock."""

    is_from_signal: bool = False
    """Whether a signal requested the shutdown."""

    shutdown: Request = field(init=False)
    """Request to deliver all lines, then end."""

    immediate: Request = field(init=False)
    """Request to end without waiting for deliveries."""

    reload: Request = field(init=False)
    """Request to reload the configuration."""

    def __post_init__(self) -> None:
        self.shutdown, self.immediate, self.reload = (Request(self.waker, self.clock) for _ in range(3))

    def listen(self) -> None:
        """Handle signals from now on, including pending signals. Only the main thread may call this."""
        signal.set_wakeup_fd(self.waker.writable, warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_stop)
        # On a terminal, SIGHUP means that the terminal is closed, so the sidecar ends. Elsewhere it requests a
        # reload.
        signal.signal(signal.SIGHUP, self._on_stop if sys.stderr.isatty() else self._on_reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)

    def request_shutdown(self, reason: str) -> None:
        """Request an orderly shutdown. Only the first reason is kept."""
        if not self.shutdown.is_set():
            self.reason, self.requested_at = reason, self.clock.monotonic()
            self.shutdown.set()

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        # The first signal requests an orderly shutdown, the second an immediate one.
        if self.shutdown.is_set() and self.is_from_signal:
            self.immediate.set()
        self.is_from_signal = True
        self.request_shutdown(f"received {signal.Signals(number).name}")

    def _on_reload(self, number: int, frame: FrameType | None) -> None:
        self.reload.set()
