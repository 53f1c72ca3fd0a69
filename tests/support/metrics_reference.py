"""`make docs`: writes the rows of docs/reference/metrics.md from the metrics and their help texts.

The page decides in which table a metric stands; its labels and its meaning come from the source.
"""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.core import Metric

from sidecar.telemetry.metrics import metric_families
from sidecar.telemetry.snapshot import ConfigurationStatus, Snapshot

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
_ROW = re.compile(r"^\| `(log_sidecar_\w+)` \|.*$", re.MULTILINE)
_NOTHING = Snapshot(
    "1", 0, 0, 1, "/", [], [], [], [], "notifications", 0, 0, 0, 0, 0, 0, [], ConfigurationStatus("", 0)
)  # fmt: skip


def metric_names() -> list[str]:
    """Return the name of every metric, as Prometheus shows it."""
    return [_name(family) for family in metric_families(_NOTHING)]


def names_on(page: str) -> list[str]:
    """Return the names of the metrics that have a row on the page."""
    return _ROW.findall(page)


def with_rows(page: str) -> str:
    """Return the page with each row written again. Raises `KeyError` for an unknown metric."""
    rows = {_name(family): _row(family) for family in metric_families(_NOTHING)}
    return _ROW.sub(lambda found: rows[found[1]], page)


def _row(family: Metric) -> str:
    labels = ", ".join(getattr(family, "_labelnames"))  # noqa: B009
    meaning = family.documentation.removesuffix(".")
    return f"| `{_name(family)}` | {family.type} | {labels or '–'} | {meaning} |"


def _name(family: Metric) -> str:
    return family.name + ("_total" if family.type == "counter" else "")


if __name__ == "__main__":
    PAGE.write_text(with_rows(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
