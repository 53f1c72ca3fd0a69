"""The transforms: built-in ones by name, and functions of plug-ins, none of which is imported before its use."""

from __future__ import annotations

from typing import cast

from sidecar.lib.plugins import PluginGroup
from sidecar.transform.plugin import Function

PLUGINS = PluginGroup("log_sidecar.transforms", "transform")
"""Plug-ins: name → function."""


def resolve(name: str) -> Function:
    """Return the function with this name. Raise `LookupError` for an unknown name, `ConfigurationError` if the import
    fails."""
    return cast(Function, PLUGINS.load(name))


KINDS = {
    "rename": "fields under other names",
    "copy": "fields under other names as well",
    "drop_fields": "without these fields",
    "keep_fields": "nothing but these fields",
    "lowercase": "texts in lower case",
    "convert": "values of another type",
    "fingerprint": "a hash over fields",
    "drop_when": "without records for which an expression holds",
    "keep_when": "only records for which an expression holds",
    "sample": "a part of the records",
    "user_agent": "name, version, system and device of a client",
    "redact": "without secrets and personal data",
    "add": "constant fields",
    "host": "facts of the machine",
    "kubernetes": "where the Pod is, its labels and annotations",
}
"""What transforms there are, and what each does."""
