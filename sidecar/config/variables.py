"""Replaces variables of the environment in the texts of the configuration file.

`${NAME}`, `${NAME:-default}` and `${NAME:?message}` are replaced, and `$$` is one `$`. A value of a variable is data:
it is never read as YAML, and never searched for variables. Any other `$` stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_DOLLAR = re.compile(r"\$(?:\$|\{([^}]*)(\}?))")
_REFERENCE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:[-?])(.*))?", re.DOTALL)


def replace_variables(text: str, environ: Mapping[str, str]) -> str:
    """Return the text with the values of its variables.

    Raise `ValueError` if a variable is not set, or is not written correctly. The error does not quote the text.
    """
    return _DOLLAR.sub(lambda match: _value_of(match, environ), text)


def escape_variables(text: str) -> str:
    """Return the text written so that `replace_variables` returns it unchanged."""
    return re.sub(r"\$(?=[${])", "$$", text)


def find_variables(text: str) -> list[str]:
    """Return the names of the variables in a text, in their order."""
    references = (_REFERENCE.fullmatch(match[1] or "") for match in _DOLLAR.finditer(text))
    return list(dict.fromkeys(reference[1] for reference in references if reference))


def _value_of(match: re.Match[str], environ: Mapping[str, str]) -> str:
    if match[0] == "$$":
        return "$"
    reference = _REFERENCE.fullmatch(match[1])
    if reference is None or not match[2]:
        raise ValueError("has ${ without the name of a variable and }; write ${NAME}, or $${ for the text itself")
    name, operator, rest = reference.groups()
    value = environ.get(name)
    if operator is None and value is None:
        raise ValueError(f"the variable {name} is not set; set it, or write a default, as in ${{{name}:-default}}")
    if value or operator is None:
        return value or ""
    if operator == ":?":
        raise ValueError(f"the variable {name} is empty or not set: {rest or 'it is required'}")
    return str(rest)
