"""Writes the sidecar's own log: JSON lines, or text, which is colored on a terminal."""

from __future__ import annotations

import json
import os
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


_COLORS = {"debug": "2", "info": "36", "warning": "33", "error": "31"}


class Log:
    """Writes events of at least `level` to stderr: JSON lines, or text on a terminal.

    Similar events are logged only a few times a minute, followed by the number of suppressed ones. Debug events are
    never suppressed.
    """

    def __init__(self, clock: Clock, level: str = "info", stream: TextIO | None = None) -> None:
        self._clock = clock
        self._min_level = LEVELS.index(level)
        self._stream = stream or sys.stderr
        self._rate_limiter: EventRateLimiter[Event] = EventRateLimiter(clock, self._write)
        self._is_text = is_terminal = self._stream.isatty()
        self._is_colored = is_terminal and not os.environ.get("NO_COLOR")
        self._is_closed = False
        self._lock = threading.Lock()

    def set_level(self, level: str) -> None:
        """Write no events below this level from now on."""
        self._min_level = LEVELS.index(level)

    def set_format(self, name: str) -> None:
        """Write `json` or `text` from now on; with `auto`, text on a terminal and else JSON."""
        self._is_text = self._stream.isatty() if name == "auto" else name == "text"

    def emit(self, event: Event) -> None:
        """Write one event, or suppress it. Never raises: shipping continues if the log cannot be written."""
        if LEVELS.index(event.level) < self._min_level:
            return
        with self._lock:
            if self._is_closed:
                return
            if event.level == "debug":
                self._write(event)
            else:
                self._rate_limiter.submit(_cause(event), event)

    def flush_suppressed(self) -> None:
        """Write the number of suppressed events whose period has ended. Call it regularly."""
        with self._lock:
            self._rate_limiter.flush_due()

    def close(self, last: Iterable[Event]) -> None:
        """Write the numbers of suppressed events, then the `last` events, and ignore all later ones."""
        with self._lock:
            self._rate_limiter.flush_all()
            for event in last:
                if LEVELS.index(event.level) >= self._min_level:
                    self._write(event)
            self._is_closed = True

    def _write(self, event: Event, more: int = 0) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(self._line(event, more) + "\n")
            self._stream.flush()

    def _line(self, event: Event, more: int) -> str:
        when, message = iso(self._clock.now()), event.text() + (f" (and {more:,} more)" if more else "")
        if self._is_text:
            return f"{self._head(when, event.level)} {escape_control_characters(message)}"
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in type(event).__name__).lstrip("_")
        fields = {key: _clean(value) for key, value in msgspec.structs.asdict(event).items()}
        if more:
            fields["more"] = more
        return json.dumps({"time": when, "level": event.level, "event": name, "message": _clean(message), **fields})

    def _head(self, when: str, level: str) -> str:
        """Return the time and the level of a line of text. In a file the time has its date."""
        if self._is_colored:
            return f"\x1b[2m{when[11:19]}\x1b[0m \x1b[{_COLORS[level]}m{level:7}\x1b[0m"
        return f"{when[11:19] if self._stream.isatty() else when} {level:7}"


def _cause(event: Event) -> tuple[object, ...]:
    """Return the key that similar events have in common. It has no file names, because their number is unlimited."""
    return (type(event), *(getattr(event, name, "") for name in ("pipeline", "sink", "transform", "where")))


def _clean(value: object) -> object:
    """Return the value. Bytes of a file name that are not UTF-8 are written as `\\xff`."""
    if isinstance(value, str):
        return value.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return value
