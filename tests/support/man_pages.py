"""`make man`: writes the man pages from the parsers of the commands and from the settings.

One page for each command, sidecar(1), and sidecar.yaml(5).
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sidecar import __version__
from sidecar.cli import COMMANDS, build_full_parser
from sidecar.cli.examples import EXAMPLES
from sidecar.cli.exit_codes import COMMON, EXIT_CODES
from sidecar.lib.settings_model import field_descriptions
from sidecar.sinks import registry
from tests.support.commands_reference import help_of, subparsers, value_of
from tests.support.settings_reference import TABLES, default_of

_COLUMNS = "72"
_CODE = re.compile(r"`([^`]*)`")
_SECTIONS = {"root": "SETTINGS", "pipeline": "PIPELINES", "every sink": "SINKS"}


def pages() -> Mapping[str, str]:
    """Return the text of each page by its name."""
    os.environ["COLUMNS"] = _COLUMNS
    parser = build_full_parser()
    return {
        "sidecar.1": _join(_overview(parser)),
        **{f"sidecar-{name}.1": _join(_command(name, child)) for name, child in subparsers(parser).items()},
        "sidecar.yaml.5": _join(_configuration()),
    }


def _overview(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from _head("sidecar", 1, str(parser.description))
    yield from (".SH SYNOPSIS", _bold("sidecar"), r"\fICOMMAND\fR [\fIOPTION\fR ...]", ".SH COMMANDS")
    for name, summary in COMMANDS.items():
        yield from (".TP", f"{_bold(f'sidecar-{name}')}(1)", _text(summary))
    yield from _exit_status({})
    yield from _examples(["sidecar run '/var/log/app/*.log' --to elasticsearch://localhost:9200/logs"])
    yield from _see_also("sidecar.yaml(5)")


def _command(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from _head(f"sidecar-{name}", 1, COMMANDS[name])
    first, *others = (line.removeprefix("usage: ") for line in parser.format_usage().rstrip().splitlines())
    usage = [first, *(line.removeprefix(" " * len("usage: ")) for line in others)]
    yield from (".SH SYNOPSIS", ".nf", *map(_escape, usage), ".fi", ".SH OPTIONS")
    for action in parser._actions:
        if action.help != argparse.SUPPRESS:
            yield from (".TP", _invocation(action), _text(help_of(parser, action)))
    yield from _exit_status(EXIT_CODES[name])
    yield from _examples(EXAMPLES[name])
    yield from _see_also("sidecar(1)", "sidecar.yaml(5)")


def _configuration() -> Iterator[str]:
    yield from _head("sidecar.yaml", 5, "the configuration of log-sidecar")
    yield from (".SH DESCRIPTION", _text("A YAML file, which `--config` or the variable SIDECAR_CONFIG names."))
    yield _text(
        "`${NAME}`, `${NAME:-default}` and `${NAME:?message}` are replaced by variables of the environment, "
        "`$$` by `$`."
    )
    for name, model in TABLES.items():
        yield f".SH {_escape(_SECTIONS.get(name, name.upper()))}"
        yield from _settings(model)
    models = {registry.resolve(name).settings: name for name in registry.names()}
    for settings, name in models.items():
        yield f".SH SINK {_escape(name.upper())}"
        yield from _settings(settings)
    yield from _see_also("sidecar(1)", "sidecar-check(1)", "sidecar-schema(1)")


def _settings(model: type[BaseModel]) -> Iterator[str]:
    meanings = field_descriptions(model)
    for name, field in model.model_fields.items():
        default = default_of(field).strip("`")
        yield from (".TP", f"{_bold(field.alias or name)} ({_escape(default)})", _text(meanings[name]))


def _head(name: str, section: int, summary: str) -> Iterator[str]:
    yield f'.TH "{_escape(name.upper())}" {section} "" "log-sidecar {__version__}"'
    yield from (".nh", ".ad l")  # names of settings and commands are copied from the page
    yield from (".SH NAME", rf"{_escape(name)} \- {_text(summary)}")


def _invocation(action: argparse.Action) -> str:
    value = value_of(action)
    shown = rf"\fI{_escape(value)}\fR" if value else ""
    return " ".join(filter(None, (", ".join(map(_bold, action.option_strings)), shown)))


def _exit_status(codes: Mapping[int, str]) -> Iterator[str]:
    yield ".SH EXIT STATUS"
    for code, meaning in sorted({**COMMON, **codes}.items()):
        yield from (".TP", _bold(str(code)), _text(meaning))


def _examples(examples: Any) -> Iterator[str]:
    yield from (".SH EXAMPLES", ".nf", *map(_escape, examples), ".fi")


def _see_also(*names: str) -> Iterator[str]:
    yield from (
        ".SH SEE ALSO",
        ", ".join(re.sub(r"^(.*)(\(\d\))$", lambda m: f"{_bold(m[1])}{m[2]}", n) for n in names),
    )


def _bold(text: str) -> str:
    return rf"\fB{_escape(text)}\fR"


def _text(text: str) -> str:
    """Return a paragraph of Markdown as roff in one line."""
    return _CODE.sub(lambda code: rf"\fB{code[1]}\fR", _escape(" ".join(text.split())))


def _escape(text: str) -> str:
    """Return text that roff prints as it is."""
    escaped = (
        text.replace("\\", r"\e").replace("-", r"\-").replace("…", "...").replace("–", r"\(en").replace("→", "->")
    )
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped


def _join(lines: Iterator[str]) -> str:
    return "\n".join(lines) + "\n"


def main(folder: str) -> int:
    """Write the pages to a folder."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (target / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
