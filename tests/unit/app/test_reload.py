"""When the configuration is read again, and what is counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.app.reload import ConfigReloader
from sidecar.app.signals import StopRequests
from sidecar.config.checked import CheckedSettings, describe_settings, hash_settings
from sidecar.errors import ConfigurationError
from sidecar.telemetry.events import ConfigurationKept, Event
from sidecar.testing import ManualClock
from tests.support.builders.supervisor import build_settings


class Reloading:
    """A reloader that takes its settings from `answer`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "sidecar.yaml"
        self.file.write_text("one")
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        self.answer: Callable[[], CheckedSettings] = lambda: describe_settings(build_settings(folder), None)
        self.clock, self.emitted = ManualClock(), list[Event]()
        self.request = StopRequests(self.clock).reload
        self.reloader = ConfigReloader(
            lambda: self.answer(), (self.file, self.secrets), self.request, self.clock, self.emitted.append
        )
        self.current = self.reloader.load()

    def poll(self) -> CheckedSettings | None:
        self.clock.advance(1.0)
        return self.reloader.poll(self.current.settings)

    def changed(self) -> CheckedSettings:
        return describe_settings(build_settings(self.folder, log_level="debug"), None)


@pytest.fixture
def here(tmp_path: Path) -> Reloading:
    return Reloading(tmp_path)


def refuse() -> CheckedSettings:
    raise ConfigurationError("bad", problems=("sinks: one", "pipelines: two"))


def test_nothing_is_read_without_a_request_or_a_change(here: Reloading) -> None:
    here.answer = refuse
    assert [here.poll() for _ in range(3)] == [None] * 3
    assert not here.emitted


def test_a_changed_file_is_read_when_it_no_longer_changes(here: Reloading) -> None:
    here.answer = here.changed
    here.file.write_text("two two")
    assert here.poll() is None, "it may be half written"
    assert here.poll() == here.changed()
    assert here.poll() is None


def test_a_new_secret_is_read(here: Reloading) -> None:
    here.answer = here.changed
    # As Kubernetes updates a mounted Secret.
    (here.secrets / "..2").mkdir()
    (here.secrets / "..data_tmp").symlink_to("..2")
    (here.secrets / "..data_tmp").rename(here.secrets / "..data")
    assert here.poll() is None, "it may be half written"
    assert here.poll() == here.changed()
    assert here.poll() is None


def test_a_signal_is_answered_once(here: Reloading) -> None:
    here.answer = here.changed
    here.request.set()
    assert here.poll() == here.changed()
    assert here.poll() is None


def test_new_settings_are_in_force_when_they_are_accepted(here: Reloading) -> None:
    before = here.reloader.status
    here.reloader.accept(here.changed())
    after = here.reloader.status
    assert (after.taken, after.refused, after.is_last_good) == (1, 0, True)
    assert after.hash != before.hash
    assert after.since >= before.since


def test_bad_settings_are_reported_and_counted_until_good_ones_come(here: Reloading) -> None:
    good, here.answer = here.answer, refuse
    here.request.set()
    assert here.poll() is None
    (event,) = here.emitted
    assert isinstance(event, ConfigurationKept)
    assert event.problem == "sinks: one; pipelines: two"
    assert (here.reloader.status.refused, here.reloader.status.is_last_good) == (1, False)
    here.answer = good
    here.request.set()
    assert here.poll() is None, "these are in force already"
    assert (here.reloader.status.refused, here.reloader.status.is_last_good) == (1, True)


def test_another_state_directory_is_refused(here: Reloading) -> None:
    here.answer = lambda: describe_settings(build_settings(here.folder, state_dir=f"{here.folder}/other"), None)
    here.request.set()
    assert here.poll() is None
    assert "state_dir" in here.emitted[0].text()


def test_the_hash_tells_settings_apart_and_knows_no_secret(tmp_path: Path) -> None:
    def hash_with(**sink: str) -> str:
        sinks = {"db": {"type": "elasticsearch", "hosts": ["https://es:9200"], "index": "logs", **sink}}
        return hash_settings(build_settings(tmp_path, sinks=sinks))

    assert hash_with(api_key="one") == hash_with(api_key="two")
    assert hash_with(api_key="one") != hash_with(api_key="one", index="other")
