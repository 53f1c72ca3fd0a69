"""What is known of a running sidecar at one moment: the one source of `status`, the metrics and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sidecar.telemetry.counters import Counters


@dataclass(frozen=True, slots=True)
class ShipperStatus:
    """One pipeline × one sink.

    `state` is "new" (nothing was sent yet), "up", "retrying", "misconfigured" or "blocked" (the state cannot take
    more dead letters, so nothing is sent), `since` in seconds since the epoch and `error` why.
    `error_class`: the kind of the last fault, "" if there never was one. `lag_bytes` and `lag_s`: what could be
    delivered and is not, and the age of its oldest line. `in_flight_bytes`: bytes of log in requests that have no
    verdict.
    """

    pipeline: str
    sink: str
    destination: str
    state: str
    since: float
    error: str
    error_class: str
    lag_bytes: int
    lag_s: float
    in_flight_bytes: int
    tally: Counters


@dataclass(frozen=True, slots=True)
class FileStatus:
    """One file that is followed. `settled`: sink → bytes from the beginning on that are settled there."""

    pipeline: str
    path: str
    size: int
    settled: Mapping[str, int]
    is_open: bool
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class RefusedPath:
    """One path that matches and is not read now, and why: a link, or the error of the last attempt."""

    pipeline: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class BalanceStatus:
    """What became of the bytes of one sink: `bytes` and `lines` by what, such as `stored` or `lost:truncated`."""

    sink: str
    bytes: Mapping[str, int]
    lines: Mapping[str, int]
    unsettled: int


@dataclass(frozen=True, slots=True)
class FileTotals:
    """The files of one pipeline together: how many, their size in bytes, and of those that were deleted or left their
    paths how many are still read and what is not delivered everywhere. `refused`: paths that match and are not read.
    """

    pipeline: str
    files: int
    bytes: int
    held: int
    held_bytes: int
    refused: int = 0


@dataclass(frozen=True, slots=True)
class VolumeStatus:
    """The space on a volume, in bytes: that of the logs of a pipeline, or with "" as pipeline that of the state."""

    pipeline: str
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class ConfigurationStatus:
    """The configuration in force: a hash over it without secrets, and since when.

    `taken` and `refused` count the new ones that came since the start; `is_last_good`: the newest is in force.
    """

    hash: str
    since: float
    taken: int = 0
    refused: int = 0
    is_last_good: bool = True


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of it.

    `held_limit`: unread bytes of deleted files that each pipeline may hold. `dead_letters_size`: bytes of documents.
    `refused`: some of the paths that are not read; `sums` has their number. `loops`: seconds since each loop was
    last at work.
    """

    version: str
    started_at: float
    now: float
    pid: int
    state_dir: str
    shippers: Sequence[ShipperStatus]
    files: Sequence[FileStatus]
    sums: Sequence[FileTotals]
    balance: Sequence[BalanceStatus]
    watches: str
    open_files: int
    open_files_limit: int
    memory_limit: int
    held_limit: int
    dead_letters_size: int
    dead_letters_limit: int
    volumes: Sequence[VolumeStatus]
    configuration: ConfigurationStatus
    refused: Sequence[RefusedPath] = ()
    loops: Mapping[str, float] = field(default_factory=dict)
