"""The facts as metrics, in the text format of Prometheus.

Names follow its conventions: base units, `_total` for what only grows. No label holds the name of a file. Each scrape
makes them again from the snapshot, so nothing is counted twice and shipping costs nothing more.
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
_STATES = ("new", "up", "retrying", "misconfigured", "blocked")
_PLACE = ["pipeline", "sink"]

Samples = Iterable[tuple[tuple[str, ...], float]]


def render(facts: Snapshot) -> bytes:
    """All metrics as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_SnapshotCollector(facts))
    return generate_latest(registry)


class _SnapshotCollector(Collector):
    def __init__(self, facts: Snapshot) -> None:
        self._facts = facts

    def collect(self) -> Iterable[Metric]:
        yield from metric_families(self._facts)


def metric_families(facts: Snapshot) -> Iterator[Metric]:
    """Every metric there is; docs/reference/metrics.md has the same list, and a test compares them."""
    yield _gauge("build_info", "Version of the sidecar; always 1.", ["version"], [((facts.version,), 1)])
    yield _gauge(
        "start_time_seconds", "When it was started, in seconds since the epoch.", [], [((), facts.started_at)]
    )
    yield from _of_shippers(facts.shippers)
    yield from _of_balance(facts)
    yield _gauge(
        "files",
        "Files that are followed, by pipeline.",
        ["pipeline"],
        [((each.pipeline,), each.files) for each in facts.sums],
    )
    yield _gauge(
        "refused_paths",
        "Paths that match and are not read: links, FIFOs, devices, and what cannot be opened.",
        ["pipeline"],
        [((each.pipeline,), each.refused) for each in facts.sums],
    )
    yield _gauge("open_files", "Files that are open now.", [], [((), facts.open_files)])
    yield _gauge("open_files_limit", "Files that may be open at once.", [], [((), facts.open_files_limit)])
    yield _gauge("memory_limit_bytes", "Bytes that may be on their way.", [], [((), facts.memory_limit)])
    yield _gauge(
        "watch_notifications", "1 if the system tells of new names, 0 if they are found by sweeps alone.", [],
        [((), float(facts.watches == "notifications"))],
    )  # fmt: skip
    yield _gauge(
        "loop_age_seconds", "Seconds since a loop that ships was last at work.", ["loop"],
        [((name,), age_s) for name, age_s in facts.loops.items()],
    )  # fmt: skip
    yield from _of_held(facts)
    yield from _of_volumes(facts)
    yield from _of_configuration(facts.configuration)


