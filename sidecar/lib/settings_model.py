"""Defines the base class of all settings. The docstring of a field is also its description in `sidecar schema`."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path, PurePath
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from sidecar.lib.declarations import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    CoreSchema,
    GetJsonSchemaHandler,
    PydanticCustomError,
    SecretStr,
    model_validator,
)
from sidecar.lib.home_directory import expand_home

MASKED_VALUE = "**********"


class Shown:
    """Marks a text that is not a secret, such as the name of an index: `Annotated[str, SHOWN]`."""


SHOWN = Shown()


@dataclass(frozen=True, slots=True)
class ShownInPart:
    """Marks a text that may contain a secret: `Annotated[str, ShownInPart(show_url)]`."""

    show: Callable[[str], str]
    """Returns the text with its secrets masked."""


class SecretFile:
    """Marks the path of a file with a secret, which only its owner should be able to read."""


SECRET_FILE = SecretFile()


JsonSchema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ShortForm(BeforeValidator):
    """Accepts a shorter form of a value, also in the JSON Schema: `Annotated[Options, ShortForm(…)]`."""

    schema: Callable[[], JsonSchema] = dict
    """Returns the schema of the shorter form."""

    format: Callable[[Any], str] | None = None
    """Returns a number as users write it, such as `16MiB`; None if the shorter form is no quantity."""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        return {"anyOf": [self.schema(), handler(core_schema)]}


@dataclass(frozen=True, slots=True)
class OnlyEntry(ShortForm):
    """Accepts a single entry instead of a list with one entry."""

    alone: str | None = None
    """Name of an entry that must be the only one."""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        schema = handler(core_schema)
        entries = [schema]
        if self.alone:
            named = {"properties": {"type": {"const": self.alone}}, "required": ["type"]}
            others = {"not": {"anyOf": [{"const": self.alone}, {"type": "object", **named}]}}
            entries = [{**schema, "maxItems": 1}, {**schema, "items": {"allOf": [schema["items"], others]}}]
        return {"anyOf": [self.schema(), schema["items"], *entries]}


def _expand_path(value: object) -> object:
    if value == "":  # the working directory for pathlib
        raise PydanticCustomError("string_too_short", "is empty")
    return expand_home(value) if isinstance(value, str) else value


LocalPath = Annotated[Path, BeforeValidator(_expand_path, json_schema_input_type=str)]
"""The path of a file or directory; `~` and `$HOME` at its beginning are the home directory."""


def one_of(names: Iterable[str]) -> JsonSchema:
    """Return the schema of a text that must be one of these names."""
    return {"enum": sorted(names)}


def exactly_one_of(*names: str) -> JsonSchema:
    """Return what to add to the schema of a mapping that must have exactly one of these settings."""
    return {"oneOf": [{"required": [name]} for name in names]}


def some_of(names: Iterable[str], *, alone: str | None = None) -> JsonSchema:
    """Return the schema of a text with some of these names, separated by commas, or with the name `alone`."""
    either = "|".join(map(re.escape, sorted(names)))
    only = "" if alone is None else rf"^\s*{re.escape(alone)}\s*$|"
    return {"type": "string", "pattern": rf"{only}^\s*({either})\s*(,\s*({either})\s*)*$"}


def split_commas(value: object) -> object:
    """Split a text at its commas; return any other value unchanged."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


COMMAS = ShortForm(split_commas, schema=lambda: {"type": "string"})
"""Marks a list that may be written as one text with commas: `Annotated[tuple[str, ...], COMMAS]`."""

SOME_COMMAS = ShortForm(split_commas, schema=lambda: {"type": "string", "pattern": "[^,\\s]"})
"""Like `COMMAS`, but for a list that must not be empty, which has `Field(min_length=1)`."""


class SettingsModel(BaseModel):
    """Base class of settings. They are immutable, and unknown names are rejected.

    Descriptions are read from the source on demand, because reading them at every start would take 0.1 s.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_flags_as_numbers(cls, given: Any) -> Any:
        """Return the values with flags as texts where only numbers are valid. Otherwise `yes` would be read as 1."""
        if not isinstance(given, dict) or not any(isinstance(value, bool) for value in given.values()):
            return given
        return {name: str(value) if cls._is_wrong_flag(name, value) else value for name, value in given.items()}

    @classmethod
    def _is_wrong_flag(cls, name: str, value: Any) -> bool:
        if not isinstance(value, bool) or name not in cls.model_fields:
            return False
        types = set(_types_in(cls.model_fields[name].annotation))
        return bool(types & {int, float}) and bool not in types

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, meaning in field_descriptions(cls).items():
            field = cls.model_fields[name]
            described = properties[field.alias or name]
            described.setdefault("description", meaning)
            if field.default_factory is not None:
                described.setdefault("default", field.get_default(call_default_factory=True, validated_data={}))
        return schema


def mask(settings: SettingsModel) -> dict[str, Any]:
    """Return the settings with all values masked that could be secrets.

    The type of a setting decides, not its name. Numbers, flags, fixed choices, paths and values marked as `SHOWN` are
    shown, sizes and durations with their unit, and texts marked as `ShownInPart` without their secrets. Any other
    text, such as a pattern, could contain a secret. So could any value in a mapping whose keys the user chooses.
    """
    masked = {}
    for name, field in type(settings).model_fields.items():
        is_shown = SHOWN in field.metadata or name == "type" or _is_fixed(field.annotation)
        value = format_quantity(field, getattr(settings, name))
        part = next((marker for marker in field.metadata if isinstance(marker, ShownInPart)), None)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        masked[field.alias or name] = part.show(text) if part and text else _mask(value, is_shown=is_shown)
    return masked


def format_quantity(field: Any, value: Any) -> Any:
    """Return a number of bytes or seconds with its unit, as users write it; any other value unchanged.

    `field`: what pydantic knows about the setting.
    """
    markers = (*field.metadata, *_markers_in(field.annotation))
    formats = (marker.format for marker in markers if isinstance(marker, ShortForm) and marker.format)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return next((format_(value) for format_ in formats if is_number), value)


def _markers_in(annotation: Any) -> Iterator[Any]:
    for part in _types_in(annotation):
        yield from getattr(part, "__metadata__", ())


def _mask(value: Any, *, is_shown: bool, is_free: bool = False) -> Any:
    if isinstance(value, SettingsModel):
        return mask(value)
    if isinstance(value, Mapping):
        return {str(name): _mask(item, is_shown=False, is_free=True) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_mask(item, is_shown=is_shown, is_free=is_free) for item in value]
    if value is None or value == "" or (isinstance(value, bool | int | float) and not is_free):
        return value
    if isinstance(value, PurePath) or (isinstance(value, str) and is_shown):
        return str(value)
    return MASKED_VALUE


def _types_in(annotation: Any) -> Iterator[Any]:
    yield annotation
    for argument in get_args(annotation):
        yield from _types_in(argument)


def _is_fixed(annotation: Any) -> bool:
    """Return whether the type allows only fixed texts and numbers."""
    if get_origin(annotation) is Literal:
        return True
    if get_origin(annotation) is Annotated:
        return _is_fixed(get_args(annotation)[0])
    parts = [part for part in get_args(annotation) if part is not Ellipsis]
    return all(map(_is_fixed, parts)) if parts else annotation in (bool, int, float, NoneType)


def field_descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Return the description of each field by its name."""
    descriptions: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, SettingsModel):
            descriptions |= _docstrings_of_fields(base)
    return {name: descriptions[name] for name in model.model_fields if name in descriptions}


@cache
def _docstrings_of_fields(model: type[BaseModel]) -> dict[str, str]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }  # fmt: skip
