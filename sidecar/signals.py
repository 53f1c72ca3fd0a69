"""What the signals ask of the sidecar."""

from __future__ import annotations

import signal
import sys
import threading
from dataclasses import dataclass, field
from types import FrameType

from sidecar.clock import Clock

ENDING = (signal.SIGTERM, signal.SIGINT)


@dataclass(slots=True)
class Wishes:
    """`end`: orderly. `at_once`: without waiting for anything. `reload`: read the configuration again."""

    clock: Clock
    end: threading.Event = field(default_factory=threading.Event)
    at_once: threading.Event = field(default_factory=threading.Event)
    reload: threading.Event = field(default_factory=threading.Event)
    reason: str = ""
    asked_at: float = 0.0
    by_signal: bool = False

    def listen(self) -> None:
        """Take signals from now on, those included that have waited. Only the main thread may call it."""
        for number in ENDING:
            signal.signal(number, self._on_end)
        # A terminal that is closed takes its sidecar along; without one, the signal is the wish of a person.
        signal.signal(signal.SIGHUP, self._on_end if sys.stderr.isatty() else self._on_reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

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
