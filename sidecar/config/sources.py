"""The places that settings come from: a YAML file and the environment."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from sidecar.config.messages import suggest

PREFIX = "SIDECAR_"
OTHERS = frozenset(
    {
        "SIDECAR_CONFIG",
        "SIDECAR_EXIT_WHEN",
        "SIDECAR_GRACE",
        "SIDECAR_MODE",
        "SIDECAR_ON_CONFIG_ERROR",
        "SIDECAR_POD_RESTART_POLICY",
    }
)
"""Variables of ours that are not settings."""

_OF_A_SERVICE = re.compile(
    r"SIDECAR_((?!.*__)\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)\w*)?)", re.ASCII
)
"""What Kubernetes sets in every Pod beside a Service whose name happens to be, or to begin with, sidecar."""


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key written twice; a character may be written as two escapes, as in JSON."""

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        value = super().construct_scalar(node)
        return _PAIR.sub(_join_pair, value) if isinstance(value, str) else value


_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def _join_pair(found: re.Match[str]) -> str:
    return found[0].encode("utf-16-be", "surrogatepass").decode("utf-16-be")


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if not isinstance(key, Hashable):
            raise yaml.constructor.ConstructorError(None, None, "a list or mapping is no key", key_node.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f'the key "{key}" stands twice', key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def from_file(path: Path, problems: list[str]) -> dict[str, Any]:
    """The mapping in a YAML file; adds to `problems` what is wrong with the file itself."""
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        problems.append(f"{path}: cannot be read ({error.strerror}); name another file with --config")
        return {}
    except UnicodeDecodeError:
        problems.append(f"{path}: is not UTF-8 text")
        return {}
    except (yaml.YAMLError, ValueError, AttributeError, RecursionError) as error:
        problems.append(f"{path}: {_problem(error)}")
        return {}
    if found is not None and not isinstance(found, dict):
        problems.append(f"{path}: has to be a mapping of names to values")
        return {}
    return found or {}


_QUOTED = re.compile(r"(['\"]).{2,}\1", re.DOTALL)


def _problem(error: Exception) -> str:
    """Return what is wrong with the text, and on which line. What the library quotes may be a password."""
    if isinstance(error, yaml.MarkedYAMLError):
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        if str(error.problem).startswith("the key"):
            return f"{line}{error.problem}"
        problem = _QUOTED.sub("…", str(error.problem))
        return f"{line}{problem}" + (
            "; put a text that begins with one of * & ! into quotes" if "…" in problem else ""
        )
    if isinstance(error, yaml.reader.ReaderError):
        return f"holds a character that YAML does not allow (U+{error.character:04X})"
    return "is nested too deeply" if isinstance(error, RecursionError) else "holds a value that is not valid"


def from_environment(environ: Mapping[str, str], model: type[BaseModel], problems: list[str]) -> dict[str, Any]:
    """The settings in `SIDECAR_…` variables, `__` for nesting; adds to `problems` each variable nobody knows.

    Names of sinks and pipelines are lower case with `-` for `_` left as it is. A value that is JSON is taken as
    such; for a list, commas do too.
    """
    values: dict[str, Any] = {}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in OTHERS or _OF_A_SERVICE.fullmatch(name):
            continue
        path = name.removeprefix(PREFIX).lower().split("__")
        if path[0] not in model.model_fields:
            problems.append(f"environment: {name} is not a setting{_hint_for(path[0], model)}")
        else:
            _put(values, path, _value(environ[name], path))
    return values


def _hint_for(name: str, model: type[BaseModel]) -> str:
    return suggest(f"{PREFIX}{name.upper()}", [f"{PREFIX}{field.upper()}" for field in model.model_fields])


_LISTS = frozenset(
    {"paths", "exclude", "sinks", "parser", "transforms", "formats", "hosts", "include_lines", "exclude_lines"}
)


def _value(text: str, path: list[str]) -> Any:
    if text[:1] in "[{" and text:
        try:
            return json.loads(text)
        except ValueError:
            return text
    if path[-1] in _LISTS and len(path) > 1:
        return [item.strip() for item in text.split(",") if item.strip()]
    return text


def _put(values: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            inner = values[part] = {"url": inner}
        values = inner
    values[path[-1]] = value


def deep_merge(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    """Put `above` over `below`: mappings merge, all else is replaced. A sink in its short form counts as its URL."""
    for name, value in above.items():
        here = below.get(name)
        if isinstance(value, Mapping) and isinstance(here, str):
            here = below[name] = {"url": here}
        if isinstance(value, Mapping) and isinstance(here, dict):
            deep_merge(here, value)
        else:
            below[name] = value


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """A sentence for a name that nobody knows."""
    return f'there is no {what} "{name}"{suggest(name, known)}'
