"""Heartbeats of the threads that ship: the name of each loop, and when it last made progress."""

from __future__ import annotations

import threading

from sidecar.lib.clock import Clock

MAIN_LOOP = "main loop"


class Heartbeats:
    """One heartbeat for each thread that calls `begin`. Any thread may call any method."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beats: dict[int, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def begin(self, name: str) -> None:
        """Watch the calling thread from now on, as the loop with this name."""
        with self._lock:
            self._beats[threading.get_ident()] = name, self._clock.monotonic()

    def beat(self) -> None:
        """Record that the calling thread makes progress. Do nothing in a thread that did not call `begin`."""
        thread = threading.get_ident()
        with self._lock:
            if beat := self._beats.get(thread):
                self._beats[thread] = beat[0], self._clock.monotonic()

    def end(self, thread: int | None = None) -> None:
        """Stop watching this thread, by default the calling one."""
        with self._lock:
            self._beats.pop(threading.get_ident() if thread is None else thread, None)

    def ages(self) -> dict[str, float]:
        """Return the seconds since the last beat of each loop."""
        now = self._clock.monotonic()
        with self._lock:
            beats = list(self._beats.values())
        ages: dict[str, float] = {}
        for name, at in beats:
            ages[name] = max(ages.get(name, 0.0), now - at)
        return ages
