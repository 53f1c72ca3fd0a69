"""Builds the JSON Schema of the configuration, with the settings of every installed sink, parser and transform.

It accepts what `sidecar check` accepts, before variables such as `${PORT}` are replaced. Only the content of texts is
not checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sidecar.config.settings import Settings
from sidecar.errors import ConfigurationError
from sidecar.lib.settings_model import JsonSchema
from sidecar.sinks import registry
from sidecar.tools.schema_examples import EXAMPLES

_VARIABLE = r"\$\{"
_FLAGS = ("t", "f", "y", "n", "0", "1", "true", "false", "yes", "no", "on", "off")
_TEXTS = {
    "integer": r"^\s*[+-]?\d+(_\d+)*(\.0*)?\s*$",
    "number": r"^\s*[+-]?(\d+(_\d+)*\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$",
    "boolean": f"^({'|'.join(''.join(f'[{letter}{letter.upper()}]' for letter in flag) for flag in _FLAGS)})$",
}
"""Type → the texts that `sidecar check` reads as a value of it."""

_INNER = ("properties", "patternProperties", "$defs")
_INNER_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_ABOUT = ("title", "description", "default", "examples")


def build_schema() -> tuple[JsonSchema, list[str]]:
    """Return the JSON Schema (draft 2020-12) of the configuration, and a sentence for each sink not included."""
    schema = Settings.model_json_schema(mode="validation")
    choices: list[JsonSchema] = []
    schemes: list[str] = []
    problems: list[str] = []
    for name in registry.names():
        try:
            settings = registry.resolve(name).settings
            definitions = _sink_definitions(name, settings.model_json_schema(mode="validation"))
        except Exception as error:  # the code of a plug-in may raise anything
            problems.append(_describe(name, error))
            continue
        schema["$defs"].update(definitions)
        choices.append({"$ref": f"#/$defs/sink_{name}"})
        schemes += settings.schemes
    either = "|".join(map(re.escape, schemes))
    url = {"type": "string", "description": "the URL of a sink", "pattern": f"^({either}):"}
    sinks, pipelines = schema["properties"]["sinks"], schema["properties"]["pipelines"]
    sinks["patternProperties"] = {name: {"anyOf": [url, *choices]} for name in sinks["patternProperties"]}
    for mapping in (sinks, pipelines):
        mapping |= {"additionalProperties": False, "minProperties": 1}
    for model in (schema, *schema["$defs"].values()):
        _add_examples(model)
    schema = _accept_texts(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, problems


def _describe(name: str, error: Exception) -> str:
    """Return why the settings of a sink are not in the schema. Use only the first line of a library's message."""
    if isinstance(error, ConfigurationError):
        return str(error)
    reason = (str(error) or type(error).__name__).partition("\n")[0]
    return f'the settings of the sink "{name}" cannot be described as JSON Schema ({reason}); they are not included'


def _sink_definitions(name: str, model: JsonSchema) -> JsonSchema:
    """Return the definitions of the settings of a sink. Its required settings may also come from its URL."""
    definitions: JsonSchema = model.pop("$defs", {})
    model["properties"].setdefault("url", {"type": "string", "description": "The sink as a URL."})
    needed = [field for field in model.pop("required", []) if field != "type"]
    choice = {"anyOf": [{"required": ["url"]}, {"required": ["type", *needed]}]}
    return {**definitions, f"sink_{name}": {"allOf": [choice], **model}}


def _add_examples(model: JsonSchema) -> None:
    """Add an example to each setting of a model that has none."""
    for name, field in model.get("properties", {}).items():
        qualified = f"{model.get('title')}.{name}"
        if qualified in EXAMPLES or name in EXAMPLES:
            field.setdefault("examples", [EXAMPLES.get(qualified, EXAMPLES.get(name))])
        elif examples := list(_examples_of_type(field)):
            field.setdefault("examples", examples)


def _examples_of_type(field: JsonSchema) -> Iterator[Any]:
    default = field.get("default")
    if default not in (None, "", [], {}):
        yield default
    for choice in (field, *field.get("anyOf", ())):
        yield from (value for value in choice.get("enum", ()) if value != default)
        if choice.get("type") == "boolean":
            yield not default
        if "const" in choice and choice["const"] != default:
            yield choice["const"]


def _accept_texts(node: Any) -> Any:
    """Return the schema with texts as values of each type, because a variable is replaced by a text."""
    if not isinstance(node, dict):
        return node
    changed = dict(node)
    for key in _INNER:
        if key in node:
            changed[key] = {
                name: child if name == "type" else _accept_texts(child) for name, child in node[key].items()
            }
    for key in _INNER_LISTS:
        if key in node:
            changed[key] = [_accept_texts(child) for child in node[key]]
    if any("required" not in choice for choice in changed.get("oneOf", ())):  # a variable fits several choices
        changed["anyOf"] = changed.pop("oneOf")
    for key in ("items", "additionalProperties"):
        if key in node:
            changed[key] = _accept_texts(node[key])
    return _with_texts(changed)


def _with_texts(node: Mapping[str, Any]) -> JsonSchema:
    about = {key: value for key, value in node.items() if key in _ABOUT}
    value = {key: value for key, value in node.items() if key not in _ABOUT}
    kind = str(value.get("type"))
    if kind in _TEXTS:
        text = {"type": "string", "pattern": f"{_TEXTS[kind]}|{_VARIABLE}"}
        numbers = [{"enum": [0, 1]}] if kind == "boolean" else []
        return {"anyOf": [value, text, *numbers], **about}
    if "pattern" in value:
        return {**value, "pattern": f"{value['pattern']}|{_VARIABLE}", **about}
    if "enum" in value:
        return {"anyOf": [value, {"type": "string", "pattern": _VARIABLE}], **about}
    return dict(node)
