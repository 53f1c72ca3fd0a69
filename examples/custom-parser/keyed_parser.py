"""A parser for lines such as `2026-11-23T01:00:00Z|WARN|id=7|took=12ms|disk almost full`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_MILLISECONDS = re.compile(r"(\d+)ms")


def keyed(*, separator: str = "|") -> Callable[[str], Mapping[str, Any]]:
    """Time, level, `key=value` pairs and a message between separators."""
    if not separator:
        raise ValueError("separator is empty")

    def parse_line(line: str) -> Mapping[str, Any]:
        parts = line.split(separator)
        if len(parts) < 3:
            raise ValueError(f"the line has no time, level and message between {separator!r}")
        time, level, *pairs, message = parts
        fields: dict[str, Any] = {"@timestamp": time, "log.level": level.lower(), "message": message}
        for pair in pairs:
            key, found, value = pair.partition("=")
            if not found:
                raise ValueError(f"{key!r} is no key=value pair")
            took = _MILLISECONDS.fullmatch(value)
            fields[key] = int(took[1]) if took else value
        return fields

    return parse_line
