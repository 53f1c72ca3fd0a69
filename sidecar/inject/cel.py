"""Writes values as CEL, the expression language of Kubernetes' admission policies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

_MAX_WIDTH = 110
_MAPS = {"annotations", "labels", "limits", "requests"}
"""Fields whose keys are free. Every other mapping is an object, which CEL writes with its type."""


def quote(text: str) -> str:
    """Return a text as a CEL string."""
    return json.dumps(text, ensure_ascii=False)


def raw(text: str) -> str:
    """Return a text without quotes as a CEL string in which a backslash is a backslash, for regular expressions."""
    assert '"' not in text
    return f'r"{text}"'


def list_of(texts: Iterable[str]) -> str:
    """Return texts as a CEL list."""
    return f"[{', '.join(map(quote, texts))}]"


def choose(cases: Iterable[tuple[str, str]], otherwise: str) -> str:
    """Return the expression that has the value of the first condition that is true."""
    return "\n".join([*(f"{condition} ? {value} :" for condition, value in cases), otherwise])


class CelWriter:
    """Writes values, and replaces marks in them by expressions."""

    def __init__(self, marks: Mapping[str, str]) -> None:
        self._marks = marks
        self._pattern = re.compile(f"({'|'.join(map(re.escape, marks))})")

    def write(self, value: Any, kind: str, column: int = 0) -> str:
        """Return a value of a type such as `Object.spec.volumes`, in several lines if it is long."""
        if not isinstance(value, dict | list):
            return self._scalar(value)
        start, end = ("[", "]") if isinstance(value, list) else ("{" if _is_map(kind) else f"{kind}{{", "}")
        parts = self._parts(value, kind, column + 2)
        line = f"{start}{', '.join(parts)}{end}"
        if column + len(line) <= _MAX_WIDTH and "\n" not in line:
            return line
        indent = f"\n{' ' * (column + 2)}"
        return f"{start}{indent}{f',{indent}'.join(parts)}\n{' ' * column}{end}"

    def _parts(self, value: Any, kind: str, column: int) -> list[str]:
        if isinstance(value, list):
            return [self.write(item, kind, column) for item in value]
        if _is_map(kind):
            return [f"{quote(key)}: {self._scalar(inner)}" for key, inner in value.items()]
        return [f"{key}: {self.write(inner, f'{kind}.{key}', column)}" for key, inner in value.items()]

    def _scalar(self, value: Any) -> str:
        if not isinstance(value, str):
            return json.dumps(value)
        pieces = [piece for piece in self._pattern.split(value) if piece]
        return " + ".join(self._marks.get(piece) or quote(piece) for piece in pieces) or '""'


def _is_map(kind: str) -> bool:
    return kind.rpartition(".")[2] in _MAPS
