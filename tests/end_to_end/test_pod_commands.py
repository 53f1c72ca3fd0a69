"""What Kubernetes asks of a sidecar, as commands and signals to a real process: probes, drain, park, reload, ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.processes import ENVIRON, ended, eventually, running, sidecar


def messages(database: Path) -> list[str]:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
            query = "SELECT json_extract(document, '$.message') FROM logs"
            return sorted(text for (text,) in db.execute(query))
    except sqlite3.Error:
        return []


def lines(first: int, last: int) -> str:
    return "".join(f"line {n:04}\n" for n in range(first, last))


def expected(count: int) -> list[str]:
    return lines(0, count).splitlines()


class Setting:
    """A folder with a log, a configuration, a database, a state, and what the sidecar says of itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log, self.state, self.own_log = folder / "app.log", folder / "state", folder / "own.log"
        self.config = folder / "sidecar.yaml"
        self.log.write_text(lines(0, 10))
        self.configure()

    def configure(self, sinks: str = "", **pipeline: object) -> None:
        """Put another configuration in its place, as an editor does."""
        text = json.dumps(
            {
                "state_dir": str(self.state),
                "sinks": json.loads(sinks) if sinks else {"db": f"sqlite:///{self.folder}/logs.db"},
                "pipelines": {"app": {"paths": [str(self.folder / "app*.log")], **pipeline}},
            }
        )
        self.put(text)

    def put(self, text: str) -> None:
        new = self.folder / "new.yaml"
        new.write_text(text)
        new.rename(self.config)

    def append(self, text: str) -> None:
        with self.log.open("a") as file:
            file.write(text)

    @contextmanager
    def running(self, *arguments: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
        with running(self.own_log, "--config", str(self.config), *arguments, **environ) as process:
            yield process

    def ask(self, *command: str) -> subprocess.CompletedProcess[str]:
        return sidecar(*command, "--state-dir", str(self.state))

    def find_events(self, event: str) -> list[dict[str, object]]:
        found = [json.loads(line) for line in self.own_log.read_text().splitlines() if line.startswith("{")]
        return [each for each in found if each["event"] == event]

    def stored(self, database: str = "logs.db") -> list[str]:
        return messages(self.folder / database)

    def has_stored(self, count: int, database: str = "logs.db") -> None:
        eventually(lambda: len(self.stored(database)) >= count, f"{count} lines are stored")
        assert self.stored(database) == expected(count)


@pytest.fixture
def here(tmp_path: Path) -> Setting:
    return Setting(tmp_path)


NOWHERE = '{"db": "elasticsearch://127.0.0.1:9/logs"}'


# ── probes ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_probes_pass_while_the_destination_is_down_unless_it_is_asked_for(here: Setting) -> None:
    here.configure(sinks=NOWHERE)
    with here.running() as process:
        assert here.ask("wait-ready").returncode == 0
        eventually(lambda: bool(here.find_events("sink_down")), "the sink is down")
        for kind in ("startup", "live", "ready"):
            answer = here.ask("probe", kind)
            assert (kind, answer.returncode) == (kind, 0), answer.stdout
        asked = here.ask("probe", "ready", "--sinks")
        assert (asked.returncode, asked.stdout) == (1, "sinks that are down: db\n")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    gone = here.ask("probe", "live")
    assert (gone.returncode, "no sidecar runs with this state directory" in gone.stdout) == (1, True)


def test_a_sidecar_that_is_stopped_fails_its_probe(here: Setting) -> None:
    with here.running() as process:
        here.ask("wait-ready")
        process.send_signal(signal.SIGSTOP)
        answer = here.ask("probe", "live")
        process.send_signal(signal.SIGCONT)
        said = f"the sidecar did not answer in time ({here.state}); it is busy or stopped, so try again\n"
        assert (answer.returncode, answer.stdout) == (1, said)
        assert here.ask("probe", "live").returncode == 0


def test_the_socket_is_for_its_owner_alone_and_goes_with_the_sidecar(here: Setting) -> None:
    with here.running() as process:
        here.ask("wait-ready")
        mode = (here.state / "sidecar.sock").stat().st_mode
        assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, 0o600)
        assert ended(process) == 0
    assert not (here.state / "sidecar.sock").exists()


