"""Settings that bound memory, files, dead letters and the time of a shutdown."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Field,
)

from sidecar.lib.settings_model import SettingsModel
from sidecar.lib.units import Duration, Size


class ResourceLimits(SettingsModel):
    """Resources that the sidecar may use."""

    memory: Size = 16 << 20
    """Bytes that the documents of all batches may take together. They are divided among all pairs of a pipeline and a
    sink, and then among the batches of a pair. A batch may always have 64 KiB of log."""

    open_files: Annotated[int, Field(ge=16)] = 512
    """Files that may be open at once. Beyond it the least recently read files are closed for a while."""

    volume_size: Size | None = None
    """Bytes that the files of each pipeline may take together, such as the `sizeLimit` of their volume. It is
    reported next to what they take. By default the size of the file system is reported."""

    deleted_files: Size = 256 << 20
    """Unread bytes of deleted files that each pipeline keeps for its sinks. Beyond it the oldest file is given up."""


class DeadLetterSettings(SettingsModel):
    """Documents that a sink rejected, kept in the state."""

    max_size: Size = 256 << 20
    """Bytes of documents that the dead letters may take."""

    when_full: Literal["block", "drop_oldest"] = "block"
    """`block`: a sink waits while its rejected documents do not fit. `drop_oldest`: the oldest are dropped and
    counted as lost."""


class DrainSettings(SettingsModel):
    """How the sidecar shuts down."""

    timeout: Duration | None = None
    """Time after SIGTERM to read every file to its end and deliver; with `--once`, time without progress. By default
    `SIDECAR_GRACE` minus 2 seconds if that variable is set, else 25 seconds."""
