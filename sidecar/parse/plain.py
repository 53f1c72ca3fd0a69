"""Accepts any text: the whole line is the message."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sidecar.lib import native
from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch

_ENCODER = msgspec.json.Encoder()
_NAMES = frozenset({"message"})


def json_strings(texts: Sequence[str]) -> list[str]:
    """Return each text as a JSON string. One call into C escapes all texts."""
    encoded_lines = native.split_lines(_ENCODER.encode_lines(list(texts)), 0)
    return encoded_lines[0] if encoded_lines else []


def message_bodies(texts: Sequence[str]) -> list[str]:
    """Return for each text the JSON body of a record that has only the field `message`."""
    return [f'"message":{text}' for text in json_strings(texts)]


class PlainTextParser:
    """Puts the whole line into `message`."""

    def parse(self, lines: LineBatch) -> RecordBatch:
        """Return one record for each line, without a timestamp."""
        return RecordBatch(lines, lines.starts, message_bodies(lines.texts), [""] * lines.count, _NAMES)
