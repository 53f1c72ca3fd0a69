"""A plug-in that cannot be used is named, with the reason and without a traceback."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.plugins import run_sidecar, write_plugin

BROKEN = "import no_such_module\n"
REASON = "of log-sidecar-test 1.0 cannot be imported (ModuleNotFoundError: No module named 'no_such_module')"
GROUPS = {"sink": "log_sidecar.sinks", "parser": "log_sidecar.parsers", "transform": "log_sidecar.transforms"}


def check(site: Path, folder: Path, **settings: object) -> tuple[int, str]:
    """Return exit code and errors of `sidecar check` for a pipeline with these settings."""
    sinks = {"out": settings.pop("sink", "stdout:")}
    config = {
        "state_dir": str(folder),
        "sinks": sinks,
        "pipelines": {"app": {"paths": ["/var/log/a.log"], **settings}},
    }
    (folder / "sidecar.yaml").write_text(json.dumps(config))
    done = run_sidecar(site, "check", "--config", str(folder / "sidecar.yaml"))
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("kind", GROUPS)
def test_plugins_lists_one_that_cannot_be_imported_with_the_reason(kind: str, tmp_path: Path) -> None:
    site = write_plugin(tmp_path, GROUPS[kind], "mine", BROKEN)
    done = run_sidecar(site, "plugins")
    assert done.returncode == 0, done.stderr
    assert f'the {kind} "mine" {REASON}' in " ".join(done.stdout.split())
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("sink", {"sink": {"type": "mine"}}),
        ("sink", {"sink": "mine://there"}),
        ("parser", {"parser": "mine"}),
        ("parser", {"parser": [{"type": "mine", "option": 1}, "plain"]}),
        ("parser", {"parser": {"type": "cri", "content": "mine"}}),
        ("transform", {"transforms": ["mine"]}),
    ],
)
def test_check_names_one_that_cannot_be_imported_with_the_reason(
    kind: str, settings: dict[str, object], tmp_path: Path
) -> None:
    code, errors = check(write_plugin(tmp_path, GROUPS[kind], "mine", BROKEN), tmp_path, **settings)
    assert code == 2
    assert f'the {kind} "mine" {REASON}' in errors


def test_a_broken_sink_does_not_stop_another_one(tmp_path: Path) -> None:
    code, errors = check(write_plugin(tmp_path, GROUPS["sink"], "mine", BROKEN), tmp_path, sink="sqlite:///x.db")
    assert (code, errors) == (0, "")


def test_what_is_no_sink_is_refused(tmp_path: Path) -> None:
    site = write_plugin(tmp_path, GROUPS["sink"], "mine", "class plugin:\n    pass\n")
    code, errors = check(site, tmp_path, sink={"type": "mine"})
    assert code == 2
    assert 'the sink "mine" has no `settings`; its entry point must refer to a class' in errors


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def plugin(): raise OSError('no licence file')", "mine does not accept its options: no licence file"),
        ("def plugin(*, zone): return dict", "mine does not accept its options: plugin() missing 1 required"),
        ("def plugin(): return None", "the factory of mine returned no function"),
    ],
)
def test_a_parser_that_cannot_be_made_is_refused(source: str, reason: str, tmp_path: Path) -> None:
    code, errors = check(write_plugin(tmp_path, GROUPS["parser"], "mine", source), tmp_path, parser="mine")
    assert code == 2
    assert "pipelines.app.parser" in errors
    assert reason in errors


def test_a_parser_that_is_not_installed_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    site = write_plugin(tmp_path, GROUPS["parser"], "keyed", "def plugin(): return dict")
    code, errors = check(site, tmp_path, parser="keyd")
    assert code == 2
    assert '"keyd" is not known; did you mean "keyed"?' in errors


def test_a_thread_that_a_plug_in_leaves_running_does_not_delay_the_end(tmp_path: Path) -> None:
    source = (
        "import threading\nthreading.Thread(target=threading.Event().wait).start()\ndef plugin(records, /): pass\n"
    )
    site = write_plugin(tmp_path, GROUPS["transform"], "mine", source)
    (tmp_path / "a.log").write_text("one\n")
    config = {
        "state_dir": str(tmp_path / "state"),
        "sinks": {"out": f"sqlite:///{tmp_path}/out.db"},
        "pipelines": {"app": {"paths": [str(tmp_path / "a.log")], "transforms": ["mine"]}},
    }
    (tmp_path / "sidecar.yaml").write_text(json.dumps(config))
    done = run_sidecar(site, "run", "--config", str(tmp_path / "sidecar.yaml"), "--once")
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(tmp_path / "out.db")) as database:
        assert database.execute("SELECT count(*) FROM logs").fetchone() == (1,)
