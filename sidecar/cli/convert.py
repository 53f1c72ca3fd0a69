"""`sidecar convert`: converts a configuration of Filebeat, Fluent Bit, Promtail or Vector."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from sidecar.cli.output import count_of, put_error, put_lines, put_note
from sidecar.convert.kinds import KINDS, SourceFile, convert
from sidecar.convert.source import MAX_FILE_BYTES, decode, read_text
from sidecar.convert.writer import write
from sidecar.errors import ConfigurationError

_INCOMPLETE = 3


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("file", metavar="FILE", help="configuration of the other tool, or - for standard input")
    parser.add_argument(
        "--from", dest="kind", choices=list(KINDS), help="tool of this configuration (default: by its content)"
    )
    parser.add_argument("--output", metavar="FILE", type=Path, help="write to this file instead of standard output")
    parser.add_argument("--force", action="store_true", help="replace the file of --output if it exists")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the configuration. Return 0, or 3 if parts of the source have no counterpart."""
    conversion = convert(_read(options.file), options.kind)
    text = write(conversion)
    if options.output:
        _write_file(options.output, text, may_replace=options.force)
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


def _write_file(path: Path, text: str, *, may_replace: bool) -> None:
    """Write the file as a whole, readable by this user only, because it may be extended with secrets."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if may_replace else os.O_EXCL)
    try:
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigurationError("exists already", location=str(path), hint="add --force to replace it") from None
    except OSError as error:
        raise ConfigurationError(
            f"cannot be written ({error.strerror})", location=str(path), hint="choose another file"
        ) from error