def test_a_socket_left_by_a_killed_sidecar_is_replaced_also_under_a_long_path(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    here = Setting(folder)
    with here.running() as process:
        here.ask("wait-ready")
        process.kill()
        process.wait()
    with here.running():
        here.ask("wait-ready")
        assert here.ask("probe", "live").returncode == 0


def test_wait_ready_gives_up_with_code_0_because_a_failing_hook_kills_the_container(here: Setting) -> None:
    done = here.ask("wait-ready", "--timeout", "200ms")
    assert (done.returncode, "so the application starts" in done.stdout) == (0, True)


# ── drain ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_drain_returns_when_everything_is_delivered_and_the_sidecar_goes_on(here: Setting) -> None:
    with here.running() as process:
        here.ask("wait-ready")
        for turn in range(1, 4):
            here.append(lines(10 * turn, 10 * turn + 10))
            (here.folder / "app-2.log").write_text("not a whole line yet")
            done = here.ask("drain")
            assert (done.returncode, done.stdout) == (0, "everything is delivered\n")
            assert here.stored() == expected(10 * turn + 10)
        assert process.poll() is None
        assert ended(process) == 0


def test_drain_gives_up_when_its_time_is_over(here: Setting) -> None:
    here.configure(sinks=NOWHERE)
    with here.running() as process:
        here.ask("wait-ready")
        began = time.monotonic()
        done = here.ask("drain", "--timeout", "1s")
        assert (done.returncode, done.stdout) == (1, "100 bytes are not delivered yet; see `sidecar status`\n")
        assert time.monotonic() - began < 15
        assert process.poll() is None


def test_drain_of_nothing_says_so(here: Setting) -> None:
    done = here.ask("drain")
    assert done.returncode == 1
    assert "no sidecar runs with this state directory" in done.stderr


# ── park and reload ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_bad_configuration_parks_it_until_a_better_one_comes(here: Setting) -> None:
    here.put("pipelines: {app: {path: [x]}}\nsinks: {db: 'stdout:'}\n")
    environ = {"SIDECAR_ON_CONFIG_ERROR": "park", "SIDECAR_STATE_DIR": str(here.state)}
    with here.running(**environ) as process:
        eventually(lambda: bool(here.find_events("parked")), "it is parked")
        (parked,) = here.find_events("parked")
        assert 'did you mean "paths"' in str(parked["problem"])
        assert [here.ask("probe", kind).returncode for kind in ("startup", "live", "ready")] == [0, 0, 1]
        assert here.ask("drain").returncode == 1
        here.configure()
        here.has_stored(10)
        assert here.ask("probe", "ready").returncode == 0
        assert ended(process) == 0


def test_a_parked_sidecar_ends_well(here: Setting) -> None:
    here.put("- no mapping\n")
    with here.running("--on-config-error", "park") as process:
        eventually(lambda: bool(here.find_events("parked")), "it is parked")
        assert ended(process) == 0


def test_bad_options_and_a_bad_environment_park_it_too(here: Setting) -> None:
    for arguments, environ in (
        (["--no-such-option"], {}),
        ([], {"SIDECAR_MODE": "sideways"}),
        (["--exit-when", "moon=full"], {}),
        (["--exit-when", "idle=1s"], {"SIDECAR_MODE": "native"}),
    ):
        here.own_log.write_text("")
        with here.running(*arguments, SIDECAR_ON_CONFIG_ERROR="park", **environ) as process:
            eventually(lambda: bool(here.find_events("parked")), f"it is parked by {arguments} {environ}")
            assert ended(process) == 0


def test_without_park_it_ends_with_code_2(here: Setting) -> None:
    for environ in ({"SIDECAR_GRACE": "soon"}, {"SIDECAR_ON_CONFIG_ERROR": "perhaps"}, {"SIDECAR_MODE": "x"}):
        done = sidecar("run", "--config", str(here.config), timeout=60, **environ)
        assert (done.returncode, next(iter(environ)) in done.stderr) == (2, True), done.stderr


def test_an_unusable_state_directory_parks_it_and_probes_do_not_restart_it(here: Setting) -> None:
    here.state.write_text("in the way")
    with here.running("--on-config-error", "park") as process:
        eventually(lambda: bool(here.find_events("parked")), "it is parked")
        assert [here.ask("probe", kind).returncode for kind in ("startup", "live", "ready")] == [0, 0, 1]
        here.state.unlink()
        here.has_stored(10)
        assert ended(process) == 0


def test_a_new_configuration_is_taken_while_it_runs_and_no_line_is_lost_or_doubled(here: Setting) -> None:
    with here.running() as process:
        here.has_stored(10)
        here.append(lines(10, 20) + "line 00")
        other = json.dumps({"db": f"sqlite:///{here.folder}/logs.db", "more": f"sqlite:///{here.folder}/more.db"})
        here.configure(sinks=other)
        here.append("20\n" + lines(21, 30))
        eventually(lambda: bool(here.find_events("reloaded")), "the configuration is reloaded")
        here.append(lines(30, 40))
        here.has_stored(40)
        here.has_stored(40, "more.db")
        assert ended(process) == 0
    assert here.stored() == here.stored("more.db") == expected(40)


def test_a_new_configuration_that_is_bad_keeps_the_old_one(here: Setting) -> None:
    with here.running() as process:
        here.has_stored(10)
        here.put("sinks: {}\n")
        eventually(lambda: bool(here.find_events("configuration_kept")), "it says that it keeps the old one")
        here.append(lines(10, 20))
        here.has_stored(20)
        here.configure(keep_empty=True)
        eventually(lambda: bool(here.find_events("reloaded")), "the better one is taken")
        here.append(lines(20, 30))
        here.has_stored(30)
        assert ended(process) == 0


def test_the_state_directory_does_not_move_while_it_runs(here: Setting) -> None:
    with here.running() as process:
        here.has_stored(10)
        here.put(here.config.read_text().replace(str(here.state), str(here.folder / "elsewhere")))
        eventually(lambda: bool(here.find_events("configuration_kept")), "it says that it keeps the old one")
        assert "state_dir cannot change" in str(here.find_events("configuration_kept")[0]["problem"])
        assert ended(process) == 0


def test_a_deleted_file_that_waits_for_its_destination_outlives_a_new_configuration(here: Setting) -> None:
    here.configure(sinks=NOWHERE)
    with here.running() as process:
        eventually(lambda: bool(here.find_events("sink_down")), "the sink is down")
        here.log.unlink()
        eventually(lambda: has_deleted_file_open(process.pid), "it holds the deleted file")
        here.configure()
        here.has_stored(10)
        assert ended(process) == 0


def has_deleted_file_open(pid: int) -> bool:
    folder = Path(f"/proc/{pid}/fd")
    return any(os.readlink(folder / fd).endswith("app.log (deleted)") for fd in os.listdir(folder))


def test_hangup_reads_the_configuration_again(here: Setting) -> None:
    with here.running(SIDECAR_LOG_LEVEL="info") as process:
        here.has_stored(10)
        text = here.config.read_text()
        here.config.write_text(text.replace("app*.log", "*.log"))
        process.send_signal(signal.SIGHUP)
        eventually(lambda: bool(here.find_events("reloaded")), "it is reloaded")
        assert ended(process) == 0


# ── ends ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_ends_when_no_file_has_grown_for_a_while(here: Setting) -> None:
    with here.running("--exit-when", "idle=1s") as process:
        assert process.wait(20) == 0
    assert here.stored() == expected(10)
    assert "no file has grown for 1 s" in str(here.find_events("draining")[0]["reason"])


def test_it_ends_when_the_wrapped_application_has_ended_and_has_all_its_lines(here: Setting) -> None:
    tombstone, script = here.folder / "ended", here.folder / "sidecar-wrap"
    assert sidecar("wrap", "--install", str(script)).returncode == 0
    writer = f"for n in 0 1 2 3 4 5 6 7 8 9; do echo line 001$n >> {here.log}; done; exit 3"
    rule = ("--exit-when", f"file={tombstone}")
    with here.running(*rule, SIDECAR_POD_RESTART_POLICY="Never") as process:
        here.ask("wait-ready")
        application = subprocess.run([script, tombstone, "sh", "-c", writer], check=False)
        assert application.returncode == 3
        assert process.wait(20) == 0
    assert here.stored() == expected(20)


def test_it_stays_when_the_application_failed_and_may_be_started_again(here: Setting) -> None:
    tombstone = here.folder / "ended"
    with here.running("--exit-when", f"file={tombstone}", SIDECAR_POD_RESTART_POLICY="OnFailure") as process:
        here.has_stored(10)
        assert sidecar("wrap", "--tombstone", str(tombstone), "--", "sh", "-c", "exit 5").returncode == 5
        here.append(lines(10, 20))
        here.has_stored(20)
        assert here.ask("drain").returncode == 0
        assert process.poll() is None
        assert sidecar("wrap", "--tombstone", str(tombstone), "--", "true").returncode == 0
        assert process.wait(20) == 0


def test_the_wrapper_passes_signals_input_and_the_exit_code_on(here: Setting) -> None:
    tombstone = here.folder / "ended"
    command = ["wrap", "--tombstone", str(tombstone), "--"]
    with subprocess.Popen(
        ["sidecar", *command, "sh", "-c", 'trap "exit 7" TERM; echo up; while :; do sleep 0.1; done'],
        env={**ENVIRON, "PATH": path_of_sidecar()}, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.terminate()
        assert process.wait(20) == 7
    assert tombstone.read_text() == "7\n"
    echo = subprocess.run(
        ["sidecar", *command, "cat"], env={**ENVIRON, "PATH": path_of_sidecar()}, input=b"in", capture_output=True,
        check=False,
    )  # fmt: skip
    assert (echo.stdout, tombstone.read_text()) == (b"in", "0\n")


def path_of_sidecar() -> str:
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def test_a_classic_sidecar_reads_on_until_the_application_is_quiet(here: Setting) -> None:
    with here.running(SIDECAR_MODE="classic", SIDECAR_GRACE="30") as process:
        here.has_stored(10)
        process.send_signal(signal.SIGTERM)
        for n in range(10, 40):
            here.append(lines(n, n + 1))
            eventually(lambda n=n: len(here.stored()) > n, "each line is stored")  # type: ignore[misc]
        assert process.wait(20) == 0
    assert here.stored() == expected(40)
    assert "tails its files until the application has ended" in str(here.find_events("waiting")[0]["message"])


def test_a_classic_sidecar_that_knows_of_the_end_does_not_wait_for_quiet(here: Setting) -> None:
    tombstone = here.folder / "ended"
    rule = ("--exit-when", f"file={tombstone}")
    with here.running(*rule, SIDECAR_MODE="classic", SIDECAR_POD_RESTART_POLICY="OnFailure") as process:
        here.has_stored(10)
        process.send_signal(signal.SIGTERM)
        eventually(lambda: bool(here.find_events("waiting")), "it waits")
        tombstone.write_text("0\n")
        began = time.monotonic()
        assert process.wait(20) == 0
        assert time.monotonic() - began < 4


def test_the_grace_period_is_kept_when_the_destination_is_down(here: Setting) -> None:
    here.configure(sinks=NOWHERE)
    with here.running(SIDECAR_MODE="native", SIDECAR_GRACE="4") as process:
        eventually(lambda: bool(here.find_events("sink_down")), "the sink is down")
        began = time.monotonic()
        assert ended(process) == 0
        assert time.monotonic() - began < 4
    assert here.find_events("draining")[0]["timeout_s"] == 2.0
    assert here.find_events("balance")[0]["unsettled"] == 100


@pytest.mark.parametrize(
    "planted", ["directory", "file", "link", "socket of another process", "socket of another user"]
)
def test_a_socket_name_that_is_taken_is_left_alone_and_reported(tmp_path: Path, planted: str) -> None:
    here = Setting(tmp_path)
    here.state.mkdir()
    name = here.state / "sidecar.sock"
    with socket.socket(socket.AF_UNIX) as foreign:
        if planted == "directory":
            name.mkdir()
        elif planted == "file":
            name.write_text("precious")
        elif planted == "link":
            name.symlink_to(tmp_path / "nothing")
        else:
            foreign.bind(str(name))
            foreign.listen()
        if planted == "socket of another user":
            if os.geteuid() != 0:
                pytest.skip("only root can give files away; run the tests as root")
            os.chown(name, 4242, 4242)
        before = name.lstat()
        done = sidecar("run", str(here.log), "--to", "stdout:", "--once", "--state-dir", str(here.state))
        (said,) = [json.loads(line) for line in done.stderr.splitlines() if '"no_socket"' in line]
        assert (done.returncode, "sidecar.sock" in said["message"]) == (0, True)
        assert (name.lstat().st_ino, name.lstat().st_uid) == (before.st_ino, before.st_uid)
        if planted != "socket of another process":
            asked = sidecar("status", "--state-dir", str(here.state))
            assert (asked.returncode, "does not trust sidecar.sock: it " in asked.stderr) == (1, True), asked.stderr


LISTENER = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
os.chmod(sys.argv[1], 0o777)
os.setgid(4242)
os.setuid(4242)
listener.bind(f"{sys.argv[1]}/sidecar.sock")
listener.listen()
print("listens", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; run the tests as root")
def test_a_process_of_another_user_is_not_asked_even_under_the_name_of_our_socket() -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    try:
        with subprocess.Popen(
            [sys.executable, "-c", LISTENER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"listens\n"
            os.chown(folder / "sidecar.sock", 0, 0)
            for command in (["status"], ["probe", "live"], ["drain"]):
                done = sidecar(*command, "--state-dir", str(folder))
                assert (done.returncode, "user 4242 listens on it" in done.stdout + done.stderr) == (1, True), command
            other.kill()
    finally:
        shutil.rmtree(folder)


ANSWERING = """
import os, socket, sys
os.setgid(4242)
os.setuid(4242)
listener = socket.socket(socket.AF_UNIX)
listener.bind(f"{sys.argv[1]}/sidecar.sock")
listener.listen()
print("listens", flush=True)
connection, _ = listener.accept()
connection.recv(4096)
connection.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\n{"text": "all is well"}')
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; run the tests as root")
def test_root_looks_into_the_state_of_another_user() -> None:
    """As in a container of `kubectl debug`, whose user is root beside a sidecar whose user is not."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    here = Setting(folder)
    try:
        assert sidecar("run", "--config", str(here.config), "--once").returncode == 0
        for path in (here.state, *here.state.iterdir()):
            os.chown(path, 4242, 4242)
        listed = here.ask("checkpoints", "list")
        assert (listed.returncode, str(here.log) in listed.stdout) == (0, True), listed.stderr
        assert here.ask("dead-letters", "list").returncode == 0
        assert {path.stat().st_uid for path in here.state.iterdir()} == {4242}
        with subprocess.Popen([sys.executable, "-c", ANSWERING, str(here.state)], stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"listens\n"
            done = here.ask("probe", "live")
            assert (done.returncode, done.stdout) == (0, "all is well\n"), done.stderr
    finally:
        shutil.rmtree(folder)
