"""The command `sidecar`. It is outside of the package, because another project has a package of the same name.

If pip has replaced files of the package by those of the other project, its import may fail. One sentence says so.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module


def main() -> int:
    """Run the command line, which ends the process. Return an exit code if it cannot be imported."""
    try:
        command = import_module("sidecar.__main__")
    except ImportError as error:
        print(f"sidecar: {_explain(str(error))}", file=sys.stderr)
        return 2
    return int(command.main())


def _explain(reason: str) -> str:
    """Return what is wrong with the package, by a module that is loaded without it."""
    util = import_module("importlib.util")  # not needed by any command
    package = util.find_spec("sidecar")
    if package is None or package.origin is None:
        return f"log-sidecar is not complete ({reason}); install it again"
    file = os.path.join(os.path.dirname(package.origin), "lib", "installation.py")
    spec = util.spec_from_file_location("installation", file)
    if spec is None or spec.loader is None:
        return reason
    installation = util.module_from_spec(spec)
    spec.loader.exec_module(installation)
    return str(installation.explain(reason))


if __name__ == "__main__":
    sys.exit(main())
