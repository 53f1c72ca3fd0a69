"""The shared part of `inject`, `uninject` and `lint`: reads manifests, writes them, and reports about each Pod."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from sidecar.cli.output import put_note, put_unchanged
from sidecar.cli.output_file import new_file
from sidecar.errors import ConfigurationError
from sidecar.inject.manifest import Edited, PodOutcome
from sidecar.inject.nodes import ManifestError

STANDARD_INPUT = "-"
FAILURE = 1
_BYTE_ORDER_MARK = "\ufeff"
"""Editors on Windows write it at the beginning of a file."""


class ManifestFile(NamedTuple):
    """A file, or standard input, with its text."""

    path: str
    text: str


def add_file_argument(parser: argparse.ArgumentParser) -> None:
    """Add the files."""
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help="manifests in YAML or JSON; - or none: standard input"
    )
    parser.add_argument(
        "--report", choices=["text", "json", "none"], default="text",
        help="how the report about each Pod is written to standard error (default: text)",
    )  # fmt: skip


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add what happens with the result."""
    parser.add_argument(
        "--force", action="store_true", help="also where the sidecar was changed by hand after it was added"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument(
        "-i", "--in-place", action="store_true", help="change the files instead of printing the result"
    )
    output.add_argument(
        "--check", action="store_true", help="change and print nothing; exit with 1 if a file would change"
    )
    output.add_argument("--diff", action="store_true", help="print the difference; exit with 0")


def read_files(names: Sequence[str]) -> list[ManifestFile]:
    """Return the files with their texts. Raise ConfigurationError if one cannot be read."""
    if not names and sys.stdin.isatty():
        raise ConfigurationError("no manifest is given", hint="name a file, or write it to standard input")
    return [ManifestFile(name, _read(name)) for name in names or [STANDARD_INPUT]]


def _read(name: str) -> str:
    try:
        data = sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).read_bytes()
        return data.decode()
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read ({error.strerror})", location=name, hint="name a file, or - for standard input"
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError("is not UTF-8", location=name, hint="convert it to UTF-8") from None


def change_files(options: argparse.Namespace, change: Callable[[str], Edited]) -> int:
    """Change all files, then write, print or compare the results. Return the exit code.

    Nothing is written if one of the files cannot be read.
    """
    files = read_files(options.files)
    results = [_change(file, change) for file in files]
    for file, edited in zip(files, results, strict=True):
        put_report(file.path, edited.outcomes, options.report)
    changed = [(file, edited.text) for file, edited in zip(files, results, strict=True) if file.text != edited.text]
    if options.diff:
        put_unchanged("".join(_difference(file, text) for file, text in changed))
    elif options.in_place:
        for file, text in changed:
            _write(file.path, text)
    elif not options.check:
        put_unchanged(join([edited.text for edited in results]))
    is_refused = any(outcome.refusal for edited in results for outcome in edited.outcomes)
    return FAILURE if is_refused or (options.check and changed) else 0


def _change(file: ManifestFile, change: Callable[[str], Edited]) -> Edited:
    text = file.text.removeprefix(_BYTE_ORDER_MARK)
    try:
        edited = change(text)
        return Edited(file.text[: len(file.text) - len(text)] + edited.text, edited.outcomes)
    except ManifestError as error:
        location = f"{_shown(file.path)}, {error.location}" if error.location else _shown(file.path)
        raise ConfigurationError(error.message, location=location, hint=error.hint) from None


def _shown(path: str) -> str:
    return "standard input" if path == STANDARD_INPUT else path


def join(texts: Sequence[str]) -> str:
    """Return the texts of several files as one, with a separator between two where there is none."""
    result = texts[0]
    for text in (text.removeprefix(_BYTE_ORDER_MARK) for text in texts[1:]):
        end = "" if not result or result.endswith("\n") else "\n"
        result += f"{end}{'' if text.startswith('---') else f'---{chr(10)}'}{text}"
    return result


def _difference(file: ManifestFile, text: str) -> str:
    lines = difflib.unified_diff(
        file.text.splitlines(keepends=True), text.splitlines(keepends=True), file.path, file.path
    )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _write(path: str, text: str) -> None:
    """Replace a file atomically; standard input is answered on standard output."""
    if path == STANDARD_INPUT:
        put_unchanged(text)
        return
    file = Path(path)
    with new_file(file, may_replace=True, hint="make its directory writable") as new:
        new.write_bytes(text.encode())
        new.chmod(file.stat().st_mode & 0o7777)


def put_report(path: str, outcomes: Sequence[PodOutcome], style: str) -> None:
    """Write what became of each Pod to standard error."""
    if style == "json":
        put_note(json.dumps({"file": path, "pods": [_as_json(outcome) for outcome in outcomes]}))
    elif style == "text":
        for outcome in outcomes:
            put_note(f"{_shown(path)}:{outcome.line}: {outcome}")
            for caution in outcome.cautions:
                put_note(f"{_shown(path)}:{outcome.line}: {caution}")


def _as_json(outcome: PodOutcome) -> dict[str, object]:
    return {
        "kind": outcome.kind,
        "namespace": outcome.namespace,
        "name": outcome.name,
        "line": outcome.line,
        "outcome": outcome.outcome,
        "reason": outcome.refusal and {"code": outcome.refusal.code.name, "detail": outcome.refusal.detail},
        "cautions": [{"code": caution.code.name, "detail": caution.detail} for caution in outcome.cautions],
    }
