"""When a sidecar ends by itself, and its last word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidecar.errors import ConfigurationError
from sidecar.kubernetes import termination_log as termination
from sidecar.kubernetes.exit_rules import (
    RESTART_S,
    SETTLE_S,
    ApplicationExits,
    FileAppears,
    Idle,
    Never,
    parse_exit_rule,
)
from sidecar.kubernetes.pod import Pod
from sidecar.kubernetes.processes import OtherContainers


class Namespace:
    """A `/proc` in which we, the pause process and the application have control groups of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place("self", "ours")
        self.place("1", "pause")
        self.neighbours = OtherContainers(folder)

    def place(self, process: str, container: str) -> None:
        (self.folder / process).mkdir(exist_ok=True)
        (self.folder / process / "cgroup").write_text(f"0::/pod/{container}\n")

    @contextmanager
    def process(self, container: str) -> Iterator[subprocess.Popen[bytes]]:
        """A real process that stands in this namespace as one of a container."""
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
            self.place(str(process.pid), container)
            yield process
            process.kill()


@pytest.fixture
def namespace(tmp_path: Path) -> Namespace:
    return Namespace(tmp_path)


def test_a_directory_that_becomes_a_link_holds_no_word_of_the_application(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "ended").write_text("0")
    (tmp_path / "volume").mkdir()
    rule = FileAppears(tmp_path / "volume" / "ended", Pod(restart_policy="Never"))
    (tmp_path / "volume").rmdir()
    (tmp_path / "volume").symlink_to(tmp_path / "secrets")
    assert not rule.has_application_ended()
    (tmp_path / "volume").unlink()
    (tmp_path / "secrets").rename(tmp_path / "volume")
    assert rule.has_application_ended()


def test_the_application_ends_when_its_last_process_has_been_gone_for_a_while(namespace: Namespace) -> None:
    rule = ApplicationExits(namespace.neighbours, SETTLE_S, 0)
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


def test_a_process_that_nobody_has_waited_for_counts_as_ended(namespace: Namespace) -> None:
    rule = ApplicationExits(namespace.neighbours, SETTLE_S, 0)
    with namespace.process("app") as process:
        assert rule.reason(0, None) == ""
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert rule.has_application_ended()


def test_a_restart_in_time_keeps_the_sidecar(namespace: Namespace) -> None:
    rule = ApplicationExits(namespace.neighbours, RESTART_S, 0)
    with namespace.process("app"):
        rule.reason(0, None)
    assert not rule.reason(1, None)
    assert not rule.reason(RESTART_S, None)
    with namespace.process("app"):
        assert not rule.reason(RESTART_S + 1, None)
    assert not rule.reason(2 * RESTART_S, None)
    assert rule.reason(3 * RESTART_S, None)


def test_our_own_processes_and_the_pause_process_are_not_the_application(namespace: Namespace) -> None:
    with namespace.process("ours"), namespace.process("pause"):
        assert not namespace.neighbours.are_running()
        with namespace.process("app"):
            assert namespace.neighbours.are_running()


def test_an_application_that_has_not_started_is_waited_for(namespace: Namespace) -> None:
    rule = ApplicationExits(namespace.neighbours, SETTLE_S, 0)
    assert not rule.reason(0, None)
    assert not rule.reason(10 * RESTART_S, None)
    assert not rule.has_application_ended()


def test_an_application_that_nobody_saw_is_known_by_its_log(namespace: Namespace) -> None:
    rule = ApplicationExits(namespace.neighbours, SETTLE_S, 5)
    assert not rule.reason(6, None)
    assert not rule.reason(10, 9)
    assert not rule.reason(9 + SETTLE_S - 0.1, 9)
    assert rule.reason(9 + SETTLE_S, 9) == "the application has ended"


def test_a_log_that_is_older_than_the_sidecar_may_be_that_of_an_init_container(namespace: Namespace) -> None:
    rule = ApplicationExits(namespace.neighbours, SETTLE_S, 5)
    assert not rule.reason(6, 4.9)
    assert not rule.reason(6 + RESTART_S - 1, 4.9)
    assert rule.reason(6 + RESTART_S, 4.9)


