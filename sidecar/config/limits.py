"""Settings that limit memory, files, dead letters and the time of a shutdown.

Limits of one file or line, such as `max_line`, are settings of a pipeline. These here are set once: `memory` and
`open_files` apply to the whole process, `volume_size` and `deleted_files` to each pipeline separately.
"""

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
    """Maximum bytes of the documents in all batches together. They are divided among all pairs of a pipeline and a
    sink, and then among the batches of a pair. A batch may always have 64 KiB of log."""

    open_files: Annotated[int, Field(ge=16)] = 512
    """Maximum number of open files. Above it, the least recently read files are closed until they are read again."""

    volume_size: Size | None = None
    """Size of the volume of each pipeline's files, such as its `sizeLimit` in Kubernetes. The status and the metrics
    show it next to the size of the files. By default they show the size and use of the file system."""

    deleted_files: Size = 256 << 20
    """Maximum undelivered bytes of deleted files that each pipeline keeps for its sinks. Above it, the oldest file is
    given up and counted as lost."""

    deleted_grace: Duration = 300.0
    """Time for which a file is followed after it was delivered and has left its name, in case the application still
    writes into it. It stays open meanwhile, within `open_files`."""


class DeadLetterSettings(SettingsModel):
    """Documents that a sink rejected, kept in the state."""

    max_size: Size = 256 << 20
    """Maximum bytes of the documents in the dead letters."""

    when_full: Literal["block", "drop_oldest"] = "block"
    """`block`: delivery to a sink pauses while its rejected documents do not fit. `drop_oldest`: the oldest dead
    letters are dropped and counted as lost."""


class DrainSettings(SettingsModel):
    """How the sidecar shuts down."""

    timeout: Duration | None = None
    """Time after SIGTERM in which every file is read to its end and delivered; with `--once`, the time without
    progress. By default `SIDECAR_GRACE` minus 2 seconds if that variable is set, else 25 seconds."""
