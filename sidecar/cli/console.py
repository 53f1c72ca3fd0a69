"""Tables and live screens; `output` has what is plain text. Imported only by the commands that draw."""

from __future__ import annotations

import os
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from sidecar.lib.terminal import escape_control_characters, escape_lines

NO_TERMINAL_COLUMNS = 10_000


class PrintableConsole(Console):
    """Writes what is printable and its own colours: text is never markup, an emoji name or a command.

    A row of a table is one line in a file or a pipe, so that `grep` finds a path as a whole.

    `stderr`: write to standard error.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = NO_TERMINAL_COLUMNS

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render the parts of all tables and texts; whatever they hold, it is made printable here."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control or text.isprintable() else Segment(escape_lines(text), style)


def make_text(text: str, style: str = "") -> Text:
    """Return text for a cell as it will be shown, so that its width is right."""
    return Text(escape_control_characters(text), style)


def put(shown: RenderableType) -> None:
    """Write a table or a text to standard output."""
    PrintableConsole().print(shown)
