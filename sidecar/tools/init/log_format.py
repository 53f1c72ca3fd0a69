"""Chooses the settings of a pipeline by the files that it will read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from sidecar.config.pipeline import PipelineSettings
from sidecar.errors import ConfigurationError
from sidecar.lib.clock import Clock
from sidecar.parse.settings import AUTO
from sidecar.pipeline.detection import SAMPLE_BYTES, surely_fits
from sidecar.tools.detect import DetectedFormat, detect_format
from sidecar.watch.scanner import FileScanner

_MAX_FILES = 10
"""Maximum number of files that are read, the latest first."""


class ChosenFormat(msgspec.Struct, frozen=True):
    """The settings for the files of a pipeline."""

    pipeline: dict[str, Any]
    """`parser`, and `multiline`, `timestamp` and `encoding` if they are needed."""

    comments: tuple[str, ...]
    """Sentences about how the settings were found."""

    files: tuple[Path, ...] = ()
    """The files that were read."""


def choose_format(files: Sequence[Path], clock: Clock) -> ChosenFormat:
    """Return the settings for these files. If they have different formats, each is detected when it is read.

    Raise `ConfigurationError` if a file cannot be read.
    """
    detected: dict[Path, DetectedFormat] = {}
    for file in files:
        data = _read_beginning(file)
        if any(surely_fits(known.proposal.pipeline, data, clock) for known in detected.values()):
            continue
        if (found := detect_format(data, clock)) is not None:
            detected[file] = found
    if not detected:
        reason = f"no line in {files[0].name}" if files else "no file matched"
        return ChosenFormat({"parser": AUTO}, (f"{reason}: the format of each file is detected when it is read",))
    pipelines = {msgspec.json.encode(each.proposal.pipeline) for each in detected.values()}
    if len(pipelines) > 1:
        lines = [f"{file.name}: {next(each.comments())}" for file, each in detected.items()]
        why = "the files have different formats, so the format of each file is detected when it is read:"
        return ChosenFormat({"parser": AUTO}, (why, *lines), tuple(detected))
    file, only = next(iter(detected.items()))
    summary, *advice = only.comments()
    return ChosenFormat(only.proposal.pipeline, (f"{file.name}: {summary}", *advice), (file,))


def find_files(patterns: Sequence[str]) -> list[Path]:
    """Return the files that match now, the latest first, at most ten of them."""
    exclude = PipelineSettings.model_fields["exclude"].default
    found = sorted(FileScanner(patterns, exclude).scan(), key=lambda file: -file.modified)
    return [Path(file.path) for file in found[:_MAX_FILES]]


def _read_beginning(file: Path) -> bytes:
    try:
        with file.open("rb") as lines:
            return lines.read(SAMPLE_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read ({error.strerror})", location=str(file), hint="choose a file with log lines"
        ) from error