def _of_shippers(shippers: Iterable[ShipperStatus]) -> Iterator[Metric]:
    placed: list[tuple[tuple[str, ...], ShipperStatus]] = [((each.pipeline, each.sink), each) for each in shippers]

    def counter(name: str, text: str, value: str) -> Metric:
        return _counter(name, text, _PLACE, [(place, getattr(each.tally, value)) for place, each in placed])

    def gauge(name: str, text: str, value: str) -> Metric:
        return _gauge(name, text, _PLACE, [(place, getattr(each, value)) for place, each in placed])

    yield counter("read_bytes", "Bytes that were read, also those that were read again.", "bytes_read")
    yield counter("read_lines", "Lines or events that were read, also those that were read again.", "lines_read")
    yield counter("unparsed_lines", "Lines that no parser took; they are shipped as messages.", "unparsed")
    yield counter("parse_timeouts", "Lines on which a pattern of the user took longer than it may.", "parse_timeouts")
    yield counter("undecodable_lines", "Lines that were not valid in their encoding.", "undecodable")
    faults = [
        ((*place, name), n) for place, each in placed for name, n in sorted(each.tally.transform_errors.items())
    ]
    yield _counter(
        "transform_errors", "Records that a transform could not do its work on; they are shipped as they were.",
        [*_PLACE, "transform"], faults,
    )  # fmt: skip
    yield counter("diverted_documents", "Documents for the fallback: beyond max_targets of the day.", "diverted")
    yield counter("duplicates", "Documents that the destination had already; not stored again.", "duplicates")
    yield counter(
        "retries", "Requests beyond the first of a batch, and batches of which nothing was taken.", "retries"
    )
    yield gauge("lag_bytes", "Bytes that could be delivered and are not.", "lag_bytes")
    yield gauge("lag_seconds", "Age of the oldest line that could be delivered and is not.", "lag_s")
    yield gauge("in_flight_bytes", "Bytes of log in requests without a verdict.", "in_flight_bytes")
    yield _histogram("write_seconds", "Seconds from the first request of a batch to its verdict.",
                     [(place, each.tally.latency) for place, each in placed])  # fmt: skip
    yield _histogram("batch_retries", "Requests beyond the first of a batch until it was settled.",
                     [(place, each.tally.attempts) for place, each in placed])  # fmt: skip
    yield _histogram("batch_documents", "Documents of a batch.",
                     [(place, each.tally.documents) for place, each in placed])  # fmt: skip
    states = [((*place, state), float(each.state == state)) for place, each in placed for state in _STATES]
    yield _gauge("sink_state", "1 for the state that a sink is in.", [*_PLACE, "state"], states)
    since = [(place, each.since) for place, each in placed]
    yield _gauge("sink_state_since_timestamp_seconds", "Since when a sink is in its state.", _PLACE, since)
    last = [((*place, each.error_class), 1.0) for place, each in placed if each.error_class]
    yield _gauge("sink_last_fault", "1 for the kind of the last fault of a sink.", [*_PLACE, "reason"], last)
    yield from _of_reasons(placed)


def _of_reasons(placed: Sequence[tuple[tuple[str, ...], ShipperStatus]]) -> Iterator[Metric]:
    """What became of bytes and lines since the start, and why."""
    reasons = [*_PLACE, "reason"]

    def counts(name: str, text: str, counted: Callable[[Counters], Mapping[str, int]], kind: str = "") -> Metric:
        found = [((*place, *_reason(what)), n) for place, each in placed
                 for what, n in sorted(counted(each.tally).items()) if what.startswith(kind)]  # fmt: skip
        return _counter(name, text, reasons, found)

    def stored(name: str, text: str, counted: Callable[[Counters], Mapping[str, int]]) -> Metric:
        return _counter(name, text, _PLACE, [(place, counted(each.tally).get("stored", 0)) for place, each in placed])

    parsed = [(place, max(0, each.tally.lines_read - each.tally.unparsed)) for place, each in placed]
    yield _counter("parsed_lines", "Lines that a parser took.", _PLACE, parsed)
    yield stored("stored_bytes", "Bytes that the destination has, durably settled.", lambda tally: tally.bytes)
    yield stored("stored_lines", "Lines that the destination has, durably settled.", lambda tally: tally.lines)
    yield counts("lost_bytes", "Bytes that were gone before they could be read.", lambda tally: tally.bytes, "lost:")
    yield counts("filtered_lines", "Lines left out as configured.", lambda tally: tally.lines, "filtered:")
    yield counts("skipped_bytes", "Bytes that are no line.", lambda tally: tally.bytes, "skipped:")
    yield counts("dead_letters", "Documents that the destination refused.", lambda tally: tally.refusals)
    dropped = [(place, each.tally.dead_letters_dropped) for place, each in placed]
    yield _counter("dead_letters_dropped", "Dead letters that were lost to make place for others.", _PLACE, dropped)
    yield counts("sink_faults", "Attempts to deliver that failed as a whole.", lambda tally: tally.faults)


def _reason(what: str) -> tuple[str]:
    return (what.partition(":")[2] or what,)


