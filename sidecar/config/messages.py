"""Validation errors as sentences: where, what, and "did you mean"; never a value that could be a secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from sidecar.lib.suggestions import suggestion_for
from sidecar.parse.settings import BUILT_IN as PARSERS
from sidecar.transform.registry import KINDS as TRANSFORMS

_MESSAGES = {
    "missing": "is missing",
    "string_type": "has to be text",
    "int_parsing": "has to be a whole number",
    "int_type": "has to be a whole number",
    "float_parsing": "has to be a number",
    "float_type": "has to be a number",
    "bool_parsing": "has to be true or false",
    "bool_type": "has to be true or false",
    "dict_type": "has to be a mapping of names to values",
    "model_type": "has to be a mapping of names to values",
    "tuple_type": "has to be a list",
    "list_type": "has to be a list",
    "too_short": "needs at least one entry",
    "greater_than": "has to be greater than {gt}",
    "greater_than_equal": "has to be at least {ge}",
    "literal_error": "has to be {expected}",
    "string_pattern_mismatch": "has to begin with a letter or digit and hold no blanks",
}

_TAGS = frozenset((*TRANSFORMS, "own", *PARSERS))
"""Behind the number of an entry in a list, these only say which kind of thing it is."""


def describe_errors(error: ValidationError, origin: str, model: type[BaseModel]) -> list[str]:
    """A sentence for each thing that is wrong."""
    return [f"{origin}: {_where(item['loc'])}{_what(item, model)}" for item in error.errors(include_url=False)]


def suggest(name: str, known: Iterable[str]) -> str:
    """`; did you mean "…"?` for a name that is nearly one of those known, else their list or nothing."""
    names = sorted(known)
    if meant := suggestion_for(name, names):
        return meant
    return f"; known are {', '.join(names)}" if names and len(names) <= 12 else ""


def _where(location: tuple[int | str, ...]) -> str:
    behind = zip(("", *location), location, strict=False)
    shown = [
        str(part) for before, part in behind if part != "[key]" and not (isinstance(before, int) and part in _TAGS)
    ]
    return f"{'.'.join(shown)} " if shown else ""


def _what(item: Any, model: type[BaseModel]) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        name = str(item["loc"][-1])
        return f"is not a setting{suggest(name, _siblings(model, item['loc'][:-1]))}"
    if kind == "union_tag_invalid":
        known = [tag.strip(" '") for tag in str(context["expected_tags"]).split(",")]
        return f'"{context["tag"]}" is not known{suggest(str(context["tag"]), known)}'
    if kind == "union_tag_not_found":
        return "needs a `type`"
    if kind == "value_error":
        return f"is wrong: {context['error']}"
    return str(_MESSAGES.get(kind, item["msg"].lower()).format(**context))


def _siblings(model: type[BaseModel], location: tuple[int | str, ...]) -> set[str]:
    """The names that would have been right beside an unknown one."""
    here = [model]
    for part in location:
        here = [inner for one in here for inner in _after_name(one, part)] or here
    return {name for one in here for name in one.model_fields}


def _after_name(model: type[BaseModel], part: int | str) -> list[type[BaseModel]]:
    if isinstance(part, int) or part not in model.model_fields:
        return []
    return list(_models(model.model_fields[part].annotation))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
