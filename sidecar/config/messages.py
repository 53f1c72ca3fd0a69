"""Turns validation errors into sentences: the source, the setting, the cause, and "did you mean".

No message contains a value that could be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, get_args

from sidecar.errors import ConfigurationError
from sidecar.lib.declarations import BaseModel, InitErrorDetails, PydanticCustomError, ValidationError
from sidecar.lib.suggestions import suggestion_for
from sidecar.lib.units import MAX_DURATION_S, format_duration
from sidecar.parse.settings import BUILT_IN as PARSERS
from sidecar.sinks import registry
from sidecar.transform.registry import KINDS as TRANSFORMS

_MESSAGES = {
    "missing": "is missing; add it",
    "string_type": "must be text",
    "string_too_short": "is empty; write a text, or remove it",
    "string_pattern_mismatch": "has a format that this setting does not allow",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is a number that is too large",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping of names to values",
    "model_type": "must be a mapping of names to values",
    "model_attributes_type": "must be a name, or a mapping of names to values",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "path_type": "must be the path of a file or directory",
    "too_short": "needs at least one entry",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "datetime_type": "must be a time such as 2026-11-24T12:00:00Z",
    "datetime_parsing": "must be a time such as 2026-11-24T12:00:00Z",
    "datetime_from_date_parsing": "must be a time such as 2026-11-24T12:00:00Z",
    "timezone_aware": "needs a zone, as in 2026-11-24T12:00:00Z",
}
"""Error type of pydantic → its cause in a message. Pydantic's texts are never shown, because they may quote a
value."""

_NAME_RULE = "is not a valid name; begin with a letter or digit, and use no spaces"
_TAGS = frozenset((*TRANSFORMS, "own", *PARSERS))
"""Parts of an error's location that pydantic inserts for the alternatives of a union. They follow the index of a list
entry, or `content`."""

_UNION_MEMBER = re.compile(r"\('(?:bool|int|float|constrained-\w+|function-.*)',\)|\(\"literal\[.*\]\",\)")
"""The last part of an error's location that pydantic inserts for a member of a union without tags."""

_OWN_KIND = "sidecar"
_INCOMPLETE_SINK = ": needs a `type`"
_MAX_NAMES = 40
"""Maximum number of known names that a message lists."""

Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a value."""

    place: str
    """Beginning of a message about the value: a file and line, `environment`, or an option."""

    name: str | None = None
    """Name of the value in its source, which follows `place` in a message. None: the dotted path. "": no name."""


class ValueSource(Protocol):
    """A source of settings that knows the origin of its values."""

    def depth(self, key: Key) -> int:
        """Return the number of leading parts of the key that exist in this source."""
        ...

    def value(self, key: Key) -> Any:
        """Return the value of this key, or None if this source has none."""
        ...

    def origin(self, key: Key) -> Origin:
        """Return the origin of the value of this key."""
        ...

    def secret_text(self, key: Key) -> str:
        """Return the secrets at, above and below this key. A message must not contain any of their words."""
        ...


def describe_errors(error: ValidationError, sources: Sequence[ValueSource], model: type[BaseModel]) -> list[str]:
    """Return a sentence for each problem. The sources are in order of precedence."""
    sentences: dict[tuple[str, str], list[str]] = {}
    items = [(item, _resolve(item, sources)) for item in error.errors(include_url=False)]
    for item, key in items:
        # If all entries of a list are invalid, pydantic also reports that the list is empty.
        location = item["loc"]
        if item["type"] == "too_short" and any(
            len(other["loc"]) > len(location) and other["loc"][: len(location)] == location for other, _ in items
        ):
            continue
        origin = _find_source(key, sources).origin(key)
        cause = _describe_missing_option(item, key) or describe_cause(item, _known_names(item, key, sources, model))
        if item["type"] == "missing" or cause.startswith(_INCOMPLETE_SINK):
            cause = _describe_misspelled_name(key, sources) or cause
        if any(_words(source.secret_text(key)) & _words(cause) for source in sources):
            cause = "has an invalid value, which is not shown because it is a secret"
        where = ".".join(map(str, key)) if origin.name is None else origin.name
        sentences.setdefault((origin.place, where), []).append(cause)
    return [_join(place, where, causes) for (place, where), causes in sentences.items()]


def _find_source(key: Key, sources: Sequence[ValueSource]) -> ValueSource:
    """Return the source whose value takes precedence; for a missing value, the lowest source that could have it."""
    depths = [source.depth(key) for source in sources]
    deepest = max(depths)
    for source, depth in zip(sources, depths, strict=True):
        # A list, or a text in its place, replaces the list of a lower source.
        if key and (depth == len(key) or (depth and isinstance(key[depth], int))):
            return source
    return [source for source, depth in zip(sources, depths, strict=True) if depth == deepest][-1]


def validation_error(problems: Iterable[tuple[Key, str]]) -> ValidationError:
    """Return an error that a validator can raise, with a sentence for each key."""
    return ValidationError.from_exception_data(
        "settings",
        [
            InitErrorDetails(type=PydanticCustomError(_OWN_KIND, "{cause}", {"cause": cause}), loc=key, input=None)
            for key, cause in problems
        ],
    )


def as_validation_error(error: ConfigurationError) -> ValidationError:
    """Return the error in a form that a validator can raise, located at the setting that it names."""
    if isinstance(error.__cause__, ValidationError):
        return error.__cause__
    return validation_error(
        (tuple(filter(None, cause.location.split("."))), f"{': ' * (not cause.location)}{_without_place(cause)}")
        for cause in error.causes or (error,)
    )


def suggest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Return `; did you mean "…"?` if the name resembles a known one; else the known names; "" if they are many."""
    names = sorted(known)
    if suggestion := suggestion_for(name, names, prefix):
        return suggestion
    return f"; known are {', '.join(names)}" if names and len(names) <= _MAX_NAMES else ""