def _of_held(facts: Snapshot) -> Iterator[Metric]:
    """Files that have left their paths or were deleted, and are still to be delivered."""

    def gauge(name: str, text: str, value: str) -> Metric:
        return _gauge(name, text, ["pipeline"], [((each.pipeline,), getattr(each, value)) for each in facts.sums])

    yield gauge("held_files", "Files that were deleted or left their paths, and are still read.", "held")
    yield gauge("held_bytes", "Bytes of these that are not delivered everywhere.", "held_bytes")
    yield _gauge("held_limit_bytes", "Bytes that each pipeline may hold so.", [], [((), facts.held_limit)])
    yield gauge("file_bytes", "Size of all files that are followed.", "bytes")


def _of_volumes(facts: Snapshot) -> Iterator[Metric]:
    logs = [each for each in facts.volumes if each.pipeline]
    state = [each for each in facts.volumes if not each.pipeline]
    yield _gauge("volume_used_bytes", "Bytes in use where the logs of a pipeline lie.", ["pipeline"],
                 [((each.pipeline,), each.used) for each in logs])  # fmt: skip
    yield _gauge("volume_limit_bytes", "Bytes that there is room for where the logs of a pipeline lie.", ["pipeline"],
                 [((each.pipeline,), each.limit) for each in logs])  # fmt: skip
    yield _gauge("state_volume_used_bytes", "Bytes in use where the state lies.", [], [((), v.used) for v in state])
    yield _gauge("state_volume_limit_bytes", "Bytes that there is room for where the state lies.", [],
                 [((), each.limit) for each in state])  # fmt: skip
    yield _gauge("dead_letters_used_bytes", "Bytes of documents in the dead letters.", [],
                 [((), facts.dead_letters_size)])  # fmt: skip
    yield _gauge("dead_letters_limit_bytes", "Bytes of documents that may lie in the dead letters.", [],
                 [((), facts.dead_letters_limit)])  # fmt: skip


def _of_configuration(found: ConfigurationStatus) -> Iterator[Metric]:
    yield _counter(
        "config_reloads", "New configurations, by what became of them.", ["result"],
        [(("taken",), found.taken), (("refused",), found.refused)],
    )  # fmt: skip
    yield _gauge("config_last_reload_successful", "1 if the newest configuration is in force.", [],
                 [((), float(found.is_last_good))])  # fmt: skip
    yield _gauge(
        "config_since_timestamp_seconds", "Since when the configuration is in force.", [], [((), found.since)]
    )
    yield _gauge("config_info", "Hash of the configuration in force, without secrets; always 1.", ["hash"],
                 [((found.hash,), 1)])  # fmt: skip


def _of_balance(facts: Snapshot) -> Iterator[Metric]:
    """What became of every byte: the sum over `what` is what was ever seen of the files."""
    sizes, lines = [], []
    for balance in facts.balance:
        sizes += [((balance.sink, *_what(what)), size) for what, size in sorted(balance.bytes.items())]
        sizes.append(((balance.sink, "unsettled", ""), balance.unsettled))
        lines += [((balance.sink, *_what(what)), count) for what, count in sorted(balance.lines.items())]
    labels = ["sink", "what", "reason"]
    yield _gauge("balance_bytes", "What became of the bytes of all files, since the state began.", labels, sizes)
    yield _gauge("balance_lines", "What became of the lines of all files, since the state began.", labels, lines)


def _what(what: str) -> tuple[str, str]:
    kind, _, reason = what.partition(":")
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
    family = HistogramMetricFamily(_PREFIX + name, text, labels=_PLACE)
    for values, histogram in samples:
        total, buckets = 0, []
        for bound, count in zip([*map(repr, histogram.bounds), "+Inf"], list(histogram.counts), strict=True):
            total += count
            buckets.append((bound, total))
        family.add_metric(_labels(values), buckets, histogram.sum)
    return family


def _labels(values: Iterable[str]) -> list[str]:
    """Escape label values: kinds of errors are words of a server, and a scraper refuses what is not UTF-8."""
    return [escape_control_characters(value) for value in values]
