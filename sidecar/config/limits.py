"""Settings that limit memory, files, dead letters and the time of a shutdown.

Limits of one file or line, such as `max_line`, are settings of a pipeline. The settings in this module are set once:
`memory` and `open_files` apply to the whole process, `volume_size` and `deleted_files` to each pipeline separately.
"""

from __future__ import annotations

from typing import Annotated, Literal

from sidecar.lib.declarations import (
    Field,
)
from sidecar.lib.settings_model import SHOWN, SettingsModel
from sidecar.lib.units import Duration, Size


class ResourceLimits(SettingsModel):
    """Resources that the sidecar may use."""

    memory: Size = 16 << 20
    """Maximum total bytes of the documents in all batches. This total is divided among all pairs of a pipeline and a
    sink, and then among the batches of a pair. A batch may always have 64 KiB of log text."""

    open_files: Annotated[int, Field(ge=16)] = 512
    """Maximum number of open files. Above this limit, the files that were read least recently are closed, and opened
    again when they are read."""

    volume_size: Size | None = None
    """Size of the volume with each pipeline's files, such as its `sizeLimit` in Kubernetes. The status and the
    metrics show it next to the size of the files. By default they show the size and usage of the file system."""

    deleted_files: Size = 256 << 20
    """Maximum undelivered bytes of deleted files that each pipeline keeps open for its sinks. Above this limit, the
    oldest file is closed, and its undelivered lines are counted as lost."""

    deleted_grace: Duration = 300.0
    """Time for which a file is still followed after it was renamed or deleted and completely delivered, because the
    application may still write to it. It stays open during this time, within `open_files`."""


class DeadLetterSettings(SettingsModel):
    """Limits of the documents that sinks rejected, which are kept in the state directory."""

    max_size: Size = 256 << 20
    """Maximum bytes of the documents in the dead letters."""

    to: Annotated[str | None, SHOWN] = None
    """Name of a sink that also gets each dead letter, such as an index that all Pods share. A failure of this sink
    delays nothing else: the dead letters in the state are the originals. Pipelines without `sinks` do not ship to
    it."""

    when_full: Literal["block", "drop_oldest"] = "block"
    """`block`: delivery to a sink pauses while there is no space for its rejected documents. `drop_oldest`: the
    oldest dead letters are dropped and counted as lost."""


class DrainSettings(SettingsModel):
    """Settings of the shutdown."""

    timeout: Duration | None = None
    """Time after SIGTERM in which every file is read to its end and delivered; with `--once`, the time without
    progress. By default `SIDECAR_GRACE` minus 2 seconds if that variable is set, else 25 seconds."""
