"""Lists the built-in transforms, and imports the functions of plug-ins when they are used."""

from __future__ import annotations

from typing import cast

from sidecar.lib.plugins import PluginGroup
from sidecar.transform.plugin import Function

PLUGINS = PluginGroup("log_sidecar.transforms", "transform")
"""The installed plug-ins: entry points whose values are functions."""


def resolve(name: str) -> Function:
    """Return the function with this name.

    Raise `LookupError` for an unknown name, `ConfigurationError` if the import fails.
    """
    return cast(Function, PLUGINS.load(name))


KINDS = {
    "rename": "rename fields",
    "copy": "copy fields",
    "drop_fields": "drop fields",
    "keep_fields": "keep only the listed fields",
    "lowercase": "convert texts to lower case",
    "convert": "convert values to another type",
    "fingerprint": "add a hash of several fields",
    "drop_when": "drop records that match an expression",
    "keep_when": "drop records that do not match an expression",
    "sample": "keep a sample of the records",
    "user_agent": "add name, version, system and device of a client",
    "redact": "redact secrets and personal data",
    "add": "add constant fields",
    "host": "add fields of the host",
    "kubernetes": "add fields of the Pod, its labels and annotations",
}
"""Name of each built-in transform → its effect."""
