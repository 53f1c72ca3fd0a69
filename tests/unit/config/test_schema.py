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
from pydantic import BaseModel, ValidationError

from sidecar.config.messages import models_in
from sidecar.config.settings import Settings
from sidecar.config.yaml_file import read_yaml_file
from sidecar.errors import ConfigurationError
from sidecar.sinks import registry
from sidecar.tools.schema import build_schema
from tests.unit.config.test_messages import MISTAKES

ROOT = Path(__file__).parents[3]
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

INSIDE_A_TEXT = re.compile(
    r"compr|is not expanded|has an @ after|has the unknown option|sinks.out.index (?!must)"
    r"|has no username|zone|formats|oot|TIMESTMP|%Q|has a port|a URL;|the code 0|valid host|several hosts|out.workers"
    r"|links is empty|IPv6|not between 1 and 65535|empty host|has a #|URL of a database|token_file: begins"
)
"""Mistakes that only `sidecar check` sees."""

VARIANTS: list[Any] = [None, 5, 0, 1, -1, 1.5, True, False, [], {}, {"x": None}]
"""What a value is replaced by. None of them is a text, whose content only `sidecar check` knows."""

TEXTS = [
    "",
    "zzz",
    "5",
    "1.0",
    "TRUE",
    "no",
    "1s",
    "16 MiB",
    "auto",
    "json, plain",
    "kubernetes,host",
    "a.b",
    "stdout:",
]
"""Texts that replace a value. The schema must accept those that `sidecar check` accepts; it may accept others."""

ONLY_CHECK_REFUSES = [
    "start=None",
    "continuation=None",
    "end=None",
    "field=None",
    "password=None",
    "password is missing",
    "hosts=[]",
    "hosts.0 is missing",
    "password_file=None",
    "patterns={}",
    "sinks.search is missing",
    "username is missing",
    "password_file is missing",
    "patterns is missing",
    "ORDER is missing",
    "STAMP is missing",
    "columns.0 is missing",
    "expire_after=0",
]
"""Settings without which another one has no meaning, and zero where only that is invalid."""


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
        yield from find_configurations(yaml.load(value, LOADER))


@cache
def configurations() -> list[dict[str, Any]]:
    """Return each configuration of the examples, the documentation and the corpus."""
    return list(read_configurations())


def read_configurations() -> Iterator[dict[str, Any]]:
    for folder in ("examples", "deploy"):
        for file in sorted((ROOT / folder).rglob("*.yaml")):
            if "{{" not in file.read_text():
                yield from find_configurations(list(yaml.load_all(file.read_text(), LOADER)))
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            if re.search("^sinks:", block, re.MULTILINE):
                yield from find_configurations(yaml.load(re.sub(r"\$\{\w+\}", "a value", block), LOADER))
    for file in sorted((ROOT / "tests" / "corpus").glob("*/pipeline.yaml")):
        pipeline = {"paths": ["/var/log/a.log"], **yaml.load(file.read_text(), LOADER)}
        yield {"sinks": {"out": "stdout:"}, "pipelines": {"app": pipeline}}


def is_checked(configuration: Mapping[str, Any]) -> bool:
    try:
        Settings.model_validate(configuration)
    except ValidationError:
        return False
    return True


def test_every_configuration_that_is_valid_is_valid_by_the_schema() -> None:
    found = configurations()
    assert len(found) > 100
    for configuration in found:
        assert is_checked(configuration), configuration
        assert not list(validator().iter_errors(configuration)), configuration


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_of_structure_is_one_by_the_schema(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "sidecar.yaml").write_text(text)
    file = read_yaml_file(tmp_path / "sidecar.yaml", {})
    if not file.problems:
        assert validator().is_valid(file.data) == bool(INSIDE_A_TEXT.search(said))


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield each value of a configuration with its path."""
    yield path, value
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, child in children:
        yield from places(child, (*path, part))


def replaced(configuration: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """Return the configuration with another value at this path."""
    if not path:
        return value
    changed = copy.copy(configuration)
    changed[path[0]] = replaced(configuration[path[0]], path[1:], value)
    return changed


def removed(configuration: Any, path: tuple[str | int, ...]) -> Any:
    """Return the configuration without the value at this path."""
    parent = configuration
    for part in path[:-1]:
        parent = parent[part]
    left = copy.copy(parent)
    del left[path[-1]]
    return replaced(configuration, path[:-1], left)


@cache
def kinds_of_places() -> list[tuple[dict[str, Any], tuple[str | int, ...], Any]]:
    """Return a small configuration, a path and its value, for each kind of place."""
    seen, found = set(), []
    for configuration in configurations():
        for path, value in places(configuration):
            kind = tuple("*" if isinstance(part, int) else part for part in (*path[:1], *path[2:])), type(value)
            if kind not in seen and path:
                seen.add(kind)
                found.append((configuration, path, value))
    return found


def changes() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield configurations with one change that is not the content of a text, and what was changed."""
    for configuration, path, value in kinds_of_places():
        place = ".".join(map(str, path))
        variants = [*VARIANTS, [value], [value, value]]
        if isinstance(value, dict):
            variants.append({**value, "zzz": None})
        if isinstance(value, list):
            variants += [[*value, *value], [*value, None]]
        for variant in variants:
            yield f"{place}={variant!r}", replaced(configuration, path, variant)
        yield f"{place} is missing", removed(configuration, path)
    for parsers in (["auto", "plain"], ["json", {"type": "auto"}], ["auto", "auto"], ["auto"], "auto, plain", "auto"):
        pipeline = {"paths": ["/a"], "parser": parsers}
        yield f"parser={parsers!r}", {"sinks": {"out": "stdout:"}, "pipelines": {"app": pipeline}}


