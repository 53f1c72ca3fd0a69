"""Tunes the allocator and the limits of this process."""

from __future__ import annotations

import ctypes
import gc
import resource
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8


def tune_process() -> None:
    """Settings of the process that make the difference (docs/design/architecture.md, "What things cost").

    glibc gives every object over 128 KiB back to the system when it is freed; told to keep it, the whole job
    takes half of the time (mallopt(3); other C libraries do without); with one arena for all threads, what one of
    them gives back another can take. The collector has nothing to find in
    batches of text, so it comes rarely. As many files may be open as the system allows.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 28)
        libc.mallopt(_M_TRIM_THRESHOLD, 1 << 29)
        libc.mallopt(_M_TOP_PAD, 1 << 25)
        libc.mallopt(_M_ARENA_MAX, 1)
    gc.enable()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
