"""A server that speaks MongoDB's wire protocol (SecantusDB, from the package index), in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.servers import ComponentMissing


@contextmanager
def running(port: int = 0, host: str = "127.0.0.1") -> Iterator[str]:
    """The URI of a server, which is ended afterwards, or with this process if that is killed."""
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "tests.support.servers.wire_mongodb", data, host, str(port)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                uri = process.stdout.readline().strip()
                if not uri:
                    raise ComponentMissing(
                        "MongoDB's protocol needs SecantusDB: make installs it from requirements/dev.txt"
                    )
                yield uri
            finally:
                process.kill()


def main() -> None:
    """Serve until standard input ends."""
    from secantus import SecantusDBServer  # noqa: PLC0415 - may be missing, and is needed in the server process alone

    storage, host, port = sys.argv[1:]
    with SecantusDBServer(host, int(port), storage) as server:
        print(server.uri, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
