"""`sidecar schema`: prints the JSON Schema of the configuration, with the settings of every installed sink."""

from __future__ import annotations

import argparse
import re

from sidecar.cli.output import put_error, put_json
from sidecar.config.settings import Settings
from sidecar.errors import ConfigurationError
from sidecar.lib.settings_model import JsonSchema
from sidecar.sinks import registry


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the schema, and to stderr the reason for each sink that is not included."""
    schema, problems = build_schema()
    for problem in problems:
        put_error(problem)
    put_json(schema, indent=2)
    return 0


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
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema, problems


def _describe(name: str, error: Exception) -> str:
    """Return why the settings of a sink are not in the schema. Use only the first line of a library's message."""
    if isinstance(error, ConfigurationError):
        return str(error)
    reason = (str(error) or type(error).__name__).partition("\n")[0]
    return f'the settings of the sink "{name}" cannot be described as JSON Schema ({reason}); they are not included'


def _sink_definitions(name: str, model: JsonSchema) -> JsonSchema:
    """Return the definitions of the settings of a sink. Its required settings may also come from its URL."""
    definitions: JsonSchema = model.pop("$defs", {})
    model["properties"].setdefault("url", {"type": "string", "description": "the sink as a URL"})
    needed = [field for field in model.pop("required", []) if field != "type"]
    choice = {"anyOf": [{"required": ["url"]}, {"required": ["type", *needed]}]}
    return {**definitions, f"sink_{name}": {"allOf": [choice], **model}}
