"""Parsers of plug-ins: functions that return the fields of a line or multiline event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from sidecar.lib.crash import describe_crash
from sidecar.lib.plugins import PluginGroup
from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.json import JsonParser
from sidecar.parse.plain import message_bodies

_MAX_REASON_CHARACTERS = 300

ParseLine = Callable[[str], Mapping[str, Any]]
"""Returns the fields of a line. Raises `ValueError`, with the reason, for a line in another format."""

ParserFactory = Callable[..., ParseLine]
"""The function that an entry point of the group `log_sidecar.parsers` refers to. It gets the options as keyword
arguments."""

PLUGINS = PluginGroup("log_sidecar.parsers", "parser")
"""Plug-ins: name → `ParserFactory`."""


def resolve(name: str) -> ParserFactory:
    """Return the factory with this name. Raise `LookupError` for an unknown name, `ConfigurationError` if the import
    fails."""
    return cast(ParserFactory, PLUGINS.load(name))


class PluginParser:
    """Calls the function of a plug-in for each line, and parses the fields like a JSON object of the application."""

    def __init__(self, name: str, parse_line: ParseLine, json_parser: JsonParser) -> None:
        self._name, self._parse_line, self._json_parser = name, parse_line, json_parser

    def parse(self, lines: LineBatch) -> RecordBatch:
        """Return one record for each line. If the function raises an error, the line is the message of the record."""
        texts, errors = [], dict[int, str]()
        for index, line in enumerate(lines.texts):
            try:
                texts.append(_encode_fields(self._parse_line(line)))
            except Exception as error:  # the code of a plug-in may raise anything
                errors[index] = self._reason(error)
                texts.append("{}")
        encoded = replace(lines, texts=texts, text="", is_uniform=False)
        records = self._json_parser.parse(encoded)
        errors = {**records.errors, **errors}
        bodies = list(records.bodies)
        for index in errors:
            (bodies[index],) = message_bodies([lines.texts[index]])
        return replace(records, lines=lines, bodies=bodies, errors=errors)

    def _reason(self, error: Exception) -> str:
        # By contract a `ValueError` explains why the line cannot be parsed; other errors are bugs of the plug-in.
        if type(error) is ValueError and str(error):
            return str(error)[:_MAX_REASON_CHARACTERS]
        return f"{self._name} failed: {describe_crash(error)}"


def _encode_fields(fields: object) -> str:
    if not isinstance(fields, Mapping):
        raise TypeError("no mapping")
    return msgspec.json.encode(dict(fields)).decode()
