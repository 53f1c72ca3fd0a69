"""The command `sidecar`. It is outside of the package, because another project has a package of the same name.

If pip has replaced files of the package by those of the other project, its import may fail. One sentence says so.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path


def main() -> int:
    """Run the command line."""
    try:
        command = import_module("sidecar.__main__")
    except ImportError as error:
        print(f"sidecar: {_explain(str(error))}", file=sys.stderr)
        return 2
    return int(command.main())


def _explain(reason: str) -> str:
    """Return what is wrong with the package, by a module that is loaded without it."""
    package = find_spec("sidecar")
    if package is None or package.origin is None:
        return f"log-sidecar is not complete ({reason}); install it again"
    spec = spec_from_file_location("installation", Path(package.origin).with_name("lib") / "installation.py")
    if spec is None or spec.loader is None:
        return reason
    installation = module_from_spec(spec)
    spec.loader.exec_module(installation)
    return str(installation.explain(reason))


if __name__ == "__main__":
    sys.exit(main())
