"""Writes values as YAML for the configuration files that commands generate."""

from __future__ import annotations

from typing import Any

import yaml

from sidecar.config.variables import escape_variables

_MAX_WIDTH = 1 << 30


def format_yaml(value: object) -> str:
    """Return the value as YAML. Non-ASCII letters are escaped only if it has unprintable characters."""
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=_MAX_WIDTH)
    if not text.replace("\n", "").isprintable():
        text = yaml.safe_dump(value, sort_keys=False, width=_MAX_WIDTH)
    return text


def escape_values(value: Any) -> Any:
    """Return the value with all its texts escaped, so that nothing in them is read as a variable."""
    if isinstance(value, dict):
        return {name: escape_values(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [escape_values(item) for item in value]
    return escape_variables(value) if isinstance(value, str) else value
