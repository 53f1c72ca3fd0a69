"""Writes the sidecar's own log: JSON lines, or colored text on a terminal."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import TextIO

import msgspec

from sidecar.lib.clock import Clock, iso
from sidecar.lib.rate_limit import EventRateLimiter
from sidecar.lib.terminal import escape_control_characters
from sidecar.telemetry.events import Event

LEVELS = ("debug", "info", "warning", "error")


_COLOURS = {"debug": "2", "info": "36", "warning": "33", "error": "31"}


class Log:
    """Writes events to stderr: JSON lines, or coloured text on a terminal. `level` is the least that is written.

    The same from the same place is written a few times a minute, and then how many more there were; what only those
    read who asked for it (debug) is written always.
    """

    def __init__(self, clock: Clock, level: str = "info", stream: TextIO | None = None) -> None:
        self._clock = clock
        self._least = LEVELS.index(level)
        self._stream = stream or sys.stderr
        self._moderation: EventRateLimiter[Event] = EventRateLimiter(clock, self._write)
        self._is_over = False
        self._turn = threading.Lock()

    def least(self, level: str) -> None:
        """Write nothing below this level from now on."""
        self._least = LEVELS.index(level)

    def emit(self, event: Event) -> None:
        """Write one event, now or later. Never raises: shipping continues if the log cannot be written."""
        if LEVELS.index(event.level) < self._least:
            return
        with self._turn:
            if self._is_over:
                return
            if event.level == "debug":
                self._write(event)
            else:
                self._moderation.submit(_cause(event), event)

    def tell_more(self) -> None:
        """Write how many more there were, of what was held back for long enough. Call it now and then."""
        with self._turn:
            self._moderation.flush_due()

    def end(self, last: Iterable[Event]) -> None:
        """Write what was held back, these as the last words, and nothing after them."""
        with self._turn:
            self._moderation.flush_all()
            for event in last:
                if LEVELS.index(event.level) >= self._least:
                    self._write(event)
            self._is_over = True

    def _write(self, event: Event, more: int = 0) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(self._line(event, more) + "\n")
            self._stream.flush()

    def _line(self, event: Event, more: int) -> str:
        when, said = iso(self._clock.now()), event.text() + (f" (and {more:,} more)" if more else "")
        if self._stream.isatty():
            head = f"\x1b[2m{when[11:19]}\x1b[0m \x1b[{_COLOURS[event.level]}m{event.level:7}\x1b[0m"
            return f"{head} {escape_control_characters(said)}"
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in type(event).__name__).lstrip("_")
        fields = {key: _clean(value) for key, value in msgspec.structs.asdict(event).items()}
        if more:
            fields["more"] = more
        return json.dumps({"time": when, "level": event.level, "event": name, "message": _clean(said), **fields})


def _cause(event: Event) -> tuple[object, ...]:
    """What an event has in common with its like; names of files do not count, of which there may be any number."""
    return (type(event), *(getattr(event, name, "") for name in ("pipeline", "sink", "transform", "where")))


def _clean(value: object) -> object:
    """A name of a file may be any bytes; what is not UTF-8 of it is written as `\\xff`."""
    if isinstance(value, str):
        return value.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return value
