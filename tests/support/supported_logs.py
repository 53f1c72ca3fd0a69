"""`make docs`: writes docs/reference/supported-logs.md from the corpus, a row for each layout of a log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.corpus.kinds import Kind, all_kinds

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "supported-logs.md"
_ODD = ("broken-", "odd-", "encoding-", "redacted-", "windows-line-ends")
_MAX_CHARACTERS = 150
_HEAD = """# Is my log supported?

Each row is a layout that a test ships into Elasticsearch and MongoDB, with one line of it and the parser that
reads it. `make docs` writes this page from [the corpus](../../tests/corpus/README.md).

If yours is missing, `sidecar explain --detect FILE` proposes a pipeline and says what it reads: the number of events,
times, levels and fields. For lines with a time that no parser knows it proposes a pattern. Otherwise write a
[`regex`, `grok` or `dissect`](parsers.md#regex). The text of a line is never lost: without a parser it is `message`.

| log | a line | `parser` | `multiline` |
| --- | --- | --- | --- |
"""


def render() -> str:
    """Return the page."""
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in sorted(_rows()))


def _rows() -> Iterator[tuple[str, str, str, str]]:
    for kind in all_kinds():
        if kind.name.startswith(_ODD):
            continue
        parser, multiline = _name(kind.pipeline.get("parser", "plain")), _name(kind.pipeline.get("multiline", ""))
        for title, line in _examples(kind):
            yield title, f"`{_cell(line)}`", f"`{parser}`", f"`{multiline}`" if multiline else ""


def _examples(kind: Kind) -> Iterator[tuple[str, str]]:
    """Yield the title and a line; folders of layouts have one for each of their lines."""
    lines = [line for line in kind.log.decode(errors="replace").splitlines() if line.strip()]
    if not kind.name.startswith("layouts-") or kind.name == "layouts-mysql-slow":
        yield kind.name.replace("-", " "), lines[0]
        return
    for line in lines:
        yield kind.name.removeprefix("layouts-").replace("-", " "), line


def _name(setting: Any) -> str:
    """Return the names of parsers or of a preset; `a pattern` for a configured one."""
    if isinstance(setting, list):
        return ", ".join(map(_name, setting))
    if isinstance(setting, dict):
        content = setting.get("content")
        return f"{setting['type']} of {_name(content)}" if content else str(setting.get("type", "a pattern"))
    return str(setting)


def _cell(line: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in line.strip())
    shown = shown if len(shown) <= _MAX_CHARACTERS else f"{shown[:_MAX_CHARACTERS]} …"
    return shown.replace("|", "\\|").replace("`", "'")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
