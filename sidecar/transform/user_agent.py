"""Parses the user agent of a browser, tool or crawler into fields of the Elastic Common Schema.

This module is imported only if it is configured. The `ua-parser` library recognizes the programs with compiled
patterns: its time grows linearly with the text, and no text blocks other threads for long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import ClassVar

import msgspec
from ua_parser import Parser
from ua_parser.loaders import load_lazy_builtins
from ua_parser.regex import Resolver

from sidecar.lib.jsontext.edit import can_insert, edit, insert_all, read
from sidecar.lib.jsontext.nested import json_string
from sidecar.transform.fields import FieldChange

_FIELD = "user_agent.original"
_KEY_TEXT = '"user_agent"'
_ONLY_MEMBER = '"user_agent":{"original":"'
_MAX_CACHED = 1024
_MAX_CACHED_CHARACTERS = 512
_MAX_PARSED_CHARACTERS = 1024
"""Maximum number of characters that are parsed. The client chooses the length of the text."""

_STRING = msgspec.json.Decoder(str)


class ParseUserAgent(FieldChange):
    """Adds `user_agent.name`, `.version`, `.os.name`, `.os.version` and `.device.name`.

    The source is `user_agent.original`. Existing fields are kept. Results are cached.
    """

    name: ClassVar[str] = "user_agent"
    reads: Sequence[str] = (_FIELD,)
    writes: Sequence[str] = ("user_agent",)

    def __init__(self) -> None:
        self._extend_cached = lru_cache(_MAX_CACHED)(_extend)
        _parser()  # built now, because the first line must not wait for it

    def apply(self, body: str, report_failure: object) -> str:
        """Return the body with the fields added."""
        at = _find_last_member(body)
        if at >= 0:
            return body[:at] + self._extend_object(_KEY_TEXT, "", body[at + len(_KEY_TEXT) + 1 :])
        if '"user_agent.' in body or "\\u" in body:
            return _add(body, _FIELD, "user_agent.")
        extended = edit(body, "user_agent", self._extend_object)
        return extended if extended != body else _add(body, _FIELD, "user_agent.")

    def _extend_object(self, key: str, below: str, value: str) -> str:
        if below or value[0] != "{":
            return f"{key}:{value}"
        extend = self._extend_cached if len(value) <= _MAX_CACHED_CHARACTERS else _extend
        return f"{key}:{extend(value)}"


def _find_last_member(body: str) -> int:
    """Return the offset of the member `user_agent` if it is the last one, unique, and contains only `original`.

    Return -1 otherwise. The member is at the root of the body, because only one brace is closed after it.
    """
    at = body.rfind(_ONLY_MEMBER)
    if at < 0 or not body.endswith('"}') or body.count('"user_agent') > 1 or "\\" in body:
        return -1
    return at if body.find('"', at + len(_ONLY_MEMBER)) == len(body) - 2 else -1


def _extend(value: str) -> str:
    return f"{{{_add(value[1:-1], 'original', '')}}}"


def _add(body: str, field: str, prefix: str) -> str:
    values = read(body, field)
    if len(values) != 1 or values[0][0] != '"':
        return body
    fields = recognize(_STRING.decode(values[0])).items()
    new = [(f"{prefix}{path}", json_string(text)) for path, text in fields if can_insert(body, f"{prefix}{path}")]
    return insert_all(body, new) if new else body


@cache
def _parser() -> Parser:
    """Return the parser, which all pipelines share, because its patterns use 33 MiB."""
    return Parser(Resolver(load_lazy_builtins()))


def recognize(text: str) -> Mapping[str, str]:
    """Return the fields for this User-Agent, with paths below `user_agent`."""
    result = _parser().parse(text[:_MAX_PARSED_CHARACTERS])
    fields: dict[str, str | None] = {}
    if program := result.user_agent:
        fields["name"] = program.family
        fields["version"] = _join(program.major, program.minor, program.patch, program.patch_minor)
    if system := result.os:
        fields["os.name"] = system.family
        fields["os.version"] = _join(system.major, system.minor, system.patch, system.patch_minor)
    if device := result.device:
        fields["device.name"] = device.family
    return {path: value for path, value in fields.items() if value}


def _join(*parts: str | None) -> str:
    return ".".join(filter(None, parts))
