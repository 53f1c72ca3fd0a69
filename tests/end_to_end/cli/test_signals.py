"""A signal may arrive at any moment: the sidecar neither hangs nor ends without delivering."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ENVIRON, ended, eventually, running, sidecar

_AT_EACH_INSTRUCTION = """
import signal, sys
from sidecar.lib.clock import SystemClock
from sidecar.app.signals import StopRequests

requests = StopRequests(SystemClock())
requests.listen()
left = 0

def trace(frame, event, argument):
    global left
    frame.f_trace_opcodes = True
    if event == "opcode":
        left -= 1
        if left == 0:
            signal.raise_signal({number})
    return trace

def wait():
    requests.shutdown.wait(0.001)
    requests.immediate.set()
    requests.immediate.wait(0.001)
    requests.immediate.clear()
    requests.reload.wait(0.001)

tried = 0
while left <= 0:
    tried += 1
    left = tried
    sys.settrace(trace)
    wait()
    sys.settrace(None)
print(tried, requests.shutdown.is_set() or requests.reload.is_set())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_between_any_two_instructions_of_a_wait_does_not_block_the_main_thread(
    number: signal.Signals,
) -> None:
    program = _AT_EACH_INSTRUCTION.format(number=int(number))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    tried, is_heard = done.stdout.split()
    assert int(tried) > 100, done.stderr
    assert is_heard == "True"


_WHILE_IT_IS_IMPORTED = """
import os, sys
from importlib.abc import MetaPathFinder

class SignalAtImport(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "{module}":
            os.kill(os.getpid(), {number})

sys.meta_path.insert(0, SignalAtImport())
"""


@pytest.mark.parametrize("module", ["sidecar.cli", "sidecar.cli.run", "sidecar.sinks.file"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_end_while_it_starts_is_answered_by_an_orderly_end(
    tmp_path: Path, module: str, number: signal.Signals
) -> None:
    hooks = _hooks(tmp_path, module, number)
    (tmp_path / "app.log").write_text("one line\n")
    done = sidecar(
        "run", f"{tmp_path}/app.log", "--to", f"file://{tmp_path}/out", "--state-dir", f"{tmp_path}/state",
        PYTHONPATH=hooks,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "one line" in (tmp_path / "out").read_text()


@pytest.mark.parametrize("module", ["sidecar.cli", "sidecar.cli.run", "sidecar.sinks.file"])
def test_sighup_during_the_start_does_not_end_the_sidecar(tmp_path: Path, module: str) -> None:
    hooks = _hooks(tmp_path, module, signal.SIGHUP)
    (tmp_path / "app.log").write_text("one line\n")
    out = tmp_path / "out"
    arguments = (f"{tmp_path}/app.log", "--to", f"file://{out}", "--state-dir", f"{tmp_path}/state")
    with running(tmp_path / "own.log", *arguments, PYTHONPATH=hooks) as process:
        eventually(lambda: out.exists() and "one line" in out.read_text(), "the line is stored")
        assert ended(process) == 0


def _hooks(folder: Path, module: str, number: signal.Signals) -> str:
    """A directory for PYTHONPATH whose `sitecustomize` sends this signal when the module is imported."""
    hooks = folder / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(_WHILE_IT_IS_IMPORTED.format(module=module, number=int(number)))
    return os.pathsep.join([str(hooks), *filter(None, [ENVIRON.get("PYTHONPATH")])])
