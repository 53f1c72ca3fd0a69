"""When a sidecar ends by itself, and its last word."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sidecar.errors import ConfigurationError
from sidecar.kubernetes.exit_rules import (
    RESTART_S,
    SETTLE_S,
    ApplicationExitRule,
    FileExitRule,
    IdleExitRule,
    NoExitRule,
    parse_exit_rule,
)
from sidecar.kubernetes.pod import Pod
from tests.support.proc_namespace import ProcNamespace


@pytest.fixture
def namespace(tmp_path: Path) -> ProcNamespace:
    return ProcNamespace(tmp_path)


def test_a_directory_that_becomes_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "ended").write_text("0")
    (tmp_path / "volume").mkdir()
    rule = FileExitRule(tmp_path / "volume" / "ended", Pod(restart_policy="Never"))
    (tmp_path / "volume").rmdir()
    (tmp_path / "volume").symlink_to(tmp_path / "secrets")
    assert not rule.has_application_ended()
    (tmp_path / "volume").unlink()
    (tmp_path / "secrets").rename(tmp_path / "volume")
    assert rule.has_application_ended()


def test_an_application_that_has_not_started_is_waited_for(namespace: ProcNamespace) -> None:
    rule = ApplicationExitRule(namespace.containers, SETTLE_S, 0)
    assert not rule.reason(0, None)
    assert not rule.reason(10 * RESTART_S, None)
    assert not rule.has_application_ended()


def test_an_application_that_was_never_seen_is_known_by_its_log(namespace: ProcNamespace) -> None:
    rule = ApplicationExitRule(namespace.containers, SETTLE_S, 5)
    assert not rule.reason(6, None)
    assert not rule.reason(10, 9)
    assert not rule.reason(9 + SETTLE_S - 0.1, 9)
    assert rule.reason(9 + SETTLE_S, 9) == "the application has ended"


def test_a_log_that_is_older_than_the_sidecar_may_be_that_of_an_init_container(namespace: ProcNamespace) -> None:
    rule = ApplicationExitRule(namespace.containers, SETTLE_S, 5)
    assert not rule.reason(6, 4.9)
    assert not rule.reason(6 + RESTART_S - 1, 4.9)
    assert rule.reason(6 + RESTART_S, 4.9)


def test_a_log_that_grew_after_an_unseen_attempt_waits_for_the_next_one(namespace: ProcNamespace) -> None:
    rule = ApplicationExitRule(namespace.containers, RESTART_S, 5)
    assert not rule.reason(6, 6)
    assert not rule.reason(6 + RESTART_S - 1, 6)
    assert rule.reason(6 + RESTART_S, 6)


def test_app_exits_is_refused_where_the_application_cannot_be_seen(namespace: ProcNamespace, tmp_path: Path) -> None:
    assert isinstance(parse_exit_rule("app-exits", Pod(), tmp_path), ApplicationExitRule)
    namespace.add("1", "ours")
    with pytest.raises(ConfigurationError, match="shareProcessNamespace: true"):
        parse_exit_rule("app-exits", Pod(), tmp_path)


@pytest.mark.parametrize(
    ("content", "policy", "gone"),
    [
        ("0\n", "OnFailure", True), ("3\n", "OnFailure", False), ("3\n", "Never", True), ("0\n", "Never", True),
        ("", "OnFailure", True), ("done", "OnFailure", True), ("0\n", "", True), ("3\n", "", False),
        ("0\n", "Always", False),
    ],
)  # fmt: skip
def test_the_exit_code_in_the_file_and_the_restart_policy_decide(
    tmp_path: Path, content: str, policy: str, *, gone: bool
) -> None:
    rule = FileExitRule(tmp_path / "ended", Pod(restart_policy=policy))
    assert (rule.has_application_ended(), rule.reason(0, 0)) == (False, "")
    (tmp_path / "ended").write_text(content)
    assert rule.has_application_ended() is gone
    assert bool(rule.reason(0, 0)) is gone


def test_only_a_regular_file_counts(tmp_path: Path) -> None:
    rule = FileExitRule(tmp_path / "ended", Pod(restart_policy="Never"))
    (tmp_path / "ended").symlink_to("/etc/passwd")
    assert not rule.has_application_ended()
    (tmp_path / "ended").unlink()
    os.mkfifo(tmp_path / "ended")
    assert not rule.has_application_ended()
    (tmp_path / "ended").unlink()
    (tmp_path / "ended").mkdir()
    assert not rule.has_application_ended()


def test_idle_counts_from_the_start_until_a_file_has_grown() -> None:
    rule = IdleExitRule(10)
    assert not rule.reason(100, None)
    assert not rule.reason(109, None)
    assert not rule.reason(112, 105)
    assert rule.reason(115, 105) == "no file has grown for 10 s"


@pytest.mark.parametrize("text", ["", "never"])
def test_without_a_rule_it_never_ends_by_itself(text: str) -> None:
    assert isinstance(parse_exit_rule(text, Pod(mode="native")), NoExitRule)


@pytest.mark.parametrize("text", ["idle=5s", "file=/x", "app-exits"])
def test_a_native_sidecar_has_no_rule(text: str) -> None:
    with pytest.raises(ConfigurationError, match="because Kubernetes would restart it"):
        parse_exit_rule(text, Pod(mode="native"))


@pytest.mark.parametrize("text", ["idle", "idle=", "idle=soon", "file=", "file", "app", "exit"])
def test_an_unknown_rule_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="exit-when"):
        parse_exit_rule(text, Pod())
