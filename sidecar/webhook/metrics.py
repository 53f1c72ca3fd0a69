"""Counts requests, and writes the counts in the text format of Prometheus.

The client library of Prometheus would be a third of the memory of the webhook.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_PREFIX = "log_sidecar_webhook"

HELP = {
    "requests_total": ("counter", "Pods by what became of them, and by the reason of a refusal."),
    "warnings_total": ("counter", "Pods with the sidecar and a warning, by code."),
    "invalid_requests_total": ("counter", "Requests that were refused, by HTTP status."),
    "seconds": ("histogram", "Time from the last byte of a request to its answer."),
    "certificate_expiry_timestamp_seconds": ("gauge", "When the certificate ends, in seconds since the epoch."),
    "settings_valid": ("gauge", "1 if the settings are valid; 0 if a change is not, so that those before are used."),
}
"""Name of a metric, without its prefix → its type and meaning."""


class WebhookCounters:
    """What the webhook has done since it started."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        """Result and reason → requests."""
        self.warnings: Counter[str] = Counter()
        self._buckets = [0] * (len(_BUCKETS_S) + 1)
        self._sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count the duration of one answer."""
        self._buckets[bisect_left(_BUCKETS_S, seconds)] += 1
        self._sum_s += seconds

    def render(self, refusals: Mapping[int, int], gauges: Mapping[str, float]) -> bytes:
        """Return all metrics as text. `refusals`: HTTP status → requests. `gauges`: name → value."""
        samples: dict[str, list[tuple[str, float]]] = {
            "requests_total": [
                (f'{{result="{result}",reason="{reason}"}}', count)
                for (result, reason), count in sorted(self.requests.items())
            ],
            "warnings_total": [(f'{{code="{code}"}}', count) for code, count in sorted(self.warnings.items())],
            "invalid_requests_total": [
                (f'{{status="{status}"}}', count) for status, count in sorted(refusals.items())
            ],
            "seconds": list(self._histogram()),
            **{name: [("", value)] for name, value in gauges.items()},
        }
        lines = []
        for name, (kind, meaning) in HELP.items():
            lines += [f"# HELP {_PREFIX}_{name} {meaning}", f"# TYPE {_PREFIX}_{name} {kind}"]
            lines += [f"{_PREFIX}_{name}{labels} {value}" for labels, value in samples.get(name, ())]
        return "".join(f"{line}\n" for line in lines).encode()

    def _histogram(self) -> Iterator[tuple[str, float]]:
        total = 0
        for bound, count in zip((*map(str, _BUCKETS_S), "+Inf"), self._buckets, strict=True):
            total += count
            yield f'_bucket{{le="{bound}"}}', total
        yield "_sum", self._sum_s
        yield "_count", total
