"""`sidecar convert`: converts a configuration of Filebeat, Fluent Bit, Promtail or Vector."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sidecar.cli.output import count_of, put_error, put_lines, put_note
from sidecar.cli.output_file import check_new_file, new_file
from sidecar.convert.kinds import KINDS, SourceFile, convert
from sidecar.convert.source import MAX_FILE_BYTES, decode, read_text
from sidecar.convert.writer import write

_INCOMPLETE = 3
_PRIVATE = 0o600
"""Only this user may read the file, because it may be extended with secrets."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("file", metavar="FILE", help="configuration of the other tool, or - for standard input")
    parser.add_argument(
        "--from", dest="kind", choices=list(KINDS), help="tool of this configuration (default: by its content)"
    )
    parser.add_argument(
        "--output", metavar="FILE", type=Path,
        help="write to this file, which must not exist yet, instead of standard output",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="overwrite the file of --output if it exists")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the configuration. Return 0, or 3 if parts of the source have no counterpart."""
    if options.output:
        check_new_file(options.output, may_replace=options.force)
    conversion = convert(_read(options.file), options.kind)
    text = write(conversion)
    if options.output:
        with new_file(options.output, may_replace=options.force, mode=_PRIVATE) as new:
            new.write_text(text, encoding="utf-8")
        put_note(f"wrote {options.output}; run `sidecar check --config {options.output}`")
    else:
        put_lines(text.rstrip("\n"))
    left_out = sum(remark.is_loss for remark in conversion.all_remarks())
    if left_out:
        put_error(f"{count_of(left_out, 'part')} could not be converted; see the comments that begin with `left out`")
    return _INCOMPLETE if left_out else 0


def _read(file: str) -> SourceFile:
    if file == "-":
        return SourceFile(Path("standard-input"), decode(sys.stdin.buffer.read(MAX_FILE_BYTES + 1), "standard input"))
    return SourceFile(Path(file), read_text(Path(file)))
