"""Configurations of other tools with arbitrary changes: each is refused with a reason, or becomes a valid one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from sidecar.config.loader import CommandLine, load
from sidecar.convert.kinds import SourceFile, convert
from sidecar.convert.source import decode
from sidecar.convert.validation import EXAMPLE_VALUES
from sidecar.convert.variables import required_names
from sidecar.convert.writer import write
from sidecar.errors import ConfigurationError
from tests.chaos.fuzz.fuzzed_input import FuzzedInput
from tests.unit.convert.example_files import EXAMPLES

_PIECES = (
    "", " ", "  ", "\n", "\t", ":", ": ", "- ", "[", "]", "{", "}", "'", '"', "#", "$", "$$", "${", "${A}",
    "${A:b}", "${A:-b}", "${a.b}", "%{", "%{a}", "%{[a.b]}", "%{+yyyy}", "{{ a }}", "{{", "!", "!x ", "&a ", "*a",
    "<<: ", "|", "|\n", ">", "~", "null", "true", "-1", "0", "1e999", ".nan", "0x10", "2026-11-23",
    "99999999999999999999", "\\", "\\.gz$", "(?<a>", "(", ")", "(?P<a>.*)", ".*", "(a+)+$", "^", "/", "//", "@",
    "u:secret@h", "http://u:secret@h:1/x?token=secret", "é", "\u2028", "\x85", "\ufeff",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "a.b.c", ".", "..", "__proto__", "@timestamp",
    "_id", "log.offset", "name", "type", "paths", "inputs", "hosts", "when", "not", "or", "[INPUT]", "[X",
    "@INCLUDE *", "@SET a=b", "\n[a]\nb = 1\n", "source = '''", '. = parse_json!(.message)', "if .a == 1 { abort }",
    "del(.a)", "((((", "||", "&&",
)  # fmt: skip
"""Pieces of text that mean something in one of the formats."""


def check(kind: str, data: bytes) -> None:
    """Change an example by the bytes, and convert it."""
    fuzzed = FuzzedInput(data)
    examples = [example for example in EXAMPLES if example.parent.name == kind]
    example = fuzzed.one_of(examples)
    lines = [] if fuzzed.below(4) == 3 else example.read_text().split("\n")
    while fuzzed.is_left:
        _change(fuzzed, lines)
    # An include is relative to the directory of the file, where no file is.
    path, content = Path("/nonexistent") / example.name, "\n".join(lines).encode(errors="replace")
    chosen = (kind, None)[fuzzed.below(2)]
    try:
        text = write(convert(SourceFile(path, decode(content, example.name)), chosen))
    except ConfigurationError as error:
        for problem in error.problems:
            assert problem.isprintable(), problem
            assert "http://u:secret" not in problem
        return
    assert "//u:secret@" not in text
    _check_valid(text)


def _change(fuzzed: FuzzedInput, lines: list[str]) -> None:
    at = fuzzed.below(len(lines) + 1)
    what = fuzzed.below(5)
    if at == len(lines) or what == 0:
        lines.insert(at, fuzzed.one_of(_PIECES) + fuzzed.text())
    elif what == 1:
        del lines[at]
    elif what == 2:
        column = fuzzed.below(len(lines[at]) + 1)
        lines[at] = lines[at][:column] + fuzzed.one_of(_PIECES) + lines[at][column + fuzzed.below(3) :]
    elif what == 3:
        lines[at] = " " * fuzzed.below(6) + lines[at].lstrip()
    else:
        name, sign, _ = lines[at].partition(": ")
        lines[at] = f"{name}{sign or ' '}{fuzzed.one_of(_PIECES)}"


class _Environ(dict[str, str]):
    """An environment in which each variable has the same value."""

    def __init__(self, value: str) -> None:
        super().__init__()
        self._value = value

    def get(self, name: str, default: Any = None) -> Any:
        return default if name.startswith("SIDECAR_") else self._value


def _check_valid(text: str) -> None:
    """Check that the sidecar reads the text, with one of several values for its variables."""
    errors = []
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        for value in EXAMPLE_VALUES:
            try:
                load(Path(file.name), _Environ(value), CommandLine())
            except ConfigurationError as error:
                errors.append(error.problems)
            else:
                return
    has_variables = any(True for line in text.splitlines() for _ in required_names(line))
    assert has_variables, (errors, text)
