"""The state of a running sidecar at one moment: the only source of `status`, the metrics and the status page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from sidecar.telemetry.counters import Counters


class ParkedTarget(msgspec.Struct, frozen=True):
    """Lines that stay in their files because their index or collection accepts no documents."""

    target: str
    """Name of the index or collection; "" for documents that remain when a sink accepts only a part of a batch."""

    bytes: int
    lines: int
    since: float
    """When the first of them was refused, in seconds since the epoch."""

    error: str
    """Error of the last refusal; "" if the last refusal was in an earlier run."""


class ShipperStatus(msgspec.Struct, frozen=True):
    """The status of the shipper of one pipeline and one sink."""

    pipeline: str
    sink: str
    destination: str
    """Address of the sink and target of its documents, without credentials."""

    state: str
    """`new` (nothing was sent yet), `up`, `interrupted` (by an error that should end within seconds), `retrying`,
    `misconfigured`, or `blocked`: the state directory cannot be written or the dead letters are full."""

    since: float
    """When the sink entered this state, in seconds since the epoch."""

    error: str
    """Why the sink is not `up`; "" if it is."""

    error_class: str
    """The class of the last error: `unavailable`, `too_large` or `misconfigured`; "" if no attempt has failed."""

    lag_bytes: int
    """Bytes that are ready for delivery and not yet settled."""

    lag_s: float
    """Age in seconds of the oldest line of the `lag_bytes`: by its timestamp, else by when it was written or seen."""

    in_flight_bytes: int
    """Bytes of log in requests without a result."""

    counters: Counters
    """The counters since the start of the process."""
    parked: Sequence[ParkedTarget] = ()
    """Targets that accept no documents while other targets do."""

    requests_in_flight: int = 0
    """Requests without a result."""

    max_requests_in_flight: int = 0
    """How many requests may be in flight now; it adapts to how fast the sink answers."""

    is_compressing: bool = False
    """Whether documents are compressed when they are built."""


class FileStatus(msgspec.Struct, frozen=True):
    """The status of one tracked file."""

    pipeline: str
    path: str
    size: int
    settled: Mapping[str, int]
    """For each sink, the offset up to which the file is settled."""

    is_open: bool
    is_deleted: bool
    """Whether it was deleted, or renamed to a name that `paths` does not match."""

    parser: str = ""
    """The parsers that were detected for the file; "" if its pipeline detects none."""

    lag_s: Mapping[str, float] = msgspec.field(default_factory=dict)
    """For each sink, the age in seconds of the oldest unsettled line; 0 if none can be delivered now."""


class RefusedPath(msgspec.Struct, frozen=True):
    """A path that matches but is not read, and the reason: it is a link, or the last attempt failed."""

    pipeline: str
    path: str
    reason: str


class BalanceStatus(msgspec.Struct, frozen=True):
    """The balance of one sink: every byte that was seen, by outcome."""

    sink: str
    bytes: Mapping[str, int]
    """Settled bytes by outcome, such as `stored` or `lost:truncated`."""

    lines: Mapping[str, int]
    """Settled lines by outcome."""

    unsettled: int
    """Bytes that were seen and have no outcome yet."""


class PipelineBalance(msgspec.Struct, frozen=True):
    """The part of the balance of a sink that belongs to one pipeline."""

    pipeline: str
    """Name of the pipeline; "" for files that the state has forgotten."""

    sink: str
    bytes: Mapping[str, int]
    """Settled bytes by outcome, as in `BalanceStatus`."""

    unsettled: int
    in_flight: int
    """Bytes of `unsettled` that are in requests without a result."""


class FileTotals(msgspec.Struct, frozen=True):
    """Totals of the tracked files of one pipeline."""

    pipeline: str
    files: int
    bytes: int
    held: int
    """Files that were deleted, or renamed to a name that `paths` does not match, and are still read."""

    held_bytes: int
    """Bytes of the `held` files that at least one sink has not settled."""

    refused: int = 0
    """Paths that match but are not read."""


class VolumeStatus(msgspec.Struct, frozen=True):
    """The space in bytes on the volume with the logs of a pipeline, or with the state if `pipeline` is ""."""

    pipeline: str
    used: int
    limit: int


class ConfigurationStatus(msgspec.Struct, frozen=True):
    """The configuration in use, and the reloads since the start."""

    hash: str
    """A hash of the configuration without secrets."""

    since: float
    """When it was loaded, in seconds since the epoch."""

    taken: int = 0
    """Reloads that were applied."""

    refused: int = 0
    """Reloads that were refused."""

    is_last_good: bool = True
    """Whether the newest configuration is in use."""


class Snapshot(msgspec.Struct, frozen=True):
    """Everything that `status`, the metrics and the status page show."""

    version: str
    started_at: float
    now: float
    pid: int
    state_dir: str
    shippers: Sequence[ShipperStatus]
    files: Sequence[FileStatus]
    sums: Sequence[FileTotals]
    """The totals of each pipeline."""

    balance: Sequence[BalanceStatus]
    watches: str
    """`notifications` if the kernel reports new files, `scans only` if only scans find them."""

    open_files: int
    open_files_limit: int
    memory_limit: int
    held_limit: int
    """Limit of the undelivered bytes of deleted files, for each pipeline."""

    dead_letters_size: int
    """Bytes of the documents in the dead letters."""

    dead_letters_limit: int
    volumes: Sequence[VolumeStatus]
    configuration: ConfigurationStatus
    refused: Sequence[RefusedPath] = ()
    """Some of the paths that match but are not read; `sums` has the number of all."""

    loops: Mapping[str, float] = msgspec.field(default_factory=dict)
    """Seconds since each loop last made progress."""

    pipeline_balance: Sequence[PipelineBalance] = ()
    """The balance by pipeline and sink. Its sums are those of `balance`."""

    dead_letters_uncopied: int | None = None
    """Dead letters that the sink of `dead_letters.to` does not have yet; None if there is no such sink."""
