"""Runs commands of the sidecar one after the other, each in a fork of a process that has imported them already.

Reads a list of `[arguments, is_terminal, until]` as JSON from standard input and writes `[exit code, output]` for
each. `until`: end the command once its output holds this text, "" to let it end on its own.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import sys
from contextlib import suppress
from importlib import import_module

from sidecar.cli import COMMANDS, main


def run(arguments: list[str], is_terminal: bool, until: str) -> tuple[int, str]:
    """The exit code and everything that was written, both standard output and standard error."""
    ours, theirs = pty.openpty() if is_terminal else os.pipe()
    child = os.fork()
    if child == 0:
        become(arguments, theirs, is_terminal)
    os.close(theirs)
    output = b""
    with suppress(OSError):  # EIO: the other side of the terminal is closed
        while piece := os.read(ours, 65536):
            output += piece
            if until and until.encode() in output:
                if is_terminal:
                    os.write(ours, b"q")
                else:
                    os.kill(child, signal.SIGKILL)
    os.close(ours)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, output.decode(errors="surrogateescape")


def become(arguments: list[str], stream: int, is_terminal: bool) -> None:
    """Be the process of this command."""
    os.setsid()
    for number in (0, 1, 2) if is_terminal else (1, 2):
        os.dup2(stream, number)
    if not is_terminal:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - a descriptor
    sys.argv = ["sidecar", *arguments]
    try:
        code = main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    wanted = json.load(sys.stdin)
    for name in COMMANDS:
        import_module(f"sidecar.cli.{name.replace('-', '_')}")
    print(json.dumps([run(*each) for each in wanted]))
