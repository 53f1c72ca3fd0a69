"""The example plug-in: installed as a user does, and what it does with records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sidecar.testing import TransformConformance, TransformUnderTest
from sidecar.transform import registry
from tests.support.plugins import install_example, run_sidecar

LINES = ['{"customer":{"id":"G-17"},"n":64.40}', '{"customer":{"id":"X-1"},"n":1}', '{"n":2}', "no json"]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_example("custom-transform", tmp_path_factory.mktemp("plugin"))


def config(folder: Path, transform: object) -> str:
    (folder / "app.log").write_text("".join(f"{line}\n" for line in LINES))
    given = {
        "state_dir": str(folder / "state"), "sinks": {"out": f"file://{folder}/out.ndjson"},
        "pipelines": {"app": {"paths": [str(folder / "app.log")], "parser": "json", "transforms": [transform]}},
    }  # fmt: skip
    (folder / "sidecar.yaml").write_text(json.dumps(given))
    return str(folder / "sidecar.yaml")


def test_an_installed_transform_is_listed_and_does_its_work(installed: Path, tmp_path: Path) -> None:
    assert "log-sidecar-tier 0.1.0" in run_sidecar(installed, "plugins").stdout
    done = run_sidecar(installed, "run", "--once", "--config", config(tmp_path, {"tier": {"field": "customer.id"}}))
    assert done.returncode == 0, done.stderr
    texts = (tmp_path / "out.ndjson").read_text().splitlines()
    first, second, third, fourth = map(json.loads, texts)
    assert first["customer"] == {"id": "G-17", "tier": "gold"}
    assert '"n":64.40' in texts[0]
    assert second["customer"] == {"id": "X-1"}
    assert second["error"]["message"].startswith("tier failed: KeyError at ")
    assert "error" not in third
    assert fourth["message"] == "no json"
    (said,) = [line for line in map(json.loads, done.stderr.splitlines()) if line["event"] == "transform_failed"]
    assert (said["transform"], said["records"], said["level"]) == ("tier", 1, "warning")


class TestTier(TransformConformance):
    @pytest.fixture
    def under_test(self, installed: Path, monkeypatch: pytest.MonkeyPatch) -> TransformUnderTest:
        monkeypatch.syspath_prepend(str(installed))
        fields, expected = {"owner": "S-1", "n": 2}, {"owner": "S-1", "n": 2, "customer": {"tier": "silver"}}
        return TransformUnderTest(registry.resolve("tier"), fields, expected, {"field": "owner"})


def test_options_that_it_does_not_take_are_refused_at_the_start(installed: Path, tmp_path: Path) -> None:
    done = run_sidecar(installed, "check", "--config", config(tmp_path, {"tier": {"feld": "x"}}))
    assert done.returncode == 2
    assert (
        "pipelines.app.transforms.0: tier cannot be called with these options: got an unexpected keyword"
        in done.stderr
    )


def test_a_transform_that_is_not_installed_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    done = run_sidecar(tmp_path, "check", "--config", config(tmp_path, {"renam": {"a": "b"}}))
    assert done.returncode == 2
    assert 'unknown transform "renam"; did you mean "rename"?' in done.stderr
