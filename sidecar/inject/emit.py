"""Writes values as YAML or JSON in the style of the text around them."""

from __future__ import annotations

import json
import re
from typing import Any

_MAX_WIDTH = 100
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*|[0-9]+(?:m|Ki|Mi|Gi)")
_WORDS = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}
"""Texts that YAML 1.1 reads as another type."""


def scalar(value: Any) -> str:
    """Return a scalar as YAML, which is quoted where it is needed."""
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if '"' in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=not value.isprintable())


def flow(value: Any) -> str:
    """Return a value as YAML in one line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{scalar(key)}: {flow(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    return scalar(value)


class BlockWriter:
    """Writes block style with the indentation of a text."""

    def __init__(self, unit: int, dash_offset: int) -> None:
        self.unit, self.dash_offset = unit, dash_offset

    def entries(self, values: dict[str, Any], column: int) -> list[str]:
        """Return the lines of the entries of a mapping."""
        return [line for key, value in values.items() for line in self._entry(key, value, column)]

    def _entry(self, key: str, value: Any, column: int) -> list[str]:
        start = f"{' ' * column}{scalar(key)}:"
        line = f"{start} {flow(value)}"
        if not isinstance(value, dict | list) or (len(line) <= _MAX_WIDTH and not _has_items(value)):
            return [line]
        if isinstance(value, dict):
            return [start, *self.entries(value, column + self.unit)]
        return [start, *self.items(value, column + self.dash_offset)]

    def items(self, values: list[Any], column: int) -> list[str]:
        """Return the lines of the items of a sequence. `column` is that of the dashes."""
        return [line for value in values for line in self._item(value, column)]

    def _item(self, value: Any, column: int) -> list[str]:
        line = f"{' ' * column}- {flow(value)}"
        if not isinstance(value, dict) or len(line) <= _MAX_WIDTH:
            return [line]
        lines = self.entries(value, column + 2)
        return [f"{' ' * column}- {lines[0].lstrip()}", *lines[1:]]


def _has_items(value: Any) -> bool:
    """Return whether the value is a list of mappings, which is easier to read with a line for each."""
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def json_text(value: Any, column: int, unit: int | None, eol: str) -> str:
    """Return a value as JSON: in one line, or with the lines after the first indented to a column."""
    if unit is None:
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, indent=unit).replace("\n", f"{eol}{' ' * column}")
