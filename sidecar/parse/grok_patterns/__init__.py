"""The named patterns of grok, one module for each family of programs.

Names and fields are those of Logstash's sets `ecs-v1` and `legacy`. The expressions are written independently for the
`regex` library.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from sidecar.parse.grok_patterns.naming import PatternFamily
from sidecar.parse.line_layout import LineLayout

_MODULES = ("basic", "syslog", "web", "languages", "databases", "firewalls", "monitoring", "mail", "zeek")
"""Modules with patterns, which are imported when a parser needs them."""


@cache
def named_patterns(*, legacy: bool = False) -> Mapping[str, str]:
    """Return all patterns by name.

    Their fields are those of the Elastic Common Schema, or with `legacy` those of Logstash's older patterns.
    """
    return {name: pattern for family in _families() for name, pattern in family.name_fields(legacy=legacy).items()}


@cache
def line_layouts(*, legacy: bool = False) -> Mapping[str, LineLayout]:
    """Return the usual layout of the lines of some patterns, by name of the pattern."""
    return {name: layout for family in _families() for name, layout in family.name_layouts(legacy=legacy).items()}


def _families() -> list[PatternFamily]:
    modules = [import_module(f"{__name__}.{name}") for name in _MODULES]
    return [family for module in modules for family in getattr(module, module.__name__.rpartition(".")[2].upper())]