def test_a_changed_configuration_is_valid_for_both_or_for_none() -> None:
    differences = []
    for change, configuration in changes():
        by_schema, by_check = validator().is_valid(configuration), is_checked(configuration)
        if by_schema != by_check and not (by_schema and change.endswith(tuple(ONLY_CHECK_REFUSES))):
            differences.append(f"{'schema' if by_schema else 'check'} alone accepts {change}")
    assert not differences


def test_the_schema_accepts_each_text_that_check_accepts() -> None:
    differences = []
    for number, (configuration, path, _) in enumerate(kinds_of_places()):
        for text in TEXTS[number % 3 :: 3]:
            changed = replaced(configuration, path, text)
            if is_checked(changed) and not validator().is_valid(changed):
                differences.append(f"{'.'.join(map(str, path))}={text!r}")
    assert not differences


def test_a_variable_is_valid_wherever_its_value_is() -> None:
    differences = []
    for configuration, path, value in kinds_of_places():
        if path[-1] == "type" or isinstance(value, dict | list) or value is None:
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if is_checked(replaced(configuration, path, text)):
            for reference in ("${X}", "a${X:-b}"):
                if not validator().is_valid(replaced(configuration, path, reference)):
                    differences.append(f"{'.'.join(map(str, path))}={reference}")
    assert not differences


def properties() -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield each setting in the schema: its name with its model, its schema, and whether it is required."""
    schema = dict(validator().schema)
    for model in (schema, *schema["$defs"].values()):
        needed = {*model.get("required", ()), *(name for each in model.get("allOf", ()) for name in needs_of(each))}
        for name, field in model.get("properties", {}).items():
            yield f"{model.get('title')}.{name}", field, name in needed


def needs_of(condition: Mapping[str, Any]) -> set[str]:
    return {name for choice in condition.get("anyOf", ()) for name in choice["required"]}


def test_every_setting_has_a_description_a_default_and_a_valid_example() -> None:
    definitions = validator().schema["$defs"]
    for name, field, is_required in properties():
        assert field.get("description"), name
        assert is_required or "default" in field, name
        if field.get("enum") == []:  # no plug-in is installed
            continue
        assert field.get("examples"), name
        for example in field["examples"]:
            assert Draft202012Validator({**field, "$defs": definitions}).is_valid(example), f"{name}: {example!r}"


def models_of(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for child in models_in(field.annotation):
            yield from models_of(child)


NEEDS_ANOTHER = {
    "username", "password", "password_file", "client_certificate_file", "client_key_file", "setup", "aws_region",
    "require_alias", "api_key", "ca_file", "verify", "token_file", "tls",
}  # fmt: skip
"""Settings whose example is valid only together with another setting."""


def is_accepted(model: type[BaseModel], values: Mapping[str, Any]) -> bool:
    try:
        model.model_validate(values)
    except (ValidationError, ConfigurationError):
        return False
    return True


def test_check_accepts_each_example() -> None:
    roots: list[type[BaseModel]] = [Settings, *(registry.resolve(name).settings for name in registry.names())]
    models = dict.fromkeys(each for root in roots for each in models_of(root))
    titles = {each.get("title"): each for each in definitions()}
    for model in models:
        fields = titles.get(model.__name__, {}).get("properties", {})
        examples = {name: field["examples"][0] for name, field in fields.items() if "examples" in field}
        for name, example in examples.items():
            needed = {field for field, info in model.model_fields.items() if info.is_required() and field in examples}
            bases = [needed, needed | {"url"}, needed | {"hosts"}, needed | {"preset"}, needed | {"name"}]
            assert name in NEEDS_ANOTHER or any(
                is_accepted(model, {**{each: examples[each] for each in base if each in examples}, name: example})
                for base in bases
            ), f"{model.__name__}.{name}: {example!r}"


def definitions() -> list[dict[str, Any]]:
    schema = dict(validator().schema)
    return [schema, *schema["$defs"].values()]
