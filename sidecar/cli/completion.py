"""`sidecar completion`: prints the script by which a shell completes commands, options, choices and names."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import shtab
import yaml

from sidecar.cli import COMMANDS, build_full_parser
from sidecar.cli.output import put_line, put_lines
from sidecar.decode.presets import PRESETS
from sidecar.parse.plugin import PLUGINS
from sidecar.parse.settings import AUTO, BUILT_IN

_SHELLS = ("bash", "zsh", "fish")
_NAMES = {"sink": "sinks", "sinks": "sinks", "archive": "sinks", "pipeline": "pipelines"}
"""Option with a name of the configuration → the mapping that has the names."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("shell", nargs="?", choices=_SHELLS, help="the shell")
    what.add_argument(
        "--names", choices=("sinks", "pipelines"),
        help="print the names in the file of SIDECAR_CONFIG, or in sidecar.yaml, as the scripts do",
    )  # fmt: skip
    parser.epilog = (
        "bash: source <(sidecar completion bash)\n"
        "zsh:  sidecar completion zsh > ~/.zfunc/_sidecar    (fpath+=~/.zfunc; autoload -Uz compinit; compinit)\n"
        "fish: sidecar completion fish > ~/.config/fish/completions/sidecar.fish"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the script, or the names."""
    if options.names:
        for name in _names(options.names):
            put_line(name)
        return 0
    parser = build_full_parser()
    for action in _actions(parser):
        _describe_values(action)
    put_lines(shtab.complete(parser, options.shell))
    return 0


def _names(kind: str) -> list[str]:
    """Return the names of sinks or pipelines in the configuration, as far as it can be read."""
    try:
        text = Path(os.environ.get("SIDECAR_CONFIG") or "sidecar.yaml").read_text(encoding="utf-8")
        return [str(name) for name in yaml.safe_load(text)[kind]]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, KeyError, ValueError, RecursionError):
        return []


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    actions = parser._actions
    commands = [each for each in actions if isinstance(each, argparse._SubParsersAction)]
    children = [_actions(child) for each in commands for child in each.choices.values()]
    return [*(each for each in actions if each not in commands), *(each for child in children for each in child)]


def _describe_values(action: Any) -> None:
    """Tell the generator which values the argument has, if the parser does not know it."""
    if action.choices or action.nargs == 0:
        return
    if action.dest in _NAMES:
        action.complete = shtab.cmd(f"sidecar completion --names {_NAMES[action.dest]}")
    elif action.dest == "parser":
        action.choices = sorted({AUTO, *BUILT_IN, *PLUGINS.names()})
    elif action.dest == "multiline":
        action.choices = sorted(PRESETS)
    elif action.dest == "name":
        action.choices = list(COMMANDS)
    elif action.metavar in ("FILE", "PATH"):
        action.complete = shtab.FILE
    elif action.metavar == "DIR":
        action.complete = shtab.DIRECTORY
