"""`sidecar schema` and `sidecar check` agree about the configurations of this repository and about changes."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from sidecar.cli.schema import build_schema
from sidecar.config.settings import Settings
from tests.unit.config.test_messages import MISTAKES

ROOT = Path(__file__).parents[3]

INSIDE_A_TEXT = re.compile(
    r"compr|is not expanded|the variable|name of a variable|has an @ after|has the unknown option|sinks.out.index"
    r"|has no username|zone|formats|oot"
)
"""Mistakes that only `sidecar check` sees."""

VARIANTS: list[Any] = [None, 5, -1, 1.5, [], {}, {"x": None}]
"""What a value is replaced by. None of them is a text, whose content only `sidecar check` knows."""

ONLY_CHECK_REFUSES = [
    "start=None",
    "continuation=None",
    "end=None",
    "field=None",
    "password_file=None",
    "patterns={}",
]
"""Settings without which another one has no meaning."""


@cache
def validator() -> Draft202012Validator:
    schema, left_out = build_schema()
    assert left_out == []
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def find_configurations(value: Any) -> Iterator[dict[str, Any]]:
    """Yield each configuration in a manifest, also one that is a text of a ConfigMap."""
    if isinstance(value, dict):
        if {"sinks", "pipelines"} <= value.keys():
            yield value
        for child in value.values():
            yield from find_configurations(child)
    elif isinstance(value, list):
        for child in value:
            yield from find_configurations(child)
    elif isinstance(value, str) and re.search("^pipelines:", value, re.MULTILINE):
        yield from find_configurations(yaml.safe_load(value))


def configurations() -> Iterator[dict[str, Any]]:
    """Yield each configuration of the examples, the documentation and the corpus."""
    for folder in ("examples", "deploy"):
        for file in sorted((ROOT / folder).rglob("*.yaml")):
            if "{{" not in file.read_text():
                yield from find_configurations(list(yaml.safe_load_all(file.read_text())))
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            if re.search("^sinks:", block, re.MULTILINE):
                yield from find_configurations(yaml.safe_load(block))
    for file in sorted((ROOT / "tests" / "corpus").glob("*/pipeline.yaml")):
        pipeline = {"paths": ["/var/log/a.log"], **yaml.safe_load(file.read_text())}
        yield {"sinks": {"out": "stdout:"}, "pipelines": {"app": pipeline}}


def is_checked(configuration: Mapping[str, Any]) -> bool:
    try:
        Settings.model_validate(configuration)
    except ValidationError:
        return False
    return True


def test_every_configuration_that_is_valid_is_valid_by_the_schema() -> None:
    found = list(configurations())
    assert len(found) > 100
    for configuration in found:
        assert is_checked(configuration), configuration
        assert not list(validator().iter_errors(configuration)), configuration


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_of_structure_is_one_by_the_schema(text: str, said: str) -> None:
    try:
        configuration = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return
    assert validator().is_valid(configuration) == bool(INSIDE_A_TEXT.search(said))


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield each value of a configuration with its path."""
    yield path, value
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, child in children:
        yield from places(child, (*path, part))


def changes() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield configurations with one changed value, one kind of place once, and what was changed."""
    seen = set()
    for configuration in configurations():
        for path, value in places(configuration):
            kind = tuple("*" if isinstance(part, int) else part for part in (*path[:1], *path[2:])), type(value)
            if kind in seen or not path:
                continue
            seen.add(kind)
            variants = [*VARIANTS, {**value, "zzz": None}] if isinstance(value, dict) else VARIANTS
            for variant in variants:
                changed: Any = copy.deepcopy(configuration)
                parent = changed
                for part in path[:-1]:
                    parent = parent[part]
                parent[path[-1]] = variant
                yield f"{'.'.join(map(str, path))}={variant!r}", changed


def test_a_changed_configuration_is_valid_for_both_or_for_none() -> None:
    differences = []
    for change, configuration in changes():
        by_schema, by_check = validator().is_valid(configuration), is_checked(configuration)
        if by_schema != by_check and not (by_schema and change.endswith(tuple(ONLY_CHECK_REFUSES))):
            differences.append(f"{'schema' if by_schema else 'check'} alone accepts {change}")
    assert not differences
