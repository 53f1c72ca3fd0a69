"""Constant fields from the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class StaticFields:
    """Constant fields from a nested or dotted mapping."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._leaves = dict(_flatten(values, ""))

    def leaves(self) -> dict[str, str]:
        """Return the fields: path → JSON text. Always return the same object."""
        return self._leaves


def _flatten(values: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            found += _flatten(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, msgspec.json.encode(value).decode()))
    return found
