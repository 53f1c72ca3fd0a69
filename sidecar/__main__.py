"""`python -m sidecar` is the command `sidecar`."""

import signal
import sys
from importlib import import_module


def main() -> int:
    """Run the command line. A signal that arrives while `run` is imported waits until `run` can react to it."""
    if sys.argv[1:2] == ["run"]:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    return int(import_module("sidecar.cli").main())


if __name__ == "__main__":
    sys.exit(main())
