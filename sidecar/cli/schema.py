"""`sidecar schema`: prints the JSON Schema of the configuration, with the settings of every installed sink."""

from __future__ import annotations

import argparse
from typing import Any

from sidecar.cli.output import put_json
from sidecar.config.settings import Settings
from sidecar.sinks import registry


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the schema."""
    put_json(build_schema(), indent=2)
    return 0


def build_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the whole configuration."""
    schema: dict[str, Any] = Settings.model_json_schema(mode="validation")
    definitions = schema["$defs"]
    choices: list[dict[str, Any]] = [{"type": "string", "description": "the URL of a sink"}]
    for name in registry.names():
        model = registry.resolve(name).settings.model_json_schema(mode="validation")
        definitions.update(model.pop("$defs", {}))
        model["properties"]["url"] = {"type": "string", "description": "the sink as a URL"}
        model["required"] = [field for field in model.get("required", []) if field == "type"]
        definitions[f"sink_{name}"] = model
        choices.append({"$ref": f"#/$defs/sink_{name}"})
    schema["properties"]["sinks"]["additionalProperties"] = {"anyOf": choices}
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema
