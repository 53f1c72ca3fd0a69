"""Builds the status of a running sidecar from its supervisor.

Any thread may call these functions. They do not wait for a scan, a read or a delivery.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter

from sidecar import __version__
from sidecar.app.supervisor import Supervisor
from sidecar.app.watcher import WatchedPipeline
from sidecar.config.settings import Settings
from sidecar.model.counts import ByteCounts
from sidecar.model.dead_letter import DeadLetter
from sidecar.pipeline.format_name import name_format
from sidecar.pipeline.shipper import Shipper
from sidecar.state.dead_letters import DeadLetterStore
from sidecar.tail.tracked_file import TrackedFile
from sidecar.telemetry import events
from sidecar.telemetry.snapshot import (
    BalanceStatus,
    ConfigurationStatus,
    FileStatus,
    FileTotals,
    PipelineBalance,
    RefusedPath,
    ShipperStatus,
    Snapshot,
    VolumeStatus,
)

_MAX_REFUSED = 100
"""Maximum number of unreadable paths in a snapshot for each pipeline. An application can create any number."""

_OFFSET = attrgetter("offset")


def snapshot(
    supervisor: Supervisor, configuration: ConfigurationStatus, *, most_files: int | None = None
) -> Snapshot:
    """Return a snapshot of the sidecar.

    `most_files`: list only this many files by backlog, this many by size, and this many by name.
    """
    shippers, pipelines = list(supervisor.shippers), dict(supervisor.pipelines)
    totals = [_file_totals(name, pipeline) for name, pipeline in pipelines.items()]
    settings = supervisor.settings
    # The state may be locked by a commit, which changes what the shippers have settled. So these wait for it first.
    dead_letters_size, uncopied = supervisor.ledger.dead_letter_bytes(), _count_uncopied(supervisor)
    balances, of_pipelines = balance(supervisor, shippers), pipeline_balance(supervisor, shippers)
    return Snapshot(
        version=__version__, started_at=supervisor.started_at, now=supervisor.clock.now(), pid=os.getpid(),
        state_dir=str(supervisor.state_dir), shippers=_shipper_statuses(shippers, settings),
        files=files(pipelines, shippers, most_files), sums=totals, balance=balances,
        watches="notifications" if supervisor.watchers.is_notified else "scans only",
        open_files=len(supervisor.open_files), open_files_limit=supervisor.open_files.limit,
        memory_limit=settings.limits.memory, held_limit=settings.limits.deleted_files,
        dead_letters_size=dead_letters_size, dead_letters_limit=settings.dead_letters.max_size,
        dead_letters_uncopied=uncopied,
        volumes=list(volumes(supervisor, totals)), configuration=configuration,
        refused=_refused_paths(pipelines), loops=supervisor.heartbeats.ages(),
        pipeline_balance=of_pipelines,
    )  # fmt: skip


def _count_uncopied(supervisor: Supervisor) -> int | None:
    is_copied = supervisor.settings.dead_letters.to is not None
    return DeadLetterStore(supervisor.store).count_uncopied() if is_copied else None


def shipper_statuses(supervisor: Supervisor) -> list[ShipperStatus]:
    """Return the status of each shipper, as in a snapshot."""
    return _shipper_statuses(list(supervisor.shippers), supervisor.settings)


def _shipper_statuses(shippers: Sequence[Shipper], settings: Settings) -> list[ShipperStatus]:
    # A reload may have removed the sink of a shipper that is still listed.
    known = [shipper for shipper in shippers if shipper.sink_name in settings.sinks]
    return [shipper.status(settings.sinks[shipper.sink_name].destination()) for shipper in known]


def down_sinks(supervisor: Supervisor) -> list[str]:
    """Return the names of the sinks that accept nothing now."""
    return sorted({shipper.sink_name for shipper in supervisor.shippers if shipper.is_down})


def unreadable_files(supervisor: Supervisor) -> list[str]:
    """Return the matching files that cannot be read now, and the directories that cannot be listed."""
    paths: set[str] = set()
    for pipeline in supervisor.pipelines.values():
        paths |= pipeline.tracker.unreadable.reasons().keys()
        # The file system creates lost+found, and only root may list it.
        paths |= {path for path in pipeline.scanner.unreadable if os.path.basename(path) != "lost+found"}
    return sorted(paths)


def recent_dead_letters(supervisor: Supervisor, limit: int) -> Sequence[tuple[int, DeadLetter]]:
    """Return at most `limit` dead letters with their numbers, the newest first. Raise `StateError`."""
    return DeadLetterStore(supervisor.store).newest(limit)


# ── the balance ─────────────────────────────────────────────────────────────────────────────────────────────


def balance(supervisor: Supervisor, shippers: Sequence[Shipper]) -> list[BalanceStatus]:
    """Return the balance of each sink of these shippers: its bytes by outcome, such as stored or lost."""
    counts = supervisor.ledger.balance()
    statuses = []
    for sink in dict.fromkeys(shipper.sink_name for shipper in shippers):
        unsettled = sum(_unsettled(supervisor, shipper) for shipper in shippers if shipper.sink_name == sink)
        settled = counts.get(sink, ByteCounts())
        old = sum(_old(supervisor, shipper) for shipper in shippers if shipper.sink_name == sink)
        outcomes = settled.bytes_ | ({"skipped:ignore_older": old} if old else {})
        statuses.append(BalanceStatus(sink, outcomes, settled.lines, unsettled))
    return statuses


def pipeline_balance(supervisor: Supervisor, shippers: Sequence[Shipper]) -> list[PipelineBalance]:
    """Return the balance of each of these shippers, and that of files that the state has forgotten."""
    counts = supervisor.ledger.pipeline_balance()
    balances = []
    for shipper in shippers:
        outcomes = dict(counts.pop((shipper.pipeline, shipper.sink_name), ByteCounts()).bytes_)
        if old := _old(supervisor, shipper):
            outcomes["skipped:ignore_older"] = outcomes.get("skipped:ignore_older", 0) + old
        unsettled = _unsettled(supervisor, shipper)
        in_flight = min(shipper.in_flight_bytes, unsettled)
        balances.append(PipelineBalance(shipper.pipeline, shipper.sink_name, outcomes, unsettled, in_flight))
    sinks = {shipper.sink_name for shipper in shippers}
    return [
        *balances,
        *(PipelineBalance(name, sink, each.bytes_, 0, 0) for (name, sink), each in counts.items() if sink in sinks),
    ]


def _unsettled(supervisor: Supervisor, shipper: Shipper) -> int:
    """Return the unsettled bytes of the files of a shipper, including those of files that are not tracked yet."""
    pipeline = supervisor.pipelines.get(shipper.pipeline)
    return shipper.unsettled() + (pipeline.tracker.waiting_bytes if pipeline else 0)


def _old(supervisor: Supervisor, shipper: Shipper) -> int:
    """Return the bytes of the files that are ignored because of their age, until they are written again."""
    pipeline = supervisor.pipelines.get(shipper.pipeline)
    return pipeline.tracker.old_bytes if pipeline else 0


def balance_event(status: BalanceStatus) -> events.Balance:
    """Return the balance of a sink as an event. Outcomes such as `lost:REASON` are summed over their reasons."""
    by_kind: dict[str, int] = {}
    for outcome, size in status.bytes.items():
        kind = outcome.partition(":")[0]
        by_kind[kind] = by_kind.get(kind, 0) + size
    return events.Balance(
        status.sink,
        seen=sum(by_kind.values()) + status.unsettled,
        stored=by_kind.get("stored", 0),
        dead_letters=by_kind.get("dead_letter", 0),
        filtered=by_kind.get("filtered", 0),
        skipped=by_kind.get("skipped", 0),
        lost=by_kind.get("lost", 0),
        unsettled=status.unsettled,
        lines_stored=sum(n for what, n in status.lines.items() if what.partition(":")[0] == "stored"),
        lines_dead=status.lines.get("dead_letter", 0),
    )


# ── files and volumes ───────────────────────────────────────────────────────────────────────────────────────


def files(
    pipelines: Mapping[str, WatchedPipeline], shippers: Sequence[Shipper], most: int | None
) -> list[FileStatus]:
    """Return the tracked files. `most`: only this many by backlog, this many by size, and this many by name."""
    if most == 0:
        return []
    tracked = [(name, file) for name, pipeline in pipelines.items() for file in pipeline.tracker.unfinished_files()]
    if most is not None and len(tracked) > most:
        tracked = [tracked[index] for index in _first_in_some_order([file for _, file in tracked], most)]
    by_pipeline: dict[str, list[Shipper]] = {}
    for shipper in shippers:
        by_pipeline.setdefault(shipper.pipeline, []).append(shipper)
    return [_file_status(name, file, by_pipeline.get(name, ())) for name, file in tracked]


def _first_in_some_order(tracked: Sequence[TrackedFile], most: int) -> Iterable[int]:
    backlogs, sizes = [_backlog(file) for file in tracked], [file.size for file in tracked]
    names, indexes = [file.place.name for file in tracked], range(len(tracked))
    return dict.fromkeys([
        *heapq.nlargest(most, indexes, backlogs.__getitem__),
        *heapq.nlargest(most, indexes, sizes.__getitem__),
        *heapq.nsmallest(most, indexes, names.__getitem__),
    ])  # fmt: skip


def _backlog(file: TrackedFile) -> int:
    """Return the bytes that at least one sink has not settled."""
    return file.count_unsettled(min(map(_OFFSET, file.settled.values()), default=0))


def _file_status(pipeline: str, file: TrackedFile, shippers: Sequence[Shipper]) -> FileStatus:
    settled = {sink: checkpoint.offset for sink, checkpoint in file.settled.items()}
    parser = name_format(file.format) if file.format else ""
    lag_s = {shipper.sink_name: shipper.lag_of_file(file.generation.id) for shipper in shippers}
    return FileStatus(
        pipeline, _as_text(file.name), file.size, settled, file.is_open, not file.is_in_last_scan, parser, lag_s
    )  # fmt: skip


def _as_text(path: str) -> str:
    return os.fsencode(path).decode(errors="backslashreplace")


def _file_totals(name: str, pipeline: WatchedPipeline) -> FileTotals:
    tracked = pipeline.tracker.unfinished_files()
    held = [file for file in tracked if not file.is_in_last_scan]
    # A list is summed twice as fast as a generator, which counts with thousands of files.
    return FileTotals(
        name, len(tracked), sum([file.size for file in tracked]), len(held), sum(_backlog(file) for file in held),
        len(pipeline.refused),
    )  # fmt: skip


def _refused_paths(pipelines: Mapping[str, WatchedPipeline]) -> list[RefusedPath]:
    return [
        RefusedPath(name, _as_text(path), reason)
        for name, pipeline in pipelines.items()
        for path, reason in islice(pipeline.refused.items(), _MAX_REFUSED)
    ]


def volumes(supervisor: Supervisor, totals: Sequence[FileTotals]) -> Iterator[VolumeStatus]:
    """Yield the used space of the volumes of the logs and of the state, as of the last scan."""
    limit = supervisor.settings.limits.volume_size
    if limit is not None:  # the kubelet compares a `sizeLimit` with the size of the files
        yield from (VolumeStatus(total.pipeline, total.bytes, limit) for total in totals)
    yield from supervisor.volumes.latest()
