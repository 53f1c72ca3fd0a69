"""Writes validated settings as JSON text, and reads them in another process without a validation.

A scalar and a list stay as they are. Any other value is an object with one entry: its kind and its content. Only the
process that this process started may write the text, because it names the classes of the settings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import Enum
from importlib import import_module
from typing import Any

from sidecar.errors import ConfigurationError
from sidecar.lib.declarations import BaseModel, SecretStr


def encode_settings(settings: BaseModel) -> str:
    """Return the settings as text. Raise `ConfigurationError` for a value that it cannot contain."""
    return json.dumps(_encode(settings))


def decode_settings(text: str) -> Any:
    """Return the settings in this text of `encode_settings`, which is trusted."""
    return _decode(json.loads(text))


def _encode(value: Any) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is list:
        return [_encode(item) for item in value]
    if isinstance(value, BaseModel):
        names = type(value).model_fields
        content = {name: _encode(getattr(value, name)) for name in names}
        return {"settings": [_name_class(value), sorted(value.model_fields_set), content]}
    if isinstance(value, Mapping):
        return {"mapping": [[_encode(key), _encode(item)] for key, item in value.items()]}
    if isinstance(value, SecretStr):
        return {"secret": value.get_secret_value()}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if kind in (tuple, set, frozenset):
        return {kind.__name__: [_encode(item) for item in value]}
    if kind in (datetime, date):
        return {kind.__name__: value.isoformat()}
    if isinstance(value, Enum):
        return {"value": [_name_class(value), _encode(value.value)]}
    return _encode_as_text(value)


def _encode_as_text(value: Any) -> Any:
    """Return a value that its class can make of its text, such as a path, an address or a decimal number."""
    try:
        is_complete = type(value)(str(value)) == value
    except Exception:  # the class of a plug-in may raise anything
        is_complete = False
    if not is_complete:
        raise ConfigurationError(
            f"a value of the type {type(value).__qualname__} cannot be passed to the process that runs",
            hint="use texts, numbers, paths, lists, mappings and settings in the settings of a plug-in",
        )
    return {"value": [_name_class(value), str(value)]}


def _name_class(value: Any) -> str:
    """Return the module and the name of the class of a value."""
    kind = type(value)
    if "<" in kind.__qualname__ or "[" in kind.__qualname__:
        raise ConfigurationError(
            f"the class {kind.__qualname__} of settings is not at the top of its module",
            hint="define it there, and without parameters in brackets",
        )
    return f"{kind.__module__}:{kind.__qualname__}"


def _find_class(name: str) -> Any:
    module, _, path = name.partition(":")
    found: Any = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def _decode_settings(content: Any) -> Any:
    name, fields_set, values = content
    decoded = {field: _decode(value) for field, value in values.items()}
    return _find_class(name).model_construct(set(fields_set), **decoded)


_DECODERS: Mapping[str, Callable[[Any], Any]] = {
    "settings": _decode_settings,
    "mapping": lambda content: {_decode(key): _decode(item) for key, item in content},
    "secret": SecretStr,
    "bytes": bytes.fromhex,
    "tuple": lambda content: tuple(map(_decode, content)),
    "set": lambda content: set(map(_decode, content)),
    "frozenset": lambda content: frozenset(map(_decode, content)),
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "value": lambda content: _find_class(content[0])(_decode(content[1])),
}


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if isinstance(value, dict):
        ((kind, content),) = value.items()
        return _DECODERS[kind](content)
    return value
