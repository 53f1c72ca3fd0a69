"""Alert rules and dashboard name what the sidecar exports, fire when they should, and lead to the runbook."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.webhook.metrics import HELP
from tests.support.monitored import MonitoredSidecar, started
from tests.support.servers.go_programs import DASHBOARDS, PROMTOOL

ROOT = Path(__file__).parents[3]
MONITORING = ROOT / "deploy" / "monitoring"
RULES = yaml.safe_load((MONITORING / "log-sidecar.rules.yaml").read_text())
ALERTS: list[dict[str, Any]] = [rule for group in RULES["groups"] for rule in group["rules"]]
WEBHOOK_RULES = ROOT / "deploy" / "helm" / "log-sidecar-webhook" / "rules.yaml"
WEBHOOK_ALERTS = [rule for group in yaml.safe_load(WEBHOOK_RULES.read_text())["groups"] for rule in group["rules"]]
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredSidecar]:
    with started(tmp_path_factory.mktemp("monitored")) as here:
        yield here


@pytest.fixture(scope="module")
def promtool() -> str:
    return str(PROMTOOL.found())


@pytest.fixture(scope="module")
def schema() -> str:
    return str(DASHBOARDS.found())


def targets() -> list[str]:
    """The expression of every panel."""
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]


def variables() -> list[str]:
    """What the values of each variable are taken from: `label_values(selector, label)`."""
    return [each["definition"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]


def expressions() -> list[str]:
    """Every expression of rules, panels and variables."""
    return [*(rule["expr"] for rule in ALERTS), *targets(), *variables()]


def test_rules_and_dashboard_name_only_metrics_that_are_exported(exported: MonitoredSidecar) -> None:
    text = exported.get("/metrics")[1]
    known = set(re.findall(r"^(log_sidecar_\w+)[{ ]", text, re.MULTILINE))
    # A metric whose labels are known only when something happens is announced, and has no sample yet.
    for name, kind in re.findall(r"^# TYPE (log_sidecar_\w+) (\w+)$", text, re.MULTILINE):
        known |= {name} if kind != "histogram" else set()
    named = {name for each in expressions() for name in re.findall(r"\blog_sidecar_\w+", each)}
    assert len(named) > 20
    assert named - known == set()


def test_rules_of_the_webhook_name_only_its_metrics_and_those_of_the_api_server() -> None:
    named = {name for rule in WEBHOOK_ALERTS for name in re.findall(r"\blog_sidecar_webhook_(\w+)", rule["expr"])}
    assert len(named) > 3
    assert {name.removesuffix("_bucket") for name in named} - HELP.keys() == set()


def anchors(page: str) -> set[str]:
    """The headings of a page, as links name them."""
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("rule", [*ALERTS, *WEBHOOK_ALERTS], ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_what_it_means_and_leads_to_a_heading_that_is_there(rule: dict[str, Any]) -> None:
    notes = rule["annotations"]
    assert notes["summary"]
    assert notes["description"]
    page, _, anchor = notes["runbook_url"].partition("#")
    assert anchor in anchors(page)


def test_the_manifest_for_the_operator_holds_the_same_rules() -> None:
    manifest = yaml.safe_load((MONITORING / "prometheusrule.yaml").read_text())
    assert manifest["kind"] == "PrometheusRule"
    assert manifest["spec"] == RULES


@pytest.mark.parametrize(("name", "alerts"), [("log-sidecar", ALERTS), ("log-sidecar-webhook", WEBHOOK_ALERTS)])
def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_is_silent(
    name: str, alerts: list[dict[str, Any]]
) -> None:
    tests = yaml.safe_load((MONITORING / f"{name}.rules.test.yaml").read_text())["tests"]
    checks = [check for test in tests for check in test["alert_rule_test"]]
    names = {rule["alert"] for rule in alerts}
    assert {check["alertname"] for check in checks if check["exp_alerts"]} == names
    assert {check["alertname"] for check in checks if not check["exp_alerts"]} == names


@pytest.mark.promtool
@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("check", MONITORING / "log-sidecar.rules.yaml"),
        ("test", MONITORING / "log-sidecar.rules.test.yaml"),
        ("check", WEBHOOK_RULES),
        ("test", MONITORING / "log-sidecar-webhook.rules.test.yaml"),
    ],
)
def test_promtool_finds_the_rules_good(promtool: str, kind: str, file: Path) -> None:
    done = subprocess.run([promtool, kind, "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.promtool
def test_prometheus_takes_what_panels_and_variables_ask_for(promtool: str, tmp_path: Path) -> None:
    names = [each["name"] for each in DASHBOARD["templating"]["list"]]
    selectors = [re.fullmatch(r"label_values\((.*), (\w+)\)", definition) for definition in variables()]
    asked = [*targets(), *(found[1] for found in selectors if found)]
    assert len(asked) == len(targets()) + len(names) - 1, "all but the data source ask for label values"
    chosen = {"$__rate_interval": "1m", **{f"${name}": "one|two" for name in names}}
    for variable, value in chosen.items():
        asked = [expression.replace(variable, value) for expression in asked]
    assert not any("$" in expression for expression in asked)
    rules = [{"record": f"asked_{number}", "expr": expression} for number, expression in enumerate(asked)]
    (tmp_path / "asked.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(
        [promtool, "check", "rules", f"{tmp_path}/asked.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def complaints(schema: str, dashboard: object) -> str:
    done = subprocess.run([schema], input=json.dumps(dashboard), capture_output=True, text=True, check=False)
    return done.stderr


@pytest.mark.promtool
def test_the_dashboard_is_what_the_schema_of_grafana_wants(schema: str) -> None:
    assert complaints(schema, DASHBOARD) == ""
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [
        (x, y) for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])
    ]  # fmt: skip
    assert len(set(places)) == len(places), "no panel lies on another"
    assert max(x for x, _ in places) == 23


@pytest.mark.promtool
@pytest.mark.parametrize(
    "spoil",
    [
        lambda board: board.update(panel=[]),
        lambda board: board["panels"][1]["options"].update(graphmode="none"),
        lambda board: board["panels"][1]["targets"][0].update(expression="1"),
        lambda board: board["panels"][1]["gridPos"].update(w="wide"),
        lambda board: board["panels"][4]["options"].pop("legend"),
        lambda board: board["templating"]["list"][1].update(kind="query"),
    ],
)
def test_the_schema_refuses_a_dashboard_with_a_mistake(schema: str, spoil: Callable[[Any], object]) -> None:
    spoilt = copy.deepcopy(DASHBOARD)
    spoil(spoilt)
    assert complaints(schema, spoilt)


@pytest.mark.parametrize("name", ["log-sidecar.rules.yaml", "prometheusrule.yaml"])
def test_one_command_makes_every_link_to_the_runbook_an_address(name: str) -> None:
    """The one that the page of the folder shows."""
    (edit,) = re.findall(r"sed '([^']+)'", (MONITORING / "README.md").read_text())
    done = subprocess.run(["sed", edit, str(MONITORING / name)], capture_output=True, text=True, check=True)
    edited = yaml.safe_load(done.stdout)
    rules = [rule for group in edited.get("spec", edited)["groups"] for rule in group["rules"]]
    for rule, before in zip(rules, ALERTS, strict=True):
        address = "https://wiki.example/log-sidecar/" + before["annotations"]["runbook_url"]
        assert rule == {**before, "annotations": {**before["annotations"], "runbook_url": address}}


@pytest.mark.promtool
def test_promtool_finds_the_metrics_clean(promtool: str, exported: MonitoredSidecar) -> None:
    text = exported.get("/metrics")[1]
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
