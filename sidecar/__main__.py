"""`python -m sidecar` is the command `sidecar`."""

import signal
import sys
from importlib import import_module

import sidecar


def main() -> int:
    """Run the command line. A signal that arrives while `run` is imported waits until `run` can react to it.

    A plain `probe` does without the command line: it runs in every Pod, once a minute.
    """
    if sys.argv[1:2] == ["probe"]:
        code = import_module("sidecar.app.probe").run_plain_probe(sys.argv[2:])
        if code is not None:
            return int(code)
    if sys.argv[1:2] == ["run"]:
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
    sys.exit(main())
