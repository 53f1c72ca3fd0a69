"""The commands of a documentation page, so that a test can run them, and what the page says that they print."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(r"^## (?P<heading>.*)$|^```(?P<kind>console|yaml)\n(?P<block>(?s:.*?))^```", re.MULTILINE)
_COMMAND = re.compile(r"^\$ (.*\n(?:  .*\n)*)((?:(?!\$ ).*\n)*)", re.MULTILINE)
_FILE_NAME = re.compile(r"# (\S+\.yaml)\n")


class PageCommand(NamedTuple):
    """A command of a page."""

    text: str
    output: str
    """What the page says that it prints; `…` is any text, and nothing means anything."""

    section: str = ""
    """The heading of the second level above it."""

    def is_printed(self, text: str) -> bool:
        """Return whether this is the output that the page shows."""
        pattern = ".*".join(map(re.escape, self.output.strip().split("…")))
        return re.fullmatch(pattern, text.strip(), re.DOTALL) is not None


def read_commands(page: Path) -> list[PageCommand]:
    """Return the commands in the blocks of a page, in their order.

    Lines after `$ ` that are indented by two spaces continue the command. A YAML block whose first line is a comment
    with the name of a file becomes a command that writes the file.
    """
    commands: list[PageCommand] = []
    section = ""
    for match in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        section = match["heading"] or section
        block = match["block"]
        if match["kind"] == "console":
            commands += [PageCommand(text, output, section) for text, output in _COMMAND.findall(block)]
        elif match["kind"] and (name := _FILE_NAME.match(block)):
            commands.append(PageCommand(f"cat > {name[1]} <<'END'\n{block}END\n", "", section))
    return commands
