"""Turns a snapshot into metrics, and renders them in the text format of Prometheus. OTLP sends the same metrics.

Names follow the conventions of Prometheus: base units, and `_total` for counters. No label contains a file name. Each
scrape builds all metrics from a snapshot, so shipping spends no time on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from sidecar.lib.terminal import escape_control_characters
from sidecar.telemetry.counters import Counters, Histogram
from sidecar.telemetry.snapshot import ConfigurationStatus, ShipperStatus, Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "log_sidecar_"
_STATES = ("new", "up", "interrupted", "retrying", "misconfigured", "blocked")
_SINK_LABELS = ["pipeline", "sink"]

Samples = Iterable[tuple[tuple[str, ...], float]]


def render(snapshot: Snapshot) -> bytes:
    """Return all metrics as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_SnapshotCollector(snapshot))
    return generate_latest(registry)


class _SnapshotCollector(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        yield from metric_families(self._snapshot)


def metric_families(snapshot: Snapshot) -> Iterator[Metric]:
    """Yield every metric. `make docs` writes docs/reference/metrics.md from them."""
    yield _gauge(
        "build_info", "Version of the sidecar in the label `version`; the value is 1.", ["version"],
        [((snapshot.version,), 1)],
    )  # fmt: skip
    yield _gauge(
        "start_time_seconds", "Start of the process, in seconds since the epoch.", [], [((), snapshot.started_at)]
    )
    yield from _shipper_metrics(snapshot.shippers)
    yield from _balance_metrics(snapshot)
    yield _gauge(
        "files",
        "Tracked files.",
        ["pipeline"],
        [((each.pipeline,), each.files) for each in snapshot.sums],
    )
    yield _gauge(
        "refused_paths",
        "Paths that match but are not read: links, FIFOs, devices, and files that cannot be opened.",
        ["pipeline"],
        [((each.pipeline,), each.refused) for each in snapshot.sums],
    )
    yield _gauge("open_files", "Files that are open now.", [], [((), snapshot.open_files)])
    yield _gauge("open_files_limit", "Maximum number of open files.", [], [((), snapshot.open_files_limit)])
    yield _gauge("memory_limit_bytes", "Limit of the bytes in flight (`limits.memory`).", [],
                 [((), snapshot.memory_limit)])  # fmt: skip
    yield _gauge(
        "watch_notifications", "1 if the kernel reports new files, 0 if only scans find them.", [],
        [((), float(snapshot.watches == "notifications"))],
    )  # fmt: skip
    yield _gauge(
        "loop_age_seconds",
        "Seconds since the main loop, a watcher (`watcher of PIPELINE`) or a shipper (`PIPELINE to SINK`) last made "
        "progress. A loop is stuck from 60 on.", ["loop"],
        [((name,), age_s) for name, age_s in snapshot.loops.items()],
    )  # fmt: skip
    uncopied = snapshot.dead_letters_uncopied
    yield _gauge(
        "dead_letters_uncopied",
        "Dead letters that the sink of `dead_letters.to` does not have yet; missing without such a sink.", [],
        [] if uncopied is None else [((), uncopied)],
    )  # fmt: skip
    yield from _retained_file_metrics(snapshot)
    yield from _volume_metrics(snapshot)
    yield from _configuration_metrics(snapshot.configuration)


def _shipper_metrics(shippers: Iterable[ShipperStatus]) -> Iterator[Metric]:
    placed: list[tuple[tuple[str, ...], ShipperStatus]] = [((each.pipeline, each.sink), each) for each in shippers]

    def counter(name: str, text: str, value: str) -> Metric:
        return _counter(name, text, _SINK_LABELS, [(place, getattr(each.counters, value)) for place, each in placed])

    def gauge(name: str, text: str, value: str) -> Metric:
        return _gauge(name, text, _SINK_LABELS, [(place, getattr(each, value)) for place, each in placed])

    yield counter("read_bytes", "Bytes that were read, counted again if they were read again.", "bytes_read")
    yield counter(
        "read_lines", "Lines or events that were read, counted again if they were read again.", "lines_read"
    )
    yield counter("unparsed_lines", "Lines that no parser accepted; they are shipped as `message`.", "unparsed")
    yield _gauge(
        "unparsed_share", "Share of the recent lines that no parser accepted; 0 if there are too few.", _SINK_LABELS,
        [(place, each.counters.unparsed_share) for place, each in placed],
    )  # fmt: skip
    yield counter(
        "parse_timeouts",
        "Texts on which a pattern of `regex`, `grok` or `redact` exceeded its time limit (0.1 s): improve it.",
        "parse_timeouts",
    )
    yield counter("undecodable_lines", "Lines that are not valid in their encoding.", "undecodable")
    failures = [
        ((*place, name), n) for place, each in placed for name, n in sorted(each.counters.transform_errors.items())
    ]
    yield _counter(
        "transform_errors", "Records on which a transform failed; they are shipped without the failed change.",
        [*_SINK_LABELS, "transform"], failures,
    )  # fmt: skip
    yield counter(
        "diverted_documents",
        "Documents sent to the fallback index or collection because of `max_targets`.",
        "diverted",
    )
    yield counter("duplicates", "Documents that the sink had already stored.", "duplicates")
    yield counter(
        "retries", "Requests after the first one for the same batch, and batches that failed as a whole.", "retries"
    )
    yield gauge(
        "lag_bytes",
        "Bytes that are ready for delivery and have no outcome yet (stored, dead letter, filtered, skipped, lost).",
        "lag_bytes",
    )
    yield gauge(
        "lag_seconds",
        "Age of the oldest of these lines: by its timestamp, else by when it was written or first seen.",
        "lag_s",
    )
    parked = [((*place, item.target), item.bytes) for place, each in placed for item in each.parked]
    yield _gauge(
        "parked_bytes", "Bytes that stay in their files because their index or collection accepts no documents.",
        [*_SINK_LABELS, "target"], parked,
    )  # fmt: skip
    yield gauge("in_flight_bytes", "Bytes of log in requests without a result.", "in_flight_bytes")
    yield gauge("requests_in_flight", "Requests without a result.", "requests_in_flight")
    yield gauge(
        "max_requests_in_flight",
        "How many requests may be in flight now. With `workers: auto` it adapts to how fast the sink answers.",
        "max_requests_in_flight",
    )  # fmt: skip
    yield gauge("compressing", "1 if documents for the sink are compressed when they are built.", "is_compressing")
    yield _histogram("write_seconds", "Seconds from the first request of a batch to its result.",
                     [(place, each.counters.latency) for place, each in placed])  # fmt: skip
    yield _histogram("batch_retries", "Requests after the first one for the same batch, until it was settled.",
                     [(place, each.counters.attempts) for place, each in placed])  # fmt: skip
    yield _histogram("batch_documents", "Documents in a batch.",
                     [(place, each.counters.documents) for place, each in placed])  # fmt: skip
    states = [((*place, state), float(each.state == state)) for place, each in placed for state in _STATES]
    yield _gauge(
        "sink_state",
        "1 for the current state of a sink, 0 for all others: `new`, `up`, `interrupted` (by an error that should "
        "end within seconds), `retrying`, `misconfigured`, or `blocked` when the state cannot be written.",
        [*_SINK_LABELS, "state"], states,
    )  # fmt: skip
    since = [(place, each.since) for place, each in placed]
    yield _gauge(
        "sink_state_since_timestamp_seconds", "When the sink entered its state, in seconds since the epoch.",
        _SINK_LABELS, since,
    )  # fmt: skip
    last = [((*place, each.error_class), 1.0) for place, each in placed if each.error_class]
    yield _gauge(
        "sink_last_fault",
        "1 for the kind of the last error of a sink: `unavailable`, `too_large` or `misconfigured`.",
        [*_SINK_LABELS, "reason"], last,
    )  # fmt: skip
    yield from _outcome_metrics(placed)


def _outcome_metrics(placed: Sequence[tuple[tuple[str, ...], ShipperStatus]]) -> Iterator[Metric]:
    """Yield the bytes, lines and documents since the start by outcome and reason."""
    reasons = [*_SINK_LABELS, "reason"]

    def by_reason(name: str, text: str, select: Callable[[Counters], Mapping[str, int]], kind: str = "") -> Metric:
        samples = [((*place, _reason(outcome)), n) for place, each in placed
                   for outcome, n in sorted(select(each.counters).items()) if outcome.startswith(kind)]  # fmt: skip
        return _counter(name, text, reasons, samples)

    def stored(name: str, text: str, select: Callable[[Counters], Mapping[str, int]]) -> Metric:
        samples = [(place, _sum_of("stored", select(each.counters))) for place, each in placed]
        return _counter(name, text, _SINK_LABELS, samples)

    parsed = [(place, max(0, each.counters.lines_read - each.counters.unparsed)) for place, each in placed]
    yield _counter(
        "parsed_lines", "Lines that were parsed, counted again if they were read again.", _SINK_LABELS, parsed
    )
    yield stored(
        "stored_bytes", "Bytes of log that the sink has stored and a durable checkpoint covers.",
        lambda counters: counters.bytes,
    )  # fmt: skip
    yield stored(
        "stored_lines", "Lines that the sink has stored and a durable checkpoint covers.",
        lambda counters: counters.lines,
    )  # fmt: skip
    yield by_reason(
        "lost_bytes", "Bytes that disappeared before they could be read.", lambda counters: counters.bytes, "lost:"
    )
    yield by_reason(
        "filtered_lines",
        "Lines that the configuration dropped, or an ingest pipeline (reason `ingest_pipeline`).",
        lambda counters: counters.lines,
        "filtered:",
    )
    yield by_reason(
        "skipped_bytes", "Bytes that are not shipped, such as empty lines and holes of sparse files.",
        lambda counters: counters.bytes, "skipped:",
    )  # fmt: skip
    yield by_reason(
        "dead_letters",
        "Documents that the sink rejected, by the kind of the reason.",
        lambda counters: counters.refusals,
    )
    dropped = [(place, each.counters.dead_letters_dropped) for place, each in placed]
    yield _counter(
        "dead_letters_dropped", "Dead letters that were dropped to make room for new ones.", _SINK_LABELS, dropped
    )
    yield by_reason("sink_faults", "Attempts in which a whole batch failed.", lambda counters: counters.faults)


def _sum_of(kind: str, counts: Mapping[str, int]) -> int:
    return sum(n for outcome, n in counts.items() if outcome.partition(":")[0] == kind)


def _reason(outcome: str) -> str:
    return outcome.partition(":")[2] or outcome


def _retained_file_metrics(snapshot: Snapshot) -> Iterator[Metric]:
    """Yield the metrics of undelivered files that were deleted, or renamed to a name that `paths` does not match."""

    def gauge(name: str, text: str, value: str) -> Metric:
        return _gauge(name, text, ["pipeline"], [((each.pipeline,), getattr(each, value)) for each in snapshot.sums])

    yield gauge(
        "held_files",
        "Files that were deleted, or renamed to a name that `paths` does not match, and are still read.",
        "held",
    )
    yield gauge(
        "held_bytes",
        "Undelivered bytes of files that were deleted, or renamed to a name that `paths` does not match.",
        "held_bytes",
    )
    yield _gauge(
        "held_limit_bytes",
        "Maximum undelivered bytes of deleted files for each pipeline (`limits.deleted_files`).", [],
        [((), snapshot.held_limit)],
    )  # fmt: skip
    yield gauge("file_bytes", "Size of all tracked files.", "bytes")


def _volume_metrics(snapshot: Snapshot) -> Iterator[Metric]:
    logs = [each for each in snapshot.volumes if each.pipeline]
    state = [each for each in snapshot.volumes if not each.pipeline]
    yield _gauge("volume_used_bytes",
                 "Bytes used on the volume with the logs of a pipeline; with `limits.volume_size` the size of its "
                 "files.", ["pipeline"],
                 [((each.pipeline,), each.used) for each in logs])  # fmt: skip
    yield _gauge("volume_limit_bytes",
                 "Size of that volume without the blocks reserved for root, or `limits.volume_size`.", ["pipeline"],
                 [((each.pipeline,), each.limit) for each in logs])  # fmt: skip
    yield _gauge("state_volume_used_bytes", "Bytes used on the volume with the state.", [],
                 [((), each.used) for each in state])  # fmt: skip
    yield _gauge("state_volume_limit_bytes",
                 "Size of the volume with the state, without the blocks reserved for root.", [],
                 [((), each.limit) for each in state])  # fmt: skip
    yield _gauge("dead_letters_used_bytes", "Bytes of documents in the dead letters.", [],
                 [((), snapshot.dead_letters_size)])  # fmt: skip
    yield _gauge("dead_letters_limit_bytes", "Limit of these bytes (`dead_letters.max_size`).", [],
                 [((), snapshot.dead_letters_limit)])  # fmt: skip


def _configuration_metrics(configuration: ConfigurationStatus) -> Iterator[Metric]:
    yield _counter(
        "config_reloads", "Reloads of the configuration: `taken` or `refused`.", ["result"],
        [(("taken",), configuration.taken), (("refused",), configuration.refused)],
    )  # fmt: skip
    yield _gauge("config_last_reload_successful", "1 if the newest configuration is in use, 0 if it was refused.", [],
                 [((), float(configuration.is_last_good))])  # fmt: skip
    yield _gauge(
        "config_since_timestamp_seconds", "When the configuration in use was loaded, in seconds since the epoch.", [],
        [((), configuration.since)],
    )  # fmt: skip
    yield _gauge(
        "config_info", "Hash of the configuration in use (without secrets) in the label `hash`; the value is 1.",
        ["hash"], [((configuration.hash,), 1)],
    )  # fmt: skip


def _balance_metrics(snapshot: Snapshot) -> Iterator[Metric]:
    """Yield the bytes and lines of all files by outcome. The sum over `what` is everything that was ever seen."""
    sizes, lines = [], []
    for balance in snapshot.balance:
        sizes += [((balance.sink, *_split_outcome(name)), size) for name, size in sorted(balance.bytes.items())]
        sizes.append(((balance.sink, "unsettled", ""), balance.unsettled))
        lines += [((balance.sink, *_split_outcome(name)), count) for name, count in sorted(balance.lines.items())]
    labels = ["sink", "what", "reason"]
    yield _gauge(
        "balance_bytes",
        "Bytes of all files since the state was created, by outcome: `stored` (reason `failure_store`: in the failure"
        " store of a data stream), `dead_letter`, `filtered`, `skipped`, `lost` or `unsettled`.", labels, sizes,
    )  # fmt: skip
    yield _gauge("balance_lines", "The same in lines, without `unsettled`.", labels, lines)


def _split_outcome(outcome: str) -> tuple[str, str]:
    kind, _, reason = outcome.partition(":")
    return kind, reason


def _gauge(name: str, text: str, labels: list[str], samples: Samples) -> Metric:
    family = GaugeMetricFamily(_PREFIX + name, text, labels=labels)
    for values, value in samples:
        family.add_metric(_labels(values), value)
    return family


def _counter(name: str, text: str, labels: list[str], samples: Samples) -> Metric:
    family = CounterMetricFamily(_PREFIX + name, text, labels=labels)
    for values, value in samples:
        family.add_metric(_labels(values), value)
    return family


def _histogram(name: str, text: str, samples: Iterable[tuple[tuple[str, ...], Histogram]]) -> Metric:
    family = HistogramMetricFamily(_PREFIX + name, text, labels=_SINK_LABELS)
    for values, histogram in samples:
        total, buckets = 0, []
        for bound, count in zip([*map(repr, histogram.bounds), "+Inf"], list(histogram.counts), strict=True):
            total += count
            buckets.append((bound, total))
        family.add_metric(_labels(values), buckets, histogram.sum)
    return family


def _labels(values: Iterable[str]) -> list[str]:
    """Escape label values: error kinds come from a server, and a scraper rejects text that is not UTF-8."""
    return [escape_control_characters(value) for value in values]
