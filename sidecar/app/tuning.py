"""Tunes the allocator, the garbage collector and the limits of this process."""

from __future__ import annotations

import ctypes
import gc
import resource
from contextlib import suppress

_MAX_RESERVED_DESCRIPTORS = 128
"""Number of descriptors that are reserved for connections, the state, directories and comparisons of copies. At most
half of the limit of the process is reserved."""

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


def limit_open_files(wanted: int) -> int:
    """Return how many log files may be open: `wanted`, or fewer if the system allows fewer descriptors."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, hard - min(_MAX_RESERVED_DESCRIPTORS, hard // 2)))
