"""Reads the settings of `sidecar run` in another process, which ends afterwards.

So the modules that read and validate settings need no memory in the process that runs. Options and settings pass
through pipes, because every user of the machine can read a command line.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

from sidecar.errors import ConfigurationError
from sidecar.lib.plain_settings import use_plain_settings

_CODE = "import sys; sys.path[:] = sys.argv[1:]; from sidecar.cli.settings_worker import main; main()"
"""Imports the same modules as this process, wherever it found them."""

_NEEDED_BY_BOTH = (
    "sidecar.decode.streams", "sidecar.model.documents", "sidecar.parse.time.timestamps", "sidecar.transform.fields",
    "sidecar.transform.filters",
)  # fmt: skip
"""Modules that import most of what both processes need, but no settings. They are imported before the fork."""


class SettingsProcess:
    """Reads the settings that these options select, each time in a new process."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._forked: tuple[int, int] | None = None

    def fork(self) -> None:
        """Start to read in a copy of this process. The next call of `read` returns the result.

        This process must have neither other threads nor settings.
        """
        for module in _NEEDED_BY_BOTH:
            import_module(module)
        readable, writable = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(readable)
            _answer_and_exit(self._options, writable)
        os.close(writable)
        self._forked = process, readable

    def read(self) -> str:
        """Return the settings as text for `decode_checked`. Raise `ConfigurationError` if they are invalid."""
        text, code = self._read_fork() if self._forked else self._read_new_process()
        if code != 0:
            raise ConfigurationError(
                f"the process that reads the settings has ended with {_describe_exit(code)}",
                hint="read its output above; if it was killed, raise the memory limit",
            )
        kind, _, content = text.partition("\n")
        if kind == "problems":
            message, *problems = json.loads(content)
            raise ConfigurationError(message, problems=tuple(problems))
        return content

    def _read_fork(self) -> tuple[str, int]:
        assert self._forked
        (process, readable), self._forked = self._forked, None
        with os.fdopen(readable) as answer:
            text = answer.read()
        _, status = os.waitpid(process, 0)
        return text, os.waitstatus_to_exitcode(status)

    def _read_new_process(self) -> tuple[str, int]:
        # A process with threads is not forked. A reload is rare, so the module is imported on demand.
        subprocess = import_module("subprocess")
        names = ("paths", "to", "config", "assignments", "env_file", "parser", "multiline", "state_dir", "log_level",
                 "log_format", "command")  # fmt: skip
        request = json.dumps({name: getattr(self._options, name) for name in names}, default=str)
        # -P: the working directory is searched only if this process searches it. In a separate session, the process
        # gets no Ctrl-C.
        command = [sys.executable, "-P", "-c", _CODE, *sys.path]
        done = subprocess.run(
            command, input=request, stdout=subprocess.PIPE, text=True, start_new_session=True, check=False
        )
        return done.stdout, done.returncode


def _answer_and_exit(options: argparse.Namespace, writable: int) -> NoReturn:
    code = 1
    try:
        use_plain_settings(wanted=False)
        import_module("sidecar.cli.settings_worker").write_answer(options, writable)
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _describe_exit(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
