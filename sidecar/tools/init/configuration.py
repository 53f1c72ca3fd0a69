"""Renders `sidecar.yaml` with comments."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import indent
from typing import Any

import msgspec

from sidecar.config.schema_line import SCHEMA_FILE, SCHEMA_LINE
from sidecar.lib.terminal import escape_control_characters
from sidecar.tools.init.destination import Destination
from sidecar.tools.init.log_format import ChosenFormat
from sidecar.tools.yaml_text import escape_values, format_yaml

_HEAD = f"""\
{SCHEMA_LINE}
# The configuration of log-sidecar. Editors complete and check it by the schema above, which the command
# `sidecar schema > {SCHEMA_FILE}` writes.
#
#   sidecar check --config FILE --connect    reports all mistakes, and tries the sink
#   sidecar explain LOG --config FILE        shows the documents that the lines of a log become
#   sidecar run --config FILE                ships the lines

# Directory for checkpoints and dead letters. By default /var/lib/sidecar if this user can write to it, else
# log-sidecar in the XDG state directory of the user.
# state_dir: /var/lib/sidecar

# HTTP server for metrics, health checks and the status page.
# admin:
#   listen: 127.0.0.1:9600

"""

_AFTER_FORMAT = """\
# Lines with a match are not shipped:
# exclude_lines: ['GET /health']

# Changes to each document, in order. Some of them:
# transforms:
#   - add: {service.name: shop}
#   - redact: [password, email]
#   - drop_when: 'level == "debug"'
"""


class Starter(msgspec.Struct, frozen=True):
    """The choices for a first configuration."""

    paths: Sequence[str]
    """Patterns of the files. Relative ones start at the working directory."""

    format: ChosenFormat
    destination: Destination

    transforms: Sequence[str] = ()
    """Names of transforms without options."""


def render_configuration(starter: Starter) -> str:
    """Return the text of `sidecar.yaml`."""
    pipeline = "\n".join(_pipeline(starter))
    sink = "\n".join(_sink(starter.destination))
    return f"{_HEAD}sinks:\n{indent(sink, '  ')}\n\npipelines:\n  app:\n{indent(pipeline, '    ')}"


def _sink(destination: Destination) -> Iterator[str]:
    if variables := destination.variables():
        yield "# No secret is in this file. Set these environment variables, for example by `export NAME=VALUE`:"
        yield from (f"#   {name}" for name in variables)
    if "password_file" in type(destination.settings).model_fields and destination.values:
        yield "# Or replace the setting by `password_file: FILE`, a file that only its owner can read."
    yield _dump({destination.name: destination.setting})


def _pipeline(starter: Starter) -> Iterator[str]:
    yield "# Patterns of the log files; ** matches any number of directories."
    yield _dump({"paths": escape_values(list(starter.paths))})
    yield ""
    yield from (f"# {escape_control_characters(comment)}" for comment in starter.format.comments)
    yield _dump(escape_values(starter.format.pipeline))
    yield ""
    if starter.transforms:
        yield "# Fields of the Pod in each document."
        yield _dump({"transforms": list(starter.transforms)})
        yield ""
    yield _without_transforms(_AFTER_FORMAT) if starter.transforms else _AFTER_FORMAT


def _without_transforms(text: str) -> str:
    return text.partition("\n\n")[0] + "\n"


def _dump(value: dict[str, Any]) -> str:
    return format_yaml(value).rstrip("\n")


def next_commands(config: str, files: Sequence[Path]) -> list[str]:
    """Return the commands with which a user continues. `files`: some of the log files."""
    explain = [f"sidecar explain {shlex.quote(str(file))} --config {shlex.quote(config)}" for file in files[:1]]
    return [*explain, f"sidecar run --config {shlex.quote(config)}"]