def test_a_log_that_grew_after_an_unseen_attempt_waits_for_the_next_one(namespace: Namespace) -> None:
    rule = ApplicationExits(namespace.neighbours, RESTART_S, 5)
    assert not rule.reason(6, 6)
    assert not rule.reason(6 + RESTART_S - 1, 6)
    assert rule.reason(6 + RESTART_S, 6)


def test_app_exits_is_refused_where_the_application_cannot_be_seen(namespace: Namespace, tmp_path: Path) -> None:
    assert isinstance(parse_exit_rule("app-exits", Pod(), tmp_path), ApplicationExits)
    namespace.place("1", "ours")
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
def test_what_the_file_says_decides_with_the_restart_policy(
    tmp_path: Path, content: str, policy: str, *, gone: bool
) -> None:
    rule = FileAppears(tmp_path / "ended", Pod(restart_policy=policy))
    assert (rule.has_application_ended(), rule.reason(0, 0)) == (False, "")
    (tmp_path / "ended").write_text(content)
    assert rule.has_application_ended() is gone
    assert bool(rule.reason(0, 0)) is gone


def test_only_a_regular_file_counts(tmp_path: Path) -> None:
    rule = FileAppears(tmp_path / "ended", Pod(restart_policy="Never"))
    (tmp_path / "ended").symlink_to("/etc/passwd")
    assert not rule.has_application_ended()
    (tmp_path / "ended").unlink()
    os.mkfifo(tmp_path / "ended")
    assert not rule.has_application_ended()
    (tmp_path / "ended").unlink()
    (tmp_path / "ended").mkdir()
    assert not rule.has_application_ended()


def test_idle_counts_from_the_start_until_a_file_has_grown() -> None:
    rule = Idle(10)
    assert not rule.reason(100, None)
    assert not rule.reason(109, None)
    assert not rule.reason(112, 105)
    assert rule.reason(115, 105) == "no file has grown for 10 s"


@pytest.mark.parametrize("text", ["", "never"])
def test_without_a_rule_it_never_ends_by_itself(text: str) -> None:
    assert isinstance(parse_exit_rule(text, Pod(mode="native")), Never)


@pytest.mark.parametrize("text", ["idle=5s", "file=/x", "app-exits"])
def test_a_native_sidecar_has_no_rule(text: str) -> None:
    with pytest.raises(ConfigurationError, match="because Kubernetes would restart it"):
        parse_exit_rule(text, Pod(mode="native"))


@pytest.mark.parametrize("text", ["idle", "idle=", "idle=soon", "file=", "file", "app", "exit"])
def test_a_rule_that_does_not_exist_is_told(text: str) -> None:
    with pytest.raises(ConfigurationError, match="exit-when"):
        parse_exit_rule(text, Pod())


def test_the_pod_is_known_from_the_environment() -> None:
    environ = {"SIDECAR_MODE": "native", "SIDECAR_GRACE": "30", "SIDECAR_POD_RESTART_POLICY": "Never"}
    pod = Pod.from_environ(environ)
    assert pod == Pod("native", 30.0, "Never")
    assert (pod.deadline_s(25), Pod().deadline_s(25), Pod(grace_s=0).deadline_s(25)) == (28, 25, 1)
    assert (pod.may_start_again, Pod().may_start_again) == (False, True)
    with pytest.raises(ConfigurationError) as refused:
        Pod.from_environ({"SIDECAR_MODE": "Native", "SIDECAR_GRACE": "-1", "SIDECAR_POD_RESTART_POLICY": "never"})
    assert len(refused.value.problems) == 3


def test_the_last_word_is_one_line_that_the_kubelet_takes(tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    termination.write_termination_message({"exit": 0}, file)
    assert not file.exists(), "outside of a Pod nobody makes the file"
    file.touch()
    termination.write_termination_message({"exit": 0, "sinks": {"search": {"stored": 5}}}, file)
    assert json.loads(file.read_text()) == {"exit": 0, "sinks": {"search": {"stored": 5}}}
    termination.write_termination_message({"error": "x" * 9000}, file)
    assert file.stat().st_size == 4096


def test_the_start_of_the_process_is_known_to_the_kernel() -> None:
    before = time.monotonic()
    source = (
        "import time\n"
        "from sidecar.kubernetes.exit_rules import process_start_time\n"
        "print(process_start_time(), time.monotonic())"
    )
    out = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout.split()
    began, asked = map(float, out)
    assert before - 0.02 <= began <= asked
