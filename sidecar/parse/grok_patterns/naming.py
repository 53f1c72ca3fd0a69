"""Gives the fields of a pattern their names in each set: those of the Elastic Common Schema, or the legacy ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from sidecar.parse.line_layout import LineLayout

_FIELD = re.compile(r"%\{(?P<pattern>\w+):(?P<field>\w+)\}|\(\?<(?P<group>\w+)>")

_GROUP = re.compile(r"\(\?<(\w+)>")

FieldNames = Mapping[str, tuple[str | None, str | None]]
"""Key of a field in the templates → a pair: its path and type in the set `ecs-v1`, and those in the legacy set. None:
the set does not have this field."""


class PatternFamily(NamedTuple):
    """The patterns of similar programs."""

    templates: Mapping[str, str]
    """Name of a pattern → its text, with `%{NAME:key}` or `(?<key>…)` for each field. A key that is not in `fields`
    is the path of the field."""

    fields: FieldNames
    legacy_templates: Mapping[str, str] = {}
    """Templates that differ from `templates` in the legacy set."""

    layouts: Mapping[str, str] = {}
    """Name of a pattern → the usual layout of its lines, with `(?<key>…)` for each field (see `LineLayout`)."""

    checks: Mapping[str, str] = {}
    """Key of a field in `layouts` → regex that its text must match."""

    def name_fields(self, *, legacy: bool) -> dict[str, str]:
        """Return the patterns of one set, by name."""
        templates = {**self.templates, **self.legacy_templates} if legacy else self.templates
        return {
            name: _FIELD.sub(lambda match: self._name_field(match, legacy), text) for name, text in templates.items()
        }

    def name_layouts(self, *, legacy: bool) -> dict[str, LineLayout]:
        """Return the layouts with the fields of one set, by name of the pattern."""
        return {name: self._name_layout(text, legacy) for name, text in self.layouts.items()}

    def _name_layout(self, text: str, legacy: bool) -> LineLayout:
        paths = {key: self.fields.get(key, (key, key))[legacy] for key in _GROUP.findall(text)}
        named = [path.partition(":")[0] for path in paths.values() if path]
        checks = {path: self.checks[key] for key, path in paths.items() if path and key in self.checks}
        return LineLayout(_GROUP.sub(lambda match: "(" if paths[match[1]] else "(?:", text), named, checks)

    def _name_field(self, match: re.Match[str], legacy: bool) -> str:
        key = match["field"] or match["group"]
        path = self.fields.get(key, (key, key))[legacy]
        if match["pattern"]:
            return f"%{{{match['pattern']}:{path}}}" if path else f"%{{{match['pattern']}}}"
        return f"(?<{path}>" if path else "(?:"
