"""Runs the product and the bare job in turn over the same logs, into a null Elasticsearch, and prints a table."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench.contenders import CONTENDERS, Contender
from tests.bench.logs import KINDS
from tests.bench.race import Incomplete, race
from tests.bench.report import HEADER, about, rows, section


def main(arguments: Sequence[str], contenders: Mapping[str, Contender] = CONTENDERS) -> int:
    """Print the table. Exit code 1, and no speed, if a document is missing."""
    options = _options(arguments, contenders)
    names = options.contenders or list(contenders)
    folder = _folder(options.cache)
    print(f"{about(options.lines, options.runs)}\n\n{HEADER}", flush=True)
    table: list[str] = []
    try:
        for kind in options.only or KINDS:
            taking_part = {name: contenders[name] for name in names}
            results = race(kind, taking_part, options.lines, options.runs, options.verified_lines, folder)
            table += (found := rows(kind, results, options.lines))
            print("\n".join(found), flush=True)
    except Incomplete as missing:
        print(f"\nno speed, because what arrived is not the log: {missing}", file=sys.stderr)
        return 1
    if options.markdown:
        text = section(table, options.lines, options.runs, _repeat(options))
        options.markdown.write_text(text, encoding="utf-8")
    return 0


def _options(arguments: Sequence[str], contenders: Mapping[str, Contender]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--lines", type=_positive, default=1_000_000, help="lines of each log")
    parser.add_argument("--runs", type=_positive, default=3, help="runs of each contender")
    parser.add_argument("--only", choices=KINDS, action="append", help="only this kind; may be given again")
    parser.add_argument("--contenders", type=_names(contenders), metavar="NAME,…", help=", ".join(contenders))
    parser.add_argument("--verified-lines", type=_positive, default=50_000, help="lines that are compared one by one")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table here, too")
    parser.add_argument("--cache", type=Path, metavar="DIRECTORY", help="where the logs are kept")
    return parser.parse_args(arguments)


def _repeat(options: argparse.Namespace) -> str:
    """The command that takes these figures again, without the places where files were kept on this machine."""
    command = ["python", "-m", "tests.bench", "--lines", str(options.lines), "--runs", str(options.runs)]
    if options.contenders:
        command += ["--contenders", ",".join(options.contenders)]
    for kind in options.only or ():
        command += ["--only", kind]
    return shlex.join(command)


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _names(contenders: Mapping[str, Contender]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        if unknown := [name for name in text.split(",") if name not in contenders]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(contenders)}")
        return text.split(",")

    return names


def _folder(given: Path | None) -> Path:
    folder = given or Path(tempfile.gettempdir()) / f"log-sidecar-bench-{os.getuid()}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
