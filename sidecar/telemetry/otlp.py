"""Pushes the metrics by OTLP over HTTP, with OpenTelemetry's exporter.

This module is imported only if it is configured. Each push converts a snapshot, so there are no OpenTelemetry
instruments. The exporter encodes, compresses, sends and retries as configured by `OTEL_EXPORTER_OTLP_*`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, pairwise
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    DataT,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import Metric as MetricFamily
from prometheus_client.samples import Sample

from sidecar.lib.crash import describe_crash
from sidecar.telemetry import events
from sidecar.telemetry.metrics import metric_families
from sidecar.telemetry.snapshot import Snapshot

_CUMULATIVE = AggregationTemporality.CUMULATIVE

_UNKNOWN: Any = None
"""Value of an optional number that is unknown. The exporter omits the field, although its type does not allow
None."""

_LAST_PUSH_TIMEOUT_S = 1.0


class Pusher(threading.Thread):
    """Pushes the metrics every `interval_s` seconds until `close`, which pushes them once more.

    The thread mostly sleeps. A collector that is slow or down delays only this thread.
    """

    def __init__(
        self, endpoint: str, interval_s: float, read_snapshot: Callable[[], Snapshot], host: str, emit: events.Emit
    ) -> None:
        super().__init__(name="otlp", daemon=True)
        self._endpoint, self._interval_s = endpoint, interval_s
        self._read_snapshot, self._host, self._emit = read_snapshot, host, emit
        self._exporter: OTLPMetricExporter | None = None
        self._is_closing = threading.Event()
        self._is_abandoned = False

    def run(self) -> None:
        """Push after each interval, and once more at the end."""
        while not self._is_closing.wait(self._interval_s):
            self._push(None)
        self._push(_LAST_PUSH_TIMEOUT_S)

    def close(self) -> None:
        """Push the current metrics. Return after a second even if the collector does not answer."""
        exporter = self._exporter
        self._is_closing.set()
        if exporter:
            exporter.shutdown()  # ends the wait before another attempt
        self.join(_LAST_PUSH_TIMEOUT_S)
        self._is_abandoned = True

    def _push(self, timeout_s: float | None) -> None:
        if not self._is_abandoned and (reason := self._export(timeout_s)) and not self._is_abandoned:
            self._emit(events.MetricsNotSent(self._endpoint.partition("?")[0], reason))

    def _export(self, timeout_s: float | None) -> str:
        """Return why the metrics could not be sent; empty if they were. The default timeout is the exporter's."""
        with _Session() as session:
            try:
                self._exporter = OTLPMetricExporter(self._endpoint, timeout=timeout_s, session=session)
                result = self._exporter.export(convert(self._read_snapshot(), self._host))
            except Exception as error:  # no error may stop shipping; the next push is another attempt
                return describe_crash(error)
        return session.reason or ("" if result is MetricExportResult.SUCCESS else "the exporter gave up")


class _Session(requests.Session):
    """A session that records why its last request failed. The exporter only logs that, together with the URL."""

    reason = ""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        try:
            response = super().send(request, **{**options, "stream": True})
        except Exception as error:
            self.reason = _describe(error)
            raise
        response.close()  # its body may be of any length, and is not used
        # The exporter follows no redirect, and counts one as a success.
        is_accepted = 200 <= response.status_code < 300
        self.reason = "" if is_accepted else f"HTTP status {response.status_code}"
        return response


def _describe(error: Exception) -> str:
    """Return the system's error message for a failed request, because the library's message contains the URL."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def convert(snapshot: Snapshot, host: str) -> MetricsData:
    """Return all metrics in the data structures of the exporter."""
    started, now = int(snapshot.started_at * 1e9), int(snapshot.now * 1e9)
    metrics = [_metric(family, started, now) for family in metric_families(snapshot) if family.samples]
    resource = Resource(
        {
            "service.name": "log-sidecar",
            "service.version": snapshot.version,
            "host.name": host,
            "service.instance.id": f"{host}:{snapshot.pid}",
        }
    )
    scope = ScopeMetrics(InstrumentationScope("log-sidecar", snapshot.version), metrics, "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def _metric(family: MetricFamily, started: int, now: int) -> Metric:
    """Return a metric with its Prometheus name, but without `_total`, which a collector adds where needed."""
    data: DataT
    if family.type == "histogram":
        data = Histogram(list(_histogram_points(family.samples, started, now)), _CUMULATIVE)
    elif family.type == "counter":
        data = Sum(_number_points(family.samples, started, now), _CUMULATIVE, is_monotonic=True)
    else:
        data = Gauge(_number_points(family.samples, 0, now))
    return Metric(family.name, family.documentation, None, data)


def _number_points(samples: Iterable[Sample], started: int, now: int) -> list[NumberDataPoint]:
    return [NumberDataPoint(sample.labels, started, now, float(sample.value)) for sample in samples]


def _histogram_points(samples: Iterable[Sample], started: int, now: int) -> Iterator[HistogramDataPoint]:
    """Yield a point for each set of labels.

    For each bound, Prometheus counts all values up to it, and OTLP the values between it and the bound before.
    """
    for labels, group in groupby(samples, _labels_without_bound):
        *buckets, count, total = group
        counts = [0, *(int(bucket.value) for bucket in buckets)]
        yield HistogramDataPoint(
            labels, started, now,
            count=int(count.value),
            sum=total.value,
            bucket_counts=[after - before for before, after in pairwise(counts)],
            explicit_bounds=[float(bucket.labels["le"]) for bucket in buckets[:-1]],
            min=_UNKNOWN,
            max=_UNKNOWN,
        )  # fmt: skip


def _labels_without_bound(sample: Sample) -> dict[str, str]:
    return {name: value for name, value in sample.labels.items() if name != "le"}
