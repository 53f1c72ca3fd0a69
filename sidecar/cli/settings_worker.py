"""Runs in the processes of `SettingsProcess`: reads and validates settings, and returns them as text."""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import warnings
from contextlib import suppress
from pathlib import Path

from sidecar.cli import output
from sidecar.cli.settings import load_checked_settings
from sidecar.config.checked import encode_checked
from sidecar.errors import ConfigurationError

_PATHS = ("config", "env_file", "state_dir")


def main() -> None:
    """Read the options from standard input, and write the answer to standard output."""
    sys.excepthook = output.put_traceback
    warnings.simplefilter("ignore")
    gc.disable()
    write_answer(read_options(sys.stdin.read()), os.dup(1))


def read_options(request: str) -> argparse.Namespace:
    """Return the options that another process has passed as JSON text."""
    values = json.loads(request)
    paths = {name: Path(values[name]) for name in _PATHS if values[name]}
    return argparse.Namespace(**{**values, **paths})


def write_answer(options: argparse.Namespace, descriptor: int) -> None:
    """Write the answer for these options to this descriptor, and close it. Standard output becomes standard error."""
    os.dup2(2, 1)  # plug-ins may print
    text = answer(options)
    # The process that asked may have ended. Closing the file writes what is left.
    with suppress(BrokenPipeError), os.fdopen(descriptor, "w") as result:
        result.write(text)


def answer(options: argparse.Namespace) -> str:
    """Return the settings for these options as text, or the problems of the settings."""
    try:
        return f"settings\n{encode_checked(load_checked_settings(options))}"
    except ConfigurationError as error:
        return f"problems\n{json.dumps([error.message, *error.problems])}"
