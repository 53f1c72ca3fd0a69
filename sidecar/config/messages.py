"""Validation errors as sentences: the source, the place, the cause, and "did you mean".

No value that could be a secret is part of a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from sidecar.errors import ConfigurationError
from sidecar.lib.suggestions import suggestion_for
from sidecar.parse.settings import BUILT_IN as PARSERS
from sidecar.sinks import registry
from sidecar.transform.registry import KINDS as TRANSFORMS

_MESSAGES = {
    "missing": "is missing; add it",
    "string_type": "has to be text",
    "string_too_short": "is too short",
    "string_pattern_mismatch": "has a form that is not allowed here",
    "int_parsing": "has to be a whole number",
    "int_parsing_size": "is too large a number",
    "int_type": "has to be a whole number",
    "int_from_float": "has to be a whole number",
    "float_parsing": "has to be a number",
    "float_type": "has to be a number",
    "finite_number": "has to be a finite number",
    "bool_parsing": "has to be true or false",
    "bool_type": "has to be true or false",
    "dict_type": "has to be a mapping of names to values",
    "model_type": "has to be a mapping of names to values",
    "model_attributes_type": "has to be a name, or a mapping of names to values",
    "tuple_type": "has to be a list",
    "list_type": "has to be a list",
    "path_type": "has to be the path of a file or directory",
    "too_short": "needs at least one entry",
    "greater_than": "has to be greater than {gt}",
    "greater_than_equal": "has to be at least {ge}",
    "less_than": "has to be less than {lt}",
    "less_than_equal": "has to be at most {le}",
    "literal_error": "has to be {expected}",
    "datetime_type": "has to be a time such as 2026-11-24T12:00:00Z",
    "datetime_parsing": "has to be a time such as 2026-11-24T12:00:00Z",
    "datetime_from_date_parsing": "has to be a time such as 2026-11-24T12:00:00Z",
    "timezone_aware": "needs a zone, as in 2026-11-24T12:00:00Z",
}
"""What to say for an error of the library, whose own words are never shown."""

_NAME_RULE = "is not a name; begin with a letter or digit and use no blanks"
_TAGS = frozenset((*TRANSFORMS, "own", *PARSERS))
"""After the index of a list entry, or after `content`, these only say which kind of thing it is."""

_OWN_KIND = "sidecar"
_MAX_NAMES = 24
"""A longer list of known names is not shown."""

Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from."""

    place: str
    """What a message begins with: file and line, `environment`, or an option."""

    name: str | None = None
    """The name of the value in its source, None if that is the dotted path; empty if the place says it all."""


class ValueSource(Protocol):
    """A source of settings that knows where its values come from."""

    def depth(self, key: Key) -> int:
        """Return how many parts of the key lead to something in this source."""
        ...

    def value(self, key: Key) -> Any:
        """Return the value to which the key leads, None if this source has none."""
        ...

    def origin(self, key: Key) -> Origin:
        """Return where the source has the value of this key."""
        ...

    def secret_text(self, key: Key) -> str:
        """Return the secrets at, above and below this key, of which no word may be shown."""
        ...


def describe_errors(error: ValidationError, sources: Sequence[ValueSource], model: type[BaseModel]) -> list[str]:
    """Return a sentence for each thing that is wrong. The sources are in order of precedence."""
    sentences: dict[tuple[str, str], list[str]] = {}
    items = [(item, _resolve(item, sources)) for item in error.errors(include_url=False)]
    for item, key in items:
        # A list whose entries are all wrong counts as empty, too.
        if item["type"] == "too_short" and any(
            len(other) > len(key) and other[: len(key)] == key for _, other in items
        ):
            continue
        origin = _find_source(key, sources).origin(key)
        cause = _describe(item, _known_names(item, key, sources, model))
        if any(_words(source.secret_text(key)) & _words(cause) for source in sources):
            cause = "has a value that is not valid here; the value is a secret and is not shown"
        where = ".".join(map(str, key)) if origin.name is None else origin.name
        sentences.setdefault((origin.place, where), []).append(cause)
    return [_join(place, where, causes) for (place, where), causes in sentences.items()]


def _find_source(key: Key, sources: Sequence[ValueSource]) -> ValueSource:
    """Return the source whose value counts; for a value that is missing, the lowest one that could have it."""
    depths = [source.depth(key) for source in sources]
    deepest = max(depths)
    if deepest == len(key) and key:
        return sources[depths.index(deepest)]
    return [source for source, depth in zip(sources, depths, strict=True) if depth == deepest][-1]


def validation_error(problems: Iterable[tuple[Key, str]]) -> ValidationError:
    """Return an error for validators to raise, with a sentence for each key."""
    return ValidationError.from_exception_data(
        "settings",
        [
            InitErrorDetails(type=PydanticCustomError(_OWN_KIND, "{cause}", {"cause": cause}), loc=key, input=None)
            for key, cause in problems
        ],
    )


