"""Rejects texts that a shell would expand and the sidecar does not: `${NAME}`, `$NAME/…` and `~/…`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from sidecar.config.messages import Key, validation_error

_VARIABLE = re.compile(r"\$\{(\w+)[^}]*\}|^\$(\w+)(?=/)", re.ASCII)
_HOME = re.compile(r"(?:^|:///)~/")


def find_shell_syntax(text: str) -> str:
    """Return the problem if a shell would expand the text, else "". The problem does not quote the text."""
    if found := _VARIABLE.search(text):
        name = f"${{{found[1]}}}" if found[1] else f"${found[2]}"
        return f"contains {name}, which is not expanded; write the value, or use a SIDECAR_ variable"
    return "begins with ~, which is not expanded; write the full path" if _HOME.search(text) else ""


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


def _check_path(path: Path) -> Path:
    _check_text(str(path))
    return path


GlobPattern = Annotated[str, AfterValidator(_check_text)]
"""A pattern of file names."""

LocalPath = Annotated[Path, AfterValidator(_check_path)]
"""The path of a file or directory."""
