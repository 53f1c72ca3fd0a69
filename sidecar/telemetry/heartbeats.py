"""Heartbeats of the threads that ship: the name of each loop, and when it last made progress."""

from __future__ import annotations

import threading

import msgspec

from sidecar.lib.clock import Clock

MAIN_LOOP = "main loop"


class _Beat(msgspec.Struct):
    name: str
    at: float


class Heartbeats:
    """One heartbeat for each thread that calls `begin`. Any thread may call any method."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beats: dict[int, _Beat] = {}
        self._lock = threading.Lock()

    def begin(self, name: str) -> None:
        """Watch the calling thread from now on, as the loop with this name."""
        with self._lock:
            self._beats[threading.get_ident()] = _Beat(name, self._clock.monotonic())

    def beat(self) -> None:
        """Record that the calling thread makes progress. Do nothing in a thread that did not call `begin`."""
        # Called for each file of a scan, so it takes no lock: only this thread writes its beat.
        if beat := self._beats.get(threading.get_ident()):
            beat.at = self._clock.monotonic()

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
        for beat in beats:
            ages[beat.name] = max(ages.get(beat.name, 0.0), now - beat.at)
        return ages
