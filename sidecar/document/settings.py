"""Settings of the `add` transform, whose fields are part of every document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sidecar.lib.declarations import (
    field_validator,
)
from sidecar.lib.settings_model import SettingsModel
from sidecar.model.reserved_fields import RESERVED_NAMES

_SET_BY_SIDECAR = ("@timestamp", "event.ingested", "log.offset", "log.file.path")


class StaticFieldsSettings(SettingsModel):
    """Constant fields for every document."""

    add: dict[str, Any]
    """Names and values of the fields. Names may be nested or dotted."""

    @field_validator("add")
    @classmethod
    def _check_reserved(cls, values: dict[str, Any]) -> dict[str, Any]:
        for path in _paths(values, ""):
            if (
                path in _SET_BY_SIDECAR
                or path.split(".")[0] in RESERVED_NAMES
                or any(field.startswith(f"{path}.") for field in _SET_BY_SIDECAR)
            ):
                raise ValueError(f"{path} is set by the sidecar itself; choose another name")
        return values


def _paths(values: Mapping[str, Any], prefix: str) -> list[str]:
    found: list[str] = []
    for name, value in values.items():
        path = f"{prefix}{name}"
        found += _paths(value, f"{path}.") if isinstance(value, Mapping) and value else [path]
    return found
