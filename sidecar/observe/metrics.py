"""The facts as metrics, in the text format of Prometheus.

Names follow its conventions: base units, `_total` for what only grows. No label holds the name of a file. Each scrape
makes them anew from the facts, so nothing is counted twice and shipping costs nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from sidecar.observe.facts import Facts, ShipperFacts
from sidecar.observe.tally import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "log_sidecar_"
_STATES = ("new", "up", "retrying", "misconfigured")
_PLACE = ["pipeline", "sink"]


def rendered(facts: Facts) -> bytes:
    """All metrics as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Facts(facts))
    return generate_latest(registry)


class _Facts(Collector):
    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def collect(self) -> Iterable[Metric]:
        yield from families(self._facts)


def families(facts: Facts) -> Iterator[Metric]:
    """Every metric there is; docs/operations.md has the same list, and a test compares them."""
    yield _gauge("build_info", "Version of the sidecar; always 1.", ["version"], [((facts.version,), 1)])
    yield _gauge(
        "start_time_seconds", "When it was started, in seconds since the epoch.", [], [((), facts.started_at)]
    )
    yield from _of_shippers(facts.shippers)
    yield from _of_balance(facts)
    yield _gauge("files", "Files that are followed, by pipeline.", ["pipeline"], _files(facts))
    yield _gauge("open_files", "Files that are open now.", [], [((), facts.open_files)])
    yield _gauge("open_files_limit", "Files that may be open at once.", [], [((), facts.open_files_limit)])
    yield _gauge("memory_limit_bytes", "Bytes that may be on their way.", [], [((), facts.memory_limit)])
    yield _gauge(
        "watch_notifications", "1 if the system tells of new names, 0 if they are found by sweeps alone.", [],
        [((), float(facts.watches == "notifications"))],
    )  # fmt: skip
    taken, refused = facts.reloads
    yield _counter(
        "config_reloads", "New configurations, by what became of them.", ["result"],
        [(("taken",), taken), (("refused",), refused)],
    )  # fmt: skip


def _of_shippers(shippers: Iterable[ShipperFacts]) -> Iterator[Metric]:
    placed = [((each.pipeline, each.sink), each) for each in shippers]

    def counter(name: str, text: str, value: str) -> Metric:
        return _counter(name, text, _PLACE, [(place, getattr(each.tally, value)) for place, each in placed])

    def gauge(name: str, text: str, value: str) -> Metric:
        return _gauge(name, text, _PLACE, [(place, getattr(each, value)) for place, each in placed])

    yield counter("read_bytes", "Bytes that were read, also those that were read again.", "bytes_read")
    yield counter("read_lines", "Lines or events that were read, also those that were read again.", "lines_read")
    yield counter("unparsed_lines", "Lines that no parser took; they are shipped as messages.", "unparsed")
    yield counter("undecodable_lines", "Lines that were not valid in their encoding.", "undecodable")
    faults = [((*place, name), n) for place, each in placed for name, n in sorted(each.tally.enricher_faults.items())]
    yield _counter(
        "enricher_faults", "Records that an enricher could not do its work on; they are shipped as they were.",
        [*_PLACE, "enricher"], faults,
    )  # fmt: skip
    yield counter("duplicates", "Documents that the destination had already; not stored again.", "duplicates")
    yield counter(
        "retries", "Requests beyond the first of a batch, and batches of which nothing was taken.", "retries"
    )
    yield gauge("lag_bytes", "Bytes that could be delivered and are not.", "lag_bytes")
    yield gauge("lag_seconds", "Age of the oldest line that could be delivered and is not.", "lag_s")
    yield gauge("in_flight_bytes", "Bytes of log in requests without a verdict.", "in_flight_bytes")
    yield _histogram("write_seconds", "Seconds from the first request of a batch to its verdict.",
                     [(place, each.tally.latency) for place, each in placed])  # fmt: skip
    yield _histogram("batch_documents", "Documents of a batch.",
                     [(place, each.tally.documents) for place, each in placed])  # fmt: skip
    states = [((*place, state), float(each.state == state)) for place, each in placed for state in _STATES]
    yield _gauge("sink_state", "1 for the state that a sink is in.", [*_PLACE, "state"], states)


def _of_balance(facts: Facts) -> Iterator[Metric]:
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


def _files(facts: Facts) -> list[tuple[tuple[str, ...], float]]:
    counts = dict.fromkeys((each.pipeline for each in facts.shippers), 0)
    for file in facts.files:
        counts[file.pipeline] = counts.get(file.pipeline, 0) + 1
    return [((pipeline,), count) for pipeline, count in counts.items()]


Samples = Iterable[tuple[tuple[str, ...], float]]


def _gauge(name: str, text: str, labels: list[str], samples: Samples) -> Metric:
    family = GaugeMetricFamily(_PREFIX + name, text, labels=labels)
    for values, value in samples:
        family.add_metric(list(values), value)
    return family


def _counter(name: str, text: str, labels: list[str], samples: Samples) -> Metric:
    family = CounterMetricFamily(_PREFIX + name, text, labels=labels)
    for values, value in samples:
        family.add_metric(list(values), value)
    return family


def _histogram(name: str, text: str, samples: Iterable[tuple[tuple[str, ...], Histogram]]) -> Metric:
    family = HistogramMetricFamily(_PREFIX + name, text, labels=_PLACE)
    for values, histogram in samples:
        total, buckets = 0, []
        for bound, count in zip([*map(repr, histogram.bounds), "+Inf"], list(histogram.counts), strict=True):
            total += count
            buckets.append((bound, total))
        family.add_metric(list(values), buckets, histogram.sum)
    return family
