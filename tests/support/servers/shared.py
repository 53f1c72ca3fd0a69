"""One server for all workers of a parallel test run: the first worker that needs it starts it, and ends it last."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from tests.support.servers.java_servers import cache


@contextmanager
def shared(name: str, start: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """What `start` yields, such as a URL. Without workers, it is started for the calling process alone.

    A worker that uses several shared servers must enter them in the same order as the others. Otherwise two workers
    may wait for each other at the end.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", "")
    with ExitStack() as stack:
        if not run:
            yield stack.enter_context(start())
            return
        folder = cache() / "shared" / run
        folder.mkdir(parents=True, exist_ok=True)
        started = folder / f"{name}.started"
        turn = stack.enter_context((folder / f"{name}.turn").open("w"))
        users = stack.enter_context((folder / f"{name}.users").open("w"))
        fcntl.flock(turn, fcntl.LOCK_EX)
        if started.exists():
            fcntl.flock(users, fcntl.LOCK_SH)
            fcntl.flock(turn, fcntl.LOCK_UN)
            yield started.read_text()
            return
        value = stack.enter_context(start())
        _publish(started, value)
        fcntl.flock(turn, fcntl.LOCK_UN)
        yield value
        fcntl.flock(turn, fcntl.LOCK_EX)
        started.unlink()
        fcntl.flock(users, fcntl.LOCK_EX)  # granted when the other workers have ended


def _publish(file: Path, value: str) -> None:
    temporary = file.with_suffix(".new")
    temporary.write_text(value)
    temporary.rename(file)
