"""Record what has to come out: `python -m tests.corpus --record NAME …`, or `--all`. Then read each document."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.corpus.kinds import all_kinds
from tests.corpus.runs import made


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    parser.add_argument("--record", nargs="+", metavar="NAME", default=[], help="kinds to record")
    parser.add_argument("--all", action="store_true", help="all kinds")
    options = parser.parse_args()
    kinds = {kind.name: kind for kind in all_kinds()}
    names = list(kinds) if options.all else options.record
    if not names or (unknown := sorted(set(names) - kinds.keys())):
        parser.error(f"no input.log in {', '.join(unknown)}" if names else "say --record NAME, or --all")
    with tempfile.TemporaryDirectory() as folder:
        for name, documents in made(Path(folder), [kinds[name] for name in names]).items():
            kinds[name].record(documents)
            print(f"{name}: {len(documents)} documents")
    return 0


if __name__ == "__main__":
    sys.exit(main())
