"""Tunes the allocator, the garbage collector and the limits of this process."""

from __future__ import annotations

import ctypes
import gc
import resource
from collections.abc import Callable
from contextlib import suppress

from sidecar.lib.clock import Clock

_MAX_RESERVED_DESCRIPTORS = 128
"""Number of descriptors that are reserved for connections, the state, directories and comparisons of copies. At most
half of the limit of the process is reserved."""

_TRIM_INTERVAL_S = 10.0
_MAX_QUIET_BYTES = 64 << 10
"""Bytes of log in `_TRIM_INTERVAL_S` up to which the sidecar is quiet."""

_MIN_BURST_BYTES = 1 << 20
"""Bytes of log since the last trim from which batches may have left freed memory."""

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8


def tune_process() -> None:
    """Tune the allocator and the garbage collector, and raise the limit of open files.

    The figures are in docs/design/architecture.md, under "What things cost".
    """
    # glibc returns every object over 128 KiB to the system when it is freed. Keeping this memory halves the total
    # time. With one arena for all threads, a thread can use memory that another one has freed (mallopt(3)). Other C
    # libraries have no mallopt.
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 28)
        libc.mallopt(_M_TRIM_THRESHOLD, 1 << 29)
        libc.mallopt(_M_TOP_PAD, 1 << 25)
        libc.mallopt(_M_ARENA_MAX, 1)
    # The collector finds no garbage in batches of text, so it runs rarely.
    gc.enable()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class MemoryTrimmer:
    """Returns freed memory to the system after a burst of lines.

    glibc keeps the memory that it needed at most, as `tune_process` demands. That is 8 MiB more than a quiet sidecar
    needs. `read_total` returns the bytes of log that were read since the start.
    """

    def __init__(self, clock: Clock, read_total: Callable[[], int], trim: Callable[[], None] | None = None) -> None:
        self._clock, self._read_total, self._trim = clock, read_total, trim or _trim_memory
        self._checked_at, self._total = clock.monotonic(), 0
        self._burst = 0

    def update(self) -> None:
        """Return freed memory if little was read in the last ten seconds, and much since the last time."""
        now = self._clock.monotonic()
        if now - self._checked_at < _TRIM_INTERVAL_S:
            return
        before, self._total, self._checked_at = self._total, self._read_total(), now
        read = max(0, self._total - before)  # after a reload, the total may begin again
        self._burst += read
        if read <= _MAX_QUIET_BYTES and self._burst >= _MIN_BURST_BYTES:
            self._burst = 0
            self._trim()


def _trim_memory() -> None:
    with suppress(OSError, AttributeError):  # other C libraries have no malloc_trim
        ctypes.CDLL(None).malloc_trim(0)


def limit_open_files(wanted: int) -> int:
    """Return how many log files may be open: `wanted`, or fewer if the system allows fewer descriptors."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, hard - min(_MAX_RESERVED_DESCRIPTORS, hard // 2)))
