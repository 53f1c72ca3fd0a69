"""Rejects texts that a shell would expand and the sidecar does not.

These are `$NAME/…`, `$(NAME)`, and `${NAME}` outside of the configuration file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from glob import escape
from typing import Annotated, Any

from sidecar.config.messages import Key, validation_error
from sidecar.lib.declarations import AfterValidator, Field
from sidecar.lib.home_directory import expand_home

_VARIABLE = re.compile(r"\$\{(\w+)[^}]*\}|^\$(?!HOME/)(\w+)(?=/)|\$\((\w+)\)", re.ASCII)
_NOT_IN_A_PATTERN = (
    (re.compile("://"), "is a URL; write the path of the files"),
    (re.compile("\0"), "contains a character with the code 0; remove it"),
    (re.compile(r"\{\{.*\}\}"), "contains {{ }}, which is not expanded; write ${NAME} in the configuration file"),
)


def find_shell_syntax(text: str) -> str:
    """Return the problem if a shell would expand the text, else "". The problem does not quote the text."""
    found = _VARIABLE.search(text)
    if found is None:
        return ""
    if name := found[2] or found[3]:
        return f"contains {found[0]}, which is not expanded; write ${{{name}}} in the configuration file"
    return f"contains ${{{found[1]}}}, which is expanded only in the configuration file; write the value"


def find_in_sink(value: Any, key: Key = ()) -> Iterator[tuple[Key, str]]:
    """Yield the key and the problem of each text in a sink that a shell would expand."""
    if isinstance(value, Mapping):
        for name, child in value.items():
            yield from find_in_sink(child, (*key, str(name)))
    elif isinstance(value, list | tuple):
        for index, child in enumerate(value):
            yield from find_in_sink(child, (*key, index))
    elif isinstance(value, str) and (not _may_contain_anything(key, value)) and (cause := find_shell_syntax(value)):
        yield key, cause


def _may_contain_anything(key: Key, value: str) -> bool:
    """Return whether the value is a secret, which may contain `$`.

    A secret that consists only of a reference to a variable is a mistake.
    """
    return key[-1:] in (("password",), ("api_key",)) and not _VARIABLE.fullmatch(value)


def _check_text(text: str) -> str:
    if cause := find_shell_syntax(text):
        raise validation_error([((), cause)])
    return text


def _expand_home(pattern: str) -> str:
    """Return the pattern with `~` or `$HOME` replaced. Wildcard characters in the home directory are escaped."""
    expanded = expand_home(pattern)
    home = expanded.removesuffix(pattern.partition("/")[2])
    return pattern if expanded == pattern else escape(home) + expanded.removeprefix(home)


def _check_pattern(text: str) -> str:
    # A constraint of pydantic would refuse file names that are not UTF-8.
    if not text:
        raise validation_error([((), "is empty; write a text, or remove it")])
    for pattern, cause in _NOT_IN_A_PATTERN:
        if pattern.search(text):
            raise validation_error([((), cause)])
    return _check_text(text)


GlobPattern = Annotated[
    str, Field(json_schema_extra={"minLength": 1}), AfterValidator(_expand_home), AfterValidator(_check_pattern)
]
"""A pattern of file names."""
