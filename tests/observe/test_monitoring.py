"""Alert rules and dashboard name what the sidecar exports, fire when they should, and lead to the runbook."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import unavailable
from tests.observe.test_metrics import Running, started
from tests.servers import ComponentMissing
from tests.servers.promtool import found

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
RULES = yaml.safe_load((MONITORING / "log-sidecar.rules.yaml").read_text())
ALERTS: list[dict[str, Any]] = [rule for group in RULES["groups"] for rule in group["rules"]]
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with started(tmp_path_factory.mktemp("monitored")) as here:
        yield here


@pytest.fixture(scope="module")
def promtool() -> str:
    try:
        return str(found())
    except ComponentMissing as missing:
        unavailable(missing)
        raise


def expressions() -> list[str]:
    """Every expression of rules, panels and variables."""
    targets = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    variables = [each["definition"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    return [*(rule["expr"] for rule in ALERTS), *targets, *variables]


def test_rules_and_dashboard_name_only_metrics_that_are_exported(exported: Running) -> None:
    text = exported.get("/metrics")[1]
    known = set(re.findall(r"^(log_sidecar_\w+)[{ ]", text, re.MULTILINE))
    # A metric whose labels are known only when something happens is announced, and has no sample yet.
    for name, kind in re.findall(r"^# TYPE (log_sidecar_\w+) (\w+)$", text, re.MULTILINE):
        known |= {name} if kind != "histogram" else set()
    named = {name for each in expressions() for name in re.findall(r"\blog_sidecar_\w+", each)}
    assert len(named) > 20
    assert named - known == set()


def test_every_alert_says_what_it_means_and_leads_to_a_heading_that_is_there() -> None:
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    for rule in ALERTS:
        notes = rule["annotations"]
        assert notes["summary"]
        assert notes["description"]
        page, _, anchor = notes["runbook_url"].partition("#")
        assert (ROOT / page).is_file()
        assert anchor in anchors, rule["alert"]


def test_the_manifest_for_the_operator_holds_the_same_rules() -> None:
    manifest = yaml.safe_load((MONITORING / "prometheusrule.yaml").read_text())
    assert manifest["kind"] == "PrometheusRule"
    assert manifest["spec"] == RULES


def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    tests = yaml.safe_load((MONITORING / "log-sidecar.rules.test.yaml").read_text())["tests"]
    checks = [check for test in tests for check in test["alert_rule_test"]]
    names = {rule["alert"] for rule in ALERTS}
    assert {check["alertname"] for check in checks if check["exp_alerts"]} == names
    assert {check["alertname"] for check in checks if not check["exp_alerts"]} == names


@pytest.mark.promtool
@pytest.mark.parametrize(
    ("kind", "name"), [("check", "log-sidecar.rules.yaml"), ("test", "log-sidecar.rules.test.yaml")]
)
def test_promtool_finds_the_rules_good(promtool: str, kind: str, name: str) -> None:
    done = subprocess.run(
        [promtool, kind, "rules", str(MONITORING / name)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.promtool
def test_promtool_finds_the_metrics_clean(promtool: str, exported: Running) -> None:
    text = exported.get("/metrics")[1]
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
