"""`python -m sidecar` is the command `sidecar`."""

import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

import sidecar


def main() -> NoReturn:
    """Run the command line, and end the process with its exit code."""
    open_closed_streams()
    code = run_command()
    # Python would first wait for threads, and then free what other threads may still use. A thread that is blocked in
    # a library or in the kernel could delay the end, or crash the process and so hide its exit code.
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def open_closed_streams() -> None:
    """Open /dev/null in place of standard streams that are closed. Otherwise files would get their descriptors."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free descriptor, which is this one
            setattr(sys, name, os.fdopen(descriptor, "w" if descriptor else "r", closefd=False))


def run_command() -> int:
    """Run the command line. A signal that arrives while `run` is imported waits until `run` can react to it.

    A plain `probe` does without the command line: it runs in every Pod, once a minute.
    """
    if sys.argv[1:2] == ["probe"]:
        code = import_module("sidecar.app.probe").run_plain_probe(sys.argv[2:])
        if code is not None:
            return int(code)
    if sys.argv[1:2] == ["run"]:
        import_module("sidecar.lib.plain_settings").use_plain_settings()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    if getattr(sidecar, "DISTRIBUTION", "") != "log-sidecar":
        return _report_installation("its __init__.py was replaced")
    try:
        return int(import_module("sidecar.cli").main())
    except ImportError as error:
        if not (error.name or "").startswith("sidecar."):
            raise
        return _report_installation(str(error))


def _report_installation(reason: str) -> int:
    # Another project's package has the same name, so files may be missing or replaced.
    print(f"sidecar: {import_module('sidecar.lib.installation').explain(reason)}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
