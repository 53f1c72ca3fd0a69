"""Names a detected format in the status and in the log. The detection itself is not imported for this."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from sidecar.parse.settings import BUILT_IN

_MAX_NAMES = 64
"""Maximum number of names that are kept in memory."""

_Options = str | Mapping[str, object]


class _Format(msgspec.Struct):
    parser: _Options | list[_Options]
    multiline: _Options | None = None


@lru_cache(maxsize=_MAX_NAMES)
def name_format(text: str) -> str:
    """Return the names of the parsers of a format, and of its preset for events of several lines.

    The name is `plain` if only a newer version knows the format, because its files are read as plain text.
    """
    try:
        detected = msgspec.json.decode(text, type=_Format)
    except msgspec.MsgspecError:
        return "plain"
    parsers = detected.parser if isinstance(detected.parser, list) else [detected.parser]
    names = [_name(parser, "type") for parser in parsers]
    if not set(names) <= set(BUILT_IN):
        return "plain"
    joined = _name(detected.multiline, "preset") if detected.multiline else None
    return ", ".join(names) if joined is None else f"{', '.join(names)} (multiline: {joined or 'by pattern'})"


def _name(options: _Options, key: str) -> str:
    return options if isinstance(options, str) else str(options.get(key, ""))