def as_validation_error(error: ConfigurationError) -> ValidationError:
    """Return the error with the setting that it names as its place, for validators to raise."""
    if isinstance(error.__cause__, ValidationError):
        return error.__cause__
    return validation_error(
        (tuple(filter(None, each.location.split("."))), f"{': ' * (not each.location)}{_without_place(each)}")
        for each in error.causes or (error,)
    )


def suggest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean "…"?` for a name close to a known one, else the list of a few known ones, else ""."""
    names = sorted(known)
    if suggestion := suggestion_for(name, names):
        return suggestion
    return f"; known are {', '.join(names)}" if names and len(names) <= _MAX_NAMES else ""


def _without_place(error: ConfigurationError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message


def _join(place: str, where: str, causes: list[str]) -> str:
    """Return one sentence for one value; alternatives of its type become one choice."""
    begin = "has to be "
    unique = list(dict.fromkeys(causes))
    if len(unique) > 1 and all(cause.startswith(begin) for cause in unique):
        unique = [begin + " or ".join(cause.removeprefix(begin) for cause in unique)]
    text = "; and ".join(unique)
    return f"{place}: {where}{text if text.startswith(':') or not where else f' {text}'}".replace(": : ", ": ")


def _resolve(item: Any, sources: Sequence[ValueSource]) -> Key:
    """Return the key of an error as the user wrote it, without the library's marks for alternatives and tags."""
    key: Key = ()
    before: str | int = ""
    for index, part in enumerate(item["loc"], 1):
        is_tag = part in _TAGS and (isinstance(before, int) or before == "content")
        before = part
        if part == "[key]" or is_tag:
            continue
        is_last = index == len(item["loc"]) and isinstance(part, str)
        if any(source.depth((*key, part)) > len(key) for source in sources) or (
            is_last and _is_mapping(key, sources)
        ):
            key = (*key, part)
    return key


def _is_mapping(key: Key, sources: Sequence[ValueSource]) -> bool:
    """Return whether a source has a mapping there, of which a name may be missing; the URL of a sink is one."""
    values = [source.value(key) for source in sources]
    is_url = len(key) == 2 and key[0] == "sinks" and any(isinstance(value, str) for value in values)
    return not key or is_url or any(isinstance(value, Mapping) for value in values)


def _describe(item: Any, known_names: set[str]) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind == _OWN_KIND:
        return str(context["cause"])
    if kind == "extra_forbidden":
        name = str(item["loc"][-1])
        if name in TRANSFORMS and "transforms" in item["loc"]:
            return "is a second transform in one item of the list; make it a separate item"
        return f"is not a setting{suggest(name, known_names)}"
    if kind == "union_tag_invalid":
        known = [tag.strip(" '") for tag in str(context["expected_tags"]).split(",")]
        return f': "{context["tag"]}" is not known{suggest(str(context["tag"]), known)}'
    if kind == "union_tag_not_found":
        return "needs a `type`" if isinstance(item["input"], Mapping) else _MESSAGES["model_attributes_type"]
    if kind == "value_error":
        return f"is wrong: {context['error']}"
    if kind == "string_pattern_mismatch" and item["loc"][-1:] == ("[key]",):
        return _NAME_RULE
    if kind == "string_type" and item["loc"][-1:] == ("[key]",):
        return "is not text; put the name into quotes"
    return _MESSAGES.get(kind, "is not valid here").format(**context)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _known_names(item: Any, key: Key, sources: Sequence[ValueSource], model: type[BaseModel]) -> set[str]:
    """Return the names that are known next to an unknown one; empty for any other error."""
    if item["type"] != "extra_forbidden":
        return set()
    if key[:1] == ("sinks",):
        return _names_of_sink(key[:2], sources) or set(model.model_fields)
    models = [model]
    for part in item["loc"][:-1]:
        models = _select(models, part) or [child for each in models for child in _children(each, part)] or models
    return {name for each in models for name in each.model_fields}


def _names_of_sink(key: Key, sources: Sequence[ValueSource]) -> set[str]:
    """Return the settings of the sink of this name, with those that its type adds."""
    kinds = [source.value((*key, "type")) for source in sources]
    urls = [source.value((*key, "url")) or source.value(key) for source in sources]
    with suppress(ConfigurationError):
        for kind in filter(None, kinds):
            return set(registry.resolve(str(kind)).settings.model_fields)
        for url in urls:
            if isinstance(url, str):
                return set(registry.for_url(url).settings.model_fields)
    return set()


def _select(models: list[type[BaseModel]], tag: str | int) -> list[type[BaseModel]]:
    """Return the models of alternatives that a tag selects: by their `type`, or by their first setting."""
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
    return list(_models(model.model_fields[part].annotation))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
