"""Substitutes for the names of pydantic that settings are declared with. They store values and validate nothing.

A process that gets its settings from another process, which has validated them, calls `use_plain_settings` before it
imports any settings. Then the same classes have the same attributes, methods and properties, but pydantic is not
imported, which needs several MiB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TypeVar

_MASKED = "**********"
_REQUIRED = object()
_is_plain = False


def use_plain_settings(*, wanted: bool = True) -> None:
    """Declare settings without pydantic in this process. Call it before any settings are imported."""
    global _is_plain
    _is_plain = wanted


def is_plain() -> bool:
    """Return whether settings in this process are declared without pydantic."""
    return _is_plain


class BaseModel:
    """The base class of settings that were validated before."""

    __slots__ = ("__dict__", "model_fields_set")

    model_fields_set: frozenset[str]

    def __init__(self, **values: Any) -> None:
        defaults = dict(_defaults(type(self)))
        if unknown := values.keys() - defaults.keys():
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        complete = {**defaults, **values}
        if missing := [name for name, value in complete.items() if value is _REQUIRED]:
            raise TypeError(f"{type(self).__name__} needs {', '.join(missing)}")
        self._store(complete, values)

    @classmethod
    def model_construct(cls, _fields_set: Any = None, **values: Any) -> Self:
        """Return settings with these values, which are complete."""
        settings = cls.__new__(cls)
        settings._store(values, values if _fields_set is None else _fields_set)
        return settings

    def model_copy(self, *, update: Mapping[str, Any]) -> Self:
        """Return a copy with other values."""
        return self.model_construct(self.model_fields_set | set(update), **{**vars(self), **update})

    def model_post_init(self, context: Any, /) -> None:
        """Set private attributes. A plug-in may override it, as with pydantic."""

    def _store(self, values: Mapping[str, Any], fields_set: Any) -> None:
        vars(self).update(values)
        object.__setattr__(self, "model_fields_set", frozenset(fields_set))
        self.model_post_init(None)

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} is frozen")
        object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))


class BaseSettings:
    """The base class of the root of all settings."""


def _defaults(model: type) -> Iterator[tuple[str, Any]]:
    """Yield the name and the default of each field, base classes first."""
    for base in reversed(model.__mro__):
        if base is not BaseModel:
            for name, annotation in vars(base).get("__annotations__", {}).items():
                if not str(annotation).startswith("ClassVar"):
                    yield name, getattr(model, name, _REQUIRED)


class SecretStr:
    """A text that prints as stars."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        """Return the text."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __len__(self) -> int:
        return len(self._value)

    def __repr__(self) -> str:
        return f"SecretStr('{_MASKED if self._value else ''}')"

    def __str__(self) -> str:
        return _MASKED if self._value else ""


@dataclass(frozen=True, slots=True)
class BeforeValidator:
    """A function that would convert a value."""

    func: Callable[[Any], Any]
    json_schema_input_type: Any = None


AfterValidator = Discriminator = Tag = WithJsonSchema = BeforeValidator
"""Annotations of types, which have no effect."""


class SerializeAsAny:
    """An annotation of a type, which has no effect."""

    def __class_getitem__(cls, annotation: Any) -> Any:
        return annotation


class ValidationError(ValueError):
    """Never raised, because nothing is validated."""


PydanticCustomError = ValidationError
InitErrorDetails = CoreSchema = GetJsonSchemaHandler = dict


def Field(  # noqa: N802 - the name in pydantic
    default: Any = _REQUIRED, *, default_factory: Callable[[], Any] | None = None, **_: Any
) -> Any:
    """Return the default of a field."""
    return default if default_factory is None else default_factory()


Function = TypeVar("Function")


def _keep(*_: Any, **__: Any) -> Callable[[Function], Function]:
    return lambda function: function


field_validator = model_validator = _keep
ConfigDict = SettingsConfigDict = dict
PositiveInt = int
AwareDatetime = datetime
