"""Settings of a custom transform."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

from sidecar.errors import ConfigurationError
from sidecar.lib.declarations import CoreSchema, Field, GetJsonSchemaHandler, model_validator
from sidecar.lib.settings_model import JsonSchema, SettingsModel, one_of
from sidecar.lib.suggestions import suggestion_for
from sidecar.model.records import Transform
from sidecar.transform import registry
from sidecar.transform.plugin import PluginTransform
from sidecar.transform.registry import KINDS


class PluginSettings(SettingsModel):
    """A function of an installed package (entry point `log_sidecar.transforms`)."""

    name: str
    """Name of the entry point."""

    options: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the function, in addition to the records."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        names, options = registry.PLUGINS.names(), {"type": ["object", "null"]}
        properties = {"name": one_of(names), "options": options}
        return {"type": "object", "anyOf": [
            {"properties": dict.fromkeys(names, options), "additionalProperties": False, "minProperties": 1,
             "maxProperties": 1},
            {"properties": properties, "additionalProperties": False, "required": ["name", "options"]},
        ]}  # fmt: skip

    @model_validator(mode="before")
    @classmethod
    def _expand_short_form(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and len(value) == 1:
            ((name, options),) = value.items()
            return {"name": name, "options": options or {}}
        return value

    @model_validator(mode="after")
    def _check_call(self) -> PluginSettings:
        known = [*KINDS, *registry.PLUGINS.names()]
        if self.name not in known:
            advice = suggestion_for(self.name, known) or f"; use one of {', '.join(known)}"
            raise ValueError(f'unknown transform "{self.name}"{advice}')
        try:
            function = registry.resolve(self.name)
        except ConfigurationError as error:
            raise ValueError(str(error)) from error
        try:
            signature(function).bind([], **self.options)
        except TypeError as error:
            raise ValueError(f"{self.name} cannot be called with these options: {error}") from error
        return self

    def create_transform(self) -> Transform:
        """Return the transform."""
        return Transform(self.name, PluginTransform(self.name, registry.resolve(self.name), self.options))
