"""The metrics by OTLP over HTTP, for those who collect with OpenTelemetry (opentelemetry.io/docs/specs/otlp, 1.5).

Imported only when it is configured; needs the messages of `opentelemetry-proto`. One thread that mostly sleeps: a
receiver that is slow or down costs one request at a time and holds nothing up.
"""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from prometheus_client.core import Metric

from sidecar.telemetry import events
from sidecar.telemetry.metrics import metric_families
from sidecar.telemetry.snapshot import Snapshot

_CUMULATIVE = 2
"""AGGREGATION_TEMPORALITY_CUMULATIVE: each value counts from the start on."""

_TIMEOUT_S, _LAST_TIMEOUT_S = 10.0, 1.0


class Pusher(threading.Thread):
    """Sends the metrics every `interval_s` seconds until `close`, which sends them once more."""

    def __init__(
        self, endpoint: str, interval_s: float, facts: Callable[[], Snapshot], host: str, emit: events.Emit
    ) -> None:
        super().__init__(name="otlp", daemon=True)
        self._endpoint, self._interval_s = endpoint, interval_s
        self._facts, self._host, self._emit = facts, host, emit
        self._over = threading.Event()

    def run(self) -> None:
        """Send, wait, and so on."""
        while not self._over.wait(self._interval_s):
            self._send(_TIMEOUT_S)

    def close(self) -> None:
        """Send what is known now, within a second, and nothing more."""
        if self._over.is_set():
            return
        self._over.set()
        self._send(_LAST_TIMEOUT_S)

    def _send(self, timeout_s: float) -> None:
        headers = {"Content-Type": "application/x-protobuf"}
        try:
            body = encode_snapshot(self._facts(), self._host)
            request = urllib.request.Request(self._endpoint, body, headers)  # noqa: S310 - the setting is a http URL
            with urllib.request.urlopen(request, timeout=timeout_s):  # noqa: S310 - see above
                return
        except urllib.error.HTTPError as error:
            reason = f"HTTP status {error.code}"
        except OSError as error:
            cause = getattr(error, "reason", error)
            reason = getattr(cause, "strerror", None) or type(cause).__name__
        except Exception as error:  # whatever it is, shipping continues, and there is a next attempt
            reason = events.describe_crash(error)
        self._emit(events.MetricsNotSent(self._endpoint.partition("?")[0], reason))


def encode_snapshot(facts: Snapshot, host: str) -> bytes:
    """An ExportMetricsServiceRequest."""
    service = import_module("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")
    request = service.ExportMetricsServiceRequest()
    of_resource = request.resource_metrics.add()
    _describe(
        of_resource.resource.attributes,
        {"service.name": "log-sidecar", "service.version": facts.version, "host.name": host,
         "service.instance.id": f"{host}:{facts.pid}"},
    )  # fmt: skip
    of_scope = of_resource.scope_metrics.add()
    of_scope.scope.name, of_scope.scope.version = "log-sidecar", facts.version
    started, now = int(facts.started_at * 1e9), int(facts.now * 1e9)
    for family in metric_families(facts):
        if family.samples:
            _add(of_scope.metrics.add(), family, started, now)
    data: bytes = request.SerializeToString()
    return data


def _add(metric: Any, family: Metric, started: int, now: int) -> None:
    """One metric under the name of Prometheus without `_total`, which a receiver adds where it needs it."""
    metric.name, metric.description = family.name, family.documentation
    if family.type == "histogram":
        metric.histogram.aggregation_temporality = _CUMULATIVE
        _add_histogram(metric.histogram, family, started, now)
        return
    points = metric.gauge.data_points
    if family.type == "counter":
        metric.sum.aggregation_temporality, metric.sum.is_monotonic = _CUMULATIVE, True
        points = metric.sum.data_points
    for sample in family.samples:
        point = points.add(time_unix_nano=now, as_double=sample.value)
        if family.type == "counter":
            point.start_time_unix_nano = started
        _describe(point.attributes, sample.labels)


def _add_histogram(histogram: Any, family: Metric, started: int, now: int) -> None:
    """Prometheus counts what is at most as large as each bound, OTLP what lies between two of them."""
    points: dict[tuple[tuple[str, str], ...], Any] = {}
    before = 0
    for sample in family.samples:
        labels = {name: value for name, value in sample.labels.items() if name != "le"}
        key = tuple(sorted(labels.items()))
        if key not in points:
            points[key] = histogram.data_points.add(start_time_unix_nano=started, time_unix_nano=now)
            _describe(points[key].attributes, labels)
            before = 0
        point = points[key]
        if sample.name.endswith("_bucket"):
            if sample.labels["le"] != "+Inf":
                point.explicit_bounds.append(float(sample.labels["le"]))
            point.bucket_counts.append(int(sample.value) - before)
            before = int(sample.value)
        elif sample.name.endswith("_count"):
            point.count = int(sample.value)
        else:
            point.sum = sample.value


def _describe(attributes: Any, values: Mapping[str, str]) -> None:
    for key, value in values.items():
        attributes.add(key=key).value.string_value = value
