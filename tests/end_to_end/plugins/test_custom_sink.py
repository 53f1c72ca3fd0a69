"""The example plug-in: installed as a user would, found by its scheme, and conformant."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sidecar.sinks import registry
from sidecar.testing import SinkConformance, UnderTest
from tests.support.plugins import EXAMPLES, install_example, run_sidecar


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_example("custom-sink", tmp_path_factory.mktemp("plugin"))


def test_the_example_is_short_enough_to_be_read_at_a_glance() -> None:
    assert len((EXAMPLES / "custom-sink" / "folder_sink.py").read_text().splitlines()) < 70


def test_an_installed_plug_in_is_listed_and_ships_a_log(installed: Path, tmp_path: Path) -> None:
    assert "log-sidecar-folder 0.1.0" in run_sidecar(installed, "plugins").stdout
    (tmp_path / "a.log").write_text('{"number":1}\n{"number":2}\n')
    out = tmp_path / "documents"
    out.mkdir()
    arguments = ["run", str(tmp_path / "a.log"), "--parser", "json", "--to", f"folder://{out}", "--once"]
    done = run_sidecar(installed, *arguments, "--state-dir", str(tmp_path / "state"))
    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(path.read_text())["number"] for path in out.iterdir()) == [1, 2]


def test_a_plug_in_that_is_not_installed_is_an_unknown_scheme_with_a_suggestion(tmp_path: Path) -> None:
    done = run_sidecar(tmp_path, "check", "/var/log/*.log", "--to", "sqlit:///x.db")
    assert done.returncode == 2
    assert 'did you mean "sqlite"?' in done.stderr


class TestFolder(SinkConformance):
    @pytest.fixture
    def under_test(self, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UnderTest:
        monkeypatch.syspath_prepend(str(installed))

        def stored() -> Mapping[Any, Mapping[str, Any]]:
            return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.glob("*.json")}

        settings = registry.settings_for(f"folder://{tmp_path}")
        return UnderTest(lambda: registry.create_sink(settings), stored)
