"""The metrics of the webhook are what a scraper reads, and all of them are documented."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from sidecar.webhook.metrics import HELP, WebhookCounters


def test_a_scraper_reads_what_was_counted() -> None:
    counters = WebhookCounters()
    counters.requests["injected", ""] += 2
    counters.requests["refused", "E_DIRECTORY"] += 1
    counters.warnings["W_UID"] += 1
    for seconds in (0.0001, 0.0005, 0.003, 7.0):
        counters.observe(seconds)
    text = counters.render({400: 3}, {"settings_valid": 1.0, "certificate_expiry_timestamp_seconds": 1.8e9}).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    samples = {
        (sample.name.removeprefix("log_sidecar_webhook_"), *sample.labels.values()): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert samples["requests_total", "refused", "E_DIRECTORY"] == 1
    assert samples["requests_total", "injected", ""] == 2
    assert samples["invalid_requests_total", "400"] == 3
    assert samples["seconds_bucket", "0.0005"] == 2
    assert samples["seconds_bucket", "0.005"] == 3
    assert samples["seconds_bucket", "+Inf"] == samples["seconds_count",] == 4
    assert samples["certificate_expiry_timestamp_seconds",] == 1.8e9
    assert families["log_sidecar_webhook_seconds"].type == "histogram"


def test_every_metric_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "webhook.md").read_text()
    listed = set(re.findall(r"^\| `log_sidecar_webhook_(\w+)` \|", page, re.MULTILINE))
    assert listed == HELP.keys()
