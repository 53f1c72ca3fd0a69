"""The example plug-in: installed as a user would, and what becomes of records on which one fails."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest

from sidecar.testing import TransformConformance, TransformUnderTest
from sidecar.transform import registry
from sidecar.transform.plugin import PluginTransform, Record
from tests.support.builders.records import stages, transformed
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
    assert second["error"]["message"] == "tier failed: KeyError"
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
        "pipelines.app.transforms.0 is wrong: tier cannot be called with these options: got an unexpected keyword"
        in done.stderr
    )


def test_a_transform_that_is_not_installed_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    done = run_sidecar(tmp_path, "check", "--config", config(tmp_path, {"renam": {"a": "b"}}))
    assert done.returncode == 2
    assert 'unknown transform "renam"; did you mean "rename"?' in done.stderr


def test_what_it_did_before_it_failed_is_forgotten() -> None:
    def half(records: Sequence[Record], /) -> None:
        for record in records:
            record.set("calls", (record.get("calls") or 0) + 1)
            if record.get("n") == 1:
                record.drop("customer")
                raise RuntimeError("with text of the application")

    found = PluginTransform("half", half, {})(transformed(LINES))
    plain = transformed(LINES)
    assert found.bodies[1] == plain.bodies[1]
    assert [text.endswith('"calls":1') for text in found.bodies] == [True, False, True, True]
    assert found.annotations == {1: {"error.message": '"half failed: RuntimeError"'}}
    assert found.failures == {"half": 1}


def test_a_record_lets_its_fields_be_read_and_changed_and_keeps_all_others() -> None:
    record = Record('"a":{"b.c":[1.50],"d":null},"e":"x"', "the line")
    assert (record.get("a.b.c"), record.get("a.d", 5), record.get("z", 5), record.line) == (
        [1.5],
        None,
        5,
        "the line",
    )
    record.set("e", {"f": 1})
    record.set("a.g", True)
    record.drop("a.d")
    assert record.members == '"a":{"b.c":[1.50],"g":true},"e":{"f":1}'
    record.set("e", 2)
    record.set("h.i", "ü")
    assert record.members == '"a":{"b.c":[1.50],"g":true},"e":2,"h":{"i":"ü"}'


@pytest.mark.parametrize("path", ["log.offset", "_id", "@timestamp", "", "e.f"])
def test_a_record_refuses_what_cannot_be_set(path: str) -> None:
    record = Record('"e":1', "")
    with pytest.raises(ValueError, match=r"cannot be set|is not an object"):
        record.set(path, 1)
    with pytest.raises(ValueError, match="cannot be set or dropped") if path != "e.f" else nullcontext():
        record.drop(path)
    assert record.members == '"e":1'


def test_the_time_stands_once_in_a_document_whatever_a_transform_does() -> None:
    def marked(records: Sequence[Record], /) -> None:
        for record in records:
            record.set("x", 1)

    found = PluginTransform("marked", marked, {})(transformed(['{"@timestamp":"2026-11-23T01:00:00Z","a":1}']))
    (text,) = stages().finisher.build(found).json_lines()
    assert text.count('"@timestamp"') == 1
