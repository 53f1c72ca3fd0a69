"""Writes tables and live screens. `output` writes plain text; only commands that draw tables import this module."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from sidecar.lib.terminal import escape_control_characters, escape_lines

NO_TERMINAL_COLUMNS = 10_000


class PrintableConsole(Console):
    """Writes printable text and colors. Text is never interpreted as markup, emoji names or control characters.

    Without a terminal, each row of a table is one line, so that `grep` finds a whole path. `stderr`: write to
    standard error.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)
        if not self.is_terminal:
            self.width = NO_TERMINAL_COLUMNS

    def print(self, *objects: Any, **options: Any) -> None:
        """Write the objects. Without a terminal, omit the spaces at the end of each line of a table."""
        if self.is_terminal:
            super().print(*objects, **options)
            return
        with self.capture() as capture:
            super().print(*objects, **options)
        self.file.write("\n".join(line.rstrip(" ") for line in capture.get().split("\n")))

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render the parts of all tables and texts, with control characters escaped."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control or text.isprintable() else Segment(escape_lines(text), style)


def make_text(text: str, style: str = "") -> Text:
    """Return text for a cell. Control characters are escaped, so that the width of the cell is correct."""
    return Text(escape_control_characters(text), style)


def put(renderable: RenderableType) -> None:
    """Write a table or a text to standard output."""
    PrintableConsole().print(renderable)
