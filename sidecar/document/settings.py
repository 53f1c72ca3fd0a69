"""Settings of the `add` transform, whose fields are part of every document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import (
    field_validator,
)

from sidecar.lib.settings_model import SettingsModel
from sidecar.model.reserved_fields import RESERVED_NAMES

_OURS = ("@timestamp", "event.ingested", "log.offset", "log.file.path")


class StaticFieldsSettings(SettingsModel):
    """Constant fields for every document."""

    add: dict[str, Any]
    """Names and values, nested or dotted."""

    @field_validator("add")
    @classmethod
    def _not_ours(cls, values: dict[str, Any]) -> dict[str, Any]:
        for path in _paths(values, ""):
            if (
                path in _OURS
                or path.split(".")[0] in RESERVED_NAMES
                or any(ours.startswith(f"{path}.") for ours in _OURS)
            ):
                raise ValueError(f"{path} is set by the sidecar itself; choose another name")
        return values


def _paths(values: Mapping[str, Any], prefix: str) -> list[str]:
    found: list[str] = []
    for name, value in values.items():
        path = f"{prefix}{name}"
        found += _paths(value, f"{path}.") if isinstance(value, Mapping) and value else [path]
    return found
