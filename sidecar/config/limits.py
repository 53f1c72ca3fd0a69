"""Settings that bound memory, files, dead letters and the time of a shutdown."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Field,
)

from sidecar.lib.settings_model import SettingsModel
from sidecar.lib.units import Duration, Size


class ResourceLimits(SettingsModel):
    """What the sidecar may take."""

    memory: Size = 16 << 20
    """Bytes that the documents of all batches may take together. It is divided among all pairs of a pipeline and a
    sink, and within a pair among its batches; a batch may have 64 KiB of log in any case."""

    open_files: Annotated[int, Field(ge=16)] = 512
    """Files that may be open at once; beyond it the least lately read ones are closed for a while."""

    volume_size: Size | None = None
    """What the files of each pipeline may take together, such as the `sizeLimit` of their volume: told beside what
    they take. Unless told, the size of the file system is."""

    deleted_files: Size = 256 << 20
    """Unread bytes of deleted files that each pipeline holds for its sinks; beyond it the oldest file is given up."""


class DeadLetterSettings(SettingsModel):
    """What a destination refused, kept in the state."""

    max_size: Size = 256 << 20
    """Bytes of documents that may lie in the dead letters."""

    when_full: Literal["block", "drop_oldest"] = "block"
    """`block`: a sink whose refused documents find no place waits. `drop_oldest`: the oldest are lost and counted."""


class DrainSettings(SettingsModel):
    """How it ends."""

    timeout: Duration | None = None
    """Seconds to read every file to its end and deliver after SIGTERM; with `--once`, seconds without progress. Two
    less than `SIDECAR_GRACE` in a Pod that says it, else 25, unless told."""
