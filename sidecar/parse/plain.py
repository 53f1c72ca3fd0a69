"""Any text: the whole line is the message."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sidecar.lib import native
from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch

_ENCODER = msgspec.json.Encoder()
_NAMES = frozenset({"message"})


def json_strings(texts: Sequence[str]) -> list[str]:
    """Each text as a JSON string, escaped in C for all of them at once."""
    found = native.lines(_ENCODER.encode_lines(list(texts)), 0)
    return found[0] if found else []


def message_bodies(texts: Sequence[str]) -> list[str]:
    """Each text as the members of an object that has only a message."""
    return [f'"message":{text}' for text in json_strings(texts)]


class PlainTextParser:
    """The whole line is `message`."""

    def parse(self, lines: LineBatch) -> RecordBatch:
        """One record for each line; a line of text has no time of its own."""
        return RecordBatch(lines, lines.starts, message_bodies(lines.texts), [""] * lines.count, _NAMES)
