"""FerretDB, a second server that speaks MongoDB's wire protocol, in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.servers import ComponentMissing
from tests.support.servers.go_programs import FERRETDB
from tests.support.servers.java_servers import free_port


@contextmanager
def running() -> Iterator[str]:
    """Yield the URI of a server, which is ended afterwards, or with this process if that is killed."""
    program, port = FERRETDB.found(), free_port()
    with tempfile.TemporaryDirectory() as data:
        command = [str(program), f"127.0.0.1:{port}", data]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                _wait(port, process)
                yield f"mongodb://127.0.0.1:{port}/"
            finally:
                process.kill()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + 30
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise ComponentMissing("FerretDB did not start")
