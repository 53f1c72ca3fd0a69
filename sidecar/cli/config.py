"""`sidecar config show`: prints the settings in use, and where each value comes from."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from pydantic import BaseModel

from sidecar.cli.options import add_pipeline_options
from sidecar.cli.output import put_line
from sidecar.cli.settings import load_settings_with_sources
from sidecar.config.loader import LoadedSettings
from sidecar.config.messages import Key
from sidecar.lib.settings_model import mask
from sidecar.sinks.contract import SinkSettings

_COMMENT_COLUMN = 60
"""Column at which the comment with the origin begins, unless the line is longer."""

_MAX_WIDTH = 1 << 30


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("action", choices=["show"], help="show: print each setting with its value and its origin")
    parser.add_argument("paths", metavar="PATH", nargs="*", help="glob of files to tail, as for `run`")
    add_pipeline_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the settings as YAML, with the origin of each as a comment. Print stars for possible secrets."""
    loaded = load_settings_with_sources(options, options.paths, options.to)
    for line in _describe(loaded, loaded.settings, mask(loaded.settings), ()):
        put_line(line)
    return 0


def _describe(
    loaded: LoadedSettings, value: Any, masked: Any, key: Key, *, is_default: bool = False
) -> Iterator[str]:
    """Yield the lines of the settings in a model, or in a mapping of models."""
    given = value.model_fields_set if isinstance(value, BaseModel) else set(value)
    for name, shown in masked.items():
        field = _field_name(value, name)
        child = getattr(value, field) if isinstance(value, BaseModel) else value[name]
        is_unset, child_key = is_default or field not in given, (*key, name)
        if shown and isinstance(shown, Mapping) and _has_settings(child):
            yield f"{'  ' * len(key)}{_as_yaml(name)}:"
            yield from _describe(loaded, child, shown, child_key, is_default=is_unset)
        else:
            text = f"{'  ' * len(key)}{_as_yaml(name)}: {_as_yaml(shown)}"
            origin = "default" if is_unset else loaded.find_origin(child_key)
            if origin == "default" and isinstance(value, SinkSettings) and (field in given or name == "type"):
                origin = loaded.find_origin((*key, "url"))
            yield f"{text:{_COMMENT_COLUMN}} # {origin}"


def _field_name(value: Any, name: str) -> str:
    """Return the name of the field with this alias."""
    if not isinstance(value, BaseModel):
        return name
    return next((field for field, info in type(value).model_fields.items() if info.alias == name), name)


def _has_settings(value: Any) -> bool:
    """Return whether the value is a model, or a mapping of models."""
    return isinstance(value, BaseModel) or (
        isinstance(value, Mapping) and all(isinstance(item, BaseModel) for item in value.values())
    )


def _as_yaml(value: Any) -> str:
    """Return a value as YAML in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=_MAX_WIDTH)
    return text.removesuffix("\n").removesuffix("\n...")
