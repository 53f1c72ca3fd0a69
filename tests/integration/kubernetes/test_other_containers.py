"""The application ends when the last process of the other containers has ended; with real processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sidecar.kubernetes.exit_rules import (
    RESTART_S,
    SETTLE_S,
    ApplicationExitRule,
)
from tests.support.proc_namespace import ProcNamespace


@pytest.fixture
def namespace(tmp_path: Path) -> ProcNamespace:
    return ProcNamespace(tmp_path)


def test_the_application_ends_when_its_last_process_has_been_gone_for_a_while(namespace: ProcNamespace) -> None:
    rule = ApplicationExitRule(namespace.containers, SETTLE_S, 0)
    with namespace.process("app") as first:
        assert rule.reason(100, None) == ""
        with namespace.process("app"):
            first.kill()
            first.wait()
            assert rule.reason(200, None) == ""
        assert not rule.reason(300, None)
        assert rule.has_application_ended()
    assert not rule.reason(300 + SETTLE_S - 0.1, None)
    assert rule.reason(300 + SETTLE_S, None) == "the application has ended"


def test_a_zombie_process_counts_as_ended(namespace: ProcNamespace) -> None:
    rule = ApplicationExitRule(namespace.containers, SETTLE_S, 0)
    with namespace.process("app") as process:
        assert rule.reason(0, None) == ""
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert rule.has_application_ended()


def test_a_restart_in_time_keeps_the_sidecar(namespace: ProcNamespace) -> None:
    rule = ApplicationExitRule(namespace.containers, RESTART_S, 0)
    with namespace.process("app"):
        rule.reason(0, None)
    assert not rule.reason(1, None)
    assert not rule.reason(RESTART_S, None)
    with namespace.process("app"):
        assert not rule.reason(RESTART_S + 1, None)
    assert not rule.reason(2 * RESTART_S, None)
    assert rule.reason(3 * RESTART_S, None)


def test_our_own_processes_and_the_pause_process_are_not_the_application(namespace: ProcNamespace) -> None:
    with namespace.process("ours"), namespace.process("pause"):
        assert not namespace.containers.are_running()
        with namespace.process("app"):
            assert namespace.containers.are_running()
