"""The named patterns of grok, one module for each family of programs.

Names and fields are those of Logstash's sets `ecs-v1` and `legacy`. The expressions are written independently for the
`regex` library.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module

_MODULES = ("basic", "syslog", "web", "languages", "databases", "firewalls", "monitoring", "mail", "zeek")
"""Modules with patterns, which are imported when a parser needs them."""


@cache
def named_patterns(*, legacy: bool = False) -> Mapping[str, str]:
    """Return all patterns by name.

    Their fields are those of the Elastic Common Schema, or with `legacy` those of Logstash's older patterns.
    """
    modules = [import_module(f"{__name__}.{name}") for name in _MODULES]
    families = [
        family for module in modules for family in getattr(module, module.__name__.rpartition(".")[2].upper())
    ]
    return {name: pattern for family in families for name, pattern in family.name_fields(legacy=legacy).items()}