def _without_place(error: ConfigurationError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message


def _join(place: str, where: str, causes: list[str]) -> str:
    """Return one sentence for one value. Causes that begin with "must be" are joined by "or"."""
    begin = "must be "
    unique = [
        cause if number == 0 else cause.removeprefix(": ") for number, cause in enumerate(dict.fromkeys(causes))
    ]
    if len(unique) > 1 and all(cause.startswith(begin) for cause in unique):
        unique = [begin + " or ".join(cause.removeprefix(begin) for cause in unique)]
    text = "; and ".join(unique)
    return f"{place}: {where}{text if text.startswith(':') or not where else f' {text}'}".replace(": : ", ": ")


def _resolve(item: Any, sources: Sequence[ValueSource]) -> Key:
    """Return the key of an error as the user wrote it, without the parts that pydantic inserts for a union."""
    key: Key = ()
    before: str | int = ""
    location = item["loc"][:-1] if _UNION_MEMBER.fullmatch(str(item["loc"][-1:])) else item["loc"]
    for index, part in enumerate(location, 1):
        is_tag = part in _TAGS and (isinstance(before, int) or before == "content")
        before = part
        if part == "[key]" or is_tag:
            continue
        is_last = index == len(location) and isinstance(part, str)
        if any(source.depth((*key, part)) > len(key) for source in sources) or (
            is_last and _is_mapping(key, sources)
        ):
            key = (*key, part)
    return key


def _is_mapping(key: Key, sources: Sequence[ValueSource]) -> bool:
    """Return whether a source has a mapping at this key, so that a name in it may be missing.

    The URL of a sink counts as a mapping.
    """
    values = [source.value(key) for source in sources]
    is_url = len(key) == 2 and key[0] == "sinks" and any(isinstance(value, str) for value in values)
    return not key or is_url or any(isinstance(value, Mapping) for value in values)


def _describe_missing_option(item: Any, key: Key) -> str:
    """Return what a parser that is written as a name lacks; "" for any other problem."""
    tag, option = ("", "", *item["loc"])[-2:]
    if item["type"] != "missing" or tag not in PARSERS or key[-1:] == (option,):
        return ""
    return f"needs `{option}`; write {{type: {tag}, {option}: …}} in a configuration"


def _describe_misspelled_name(key: Key, sources: Sequence[ValueSource]) -> str:
    """Return that the name of a sink or pipeline is unknown; "" if no source of lower precedence has a similar name.

    A variable with a misspelled name would otherwise be an incomplete sink or pipeline.
    """
    kind, name = (*key, "", "")[:2]
    if kind not in ("sinks", "pipelines"):
        return ""
    last = max((index for index, source in enumerate(sources) if source.depth(key[:2]) == 2), default=len(sources))
    lower = [source.value((kind,)) for source in sources[last + 1 :]]
    suggestion = suggestion_for(
        str(name), {str(each) for names in lower if isinstance(names, Mapping) for each in names}
    )
    return f': there is no {str(kind).removesuffix("s")} "{name}"{suggestion}' if suggestion else ""


def describe_cause(item: Any, known_names: Iterable[str] = ()) -> str:
    """Return the cause of one error of pydantic, in words of the sidecar."""
    kind, context = item["type"], item.get("ctx", {})
    if kind == _OWN_KIND:
        return str(context["cause"])
    if kind == "extra_forbidden":
        name = str(item["loc"][-1])
        if name in TRANSFORMS and "transforms" in item["loc"]:
            return "is a second transform in one item of the list; write it as a separate item"
        return f"is not a setting{suggest(name, known_names)}"
    if kind == "union_tag_invalid":
        known = [tag.strip(" '") for tag in str(context["expected_tags"]).split(",")]
        return f': "{context["tag"]}" is not known{suggest(str(context["tag"]), known)}'
    if kind == "union_tag_not_found":
        return "needs a `type`" if isinstance(item["input"], Mapping) else _MESSAGES["model_attributes_type"]
    if kind == "value_error":
        return f": {context['error']}"
    if special := _describe_by_value(item):
        return special
    return _MESSAGES.get(kind, "has an invalid value").format(**context)


def _describe_by_value(item: Any) -> str:
    """Return the cause if it depends on the invalid value or on its place; "" for any other error."""
    kind, is_name, value = item["type"], item["loc"][-1:] == ("[key]",), item["input"]
    if kind == "less_than_equal" and item["ctx"]["le"] == MAX_DURATION_S:
        return f"must be at most {format_duration(MAX_DURATION_S)}"
    if kind == "string_pattern_mismatch" and is_name:
        return _NAME_RULE
    if kind == "string_type" and is_name:
        return "is not text; put the name into quotes"
    if kind == "string_type" and isinstance(value, int | float) and item["loc"][-1:] != ("str",):
        return "must be text; put it into quotes"
    if kind in ("dict_type", "model_type") and isinstance(value, str) and re.search("[:=]", value):
        return "must be a mapping of names to values, written as `name: value` with a space after the colon"
    return ""


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _known_names(item: Any, key: Key, sources: Sequence[ValueSource], model: type[BaseModel]) -> set[str]:
    """Return the names that are valid in place of an unknown name; an empty set for any other error."""
    if item["type"] != "extra_forbidden":
        return set()
    if key[:1] == ("sinks",):
        return _names_of_sink(key[:2], sources) or set(model.model_fields)
    models = [model]
    for part in item["loc"][:-1]:
        models = _select(models, part) or [child for parent in models for child in _children(parent, part)] or models
    return {name for candidate in models for name in candidate.model_fields}


def _names_of_sink(key: Key, sources: Sequence[ValueSource]) -> set[str]:
    """Return the names of the settings of this sink, including those of its type."""
    kinds = [source.value((*key, "type")) for source in sources]
    urls = [source.value((*key, "url")) or source.value(key) for source in sources]
    with suppress(ConfigurationError):
        for kind in filter(None, kinds):
            return set(registry.settings_class(str(kind)).model_fields)
        for url in urls:
            if isinstance(url, str):
                return set(registry.settings_class_for_url(url).model_fields)
    return set()


def _select(models: list[type[BaseModel]], tag: str | int) -> list[type[BaseModel]]:
    """Return the models that have this tag as their `type` or, if there are several models, as first setting."""
    selected = []
    for model in models:
        first, field = next(iter(model.model_fields.items()), ("", None))
        kinds = get_args(field.annotation) if field and first == "type" else ()
        if tag in kinds or (len(models) > 1 and tag in (first, field.alias if field else "")):
            selected.append(model)
    return selected


def _children(model: type[BaseModel], part: int | str) -> list[type[BaseModel]]:
    if isinstance(part, int) or part not in model.model_fields:
        return []
    return list(models_in(model.model_fields[part].annotation))


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in the type of a field."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)
