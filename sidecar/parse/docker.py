"""Parses container log files of Docker's `json-file` driver: objects with `log`, `stream` and `time`.

If the value of `log` has no newline at its end, the message continues in the next line. The multiline preset `docker`
joins these parts. The labels that Docker can add are kept in the field `attrs`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.container_messages import ContainerMessage, ContainerMessages, MessageParser
from sidecar.parse.json import strip_object_braces
from sidecar.parse.time.timestamps import Timestamps

_ERROR = "the line is not in the format of Docker's json-file"


class _DockerLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    log: str
    stream: str
    time: str
    attrs: dict[str, str] | None = None


_DECODER = msgspec.json.Decoder(_DockerLine)


class DockerParser:
    """Parses one record from each event, which consists of all parts of a line that the container wrote."""

    def __init__(self, content: MessageParser) -> None:
        self._content = content
        self._timestamps = Timestamps()

    def parse(self, lines: LineBatch) -> RecordBatch:
        """Return one record for each event."""
        return self._parse_chunk(lines) or self._parse_lines(lines)

    def _parse_chunk(self, lines: LineBatch) -> RecordBatch | None:
        """Parse all lines in one pass. Return None if one is not a whole message or has `attrs`."""
        entries = self._decode_chunk(lines) if lines.is_uniform and strip_object_braces(lines) is not None else None
        if entries is None:
            return None
        texts, streams = [entry.log[:-1] for entry in entries], [entry.stream for entry in entries]
        times = self._timestamps.convert_all([entry.time for entry in entries])
        return self._content.parse_all(lines, ContainerMessages(texts, streams, times))

    def _parse_lines(self, lines: LineBatch) -> RecordBatch:
        return self._content.parse_some(lines, [self._read_message(event) for event in lines.texts], _ERROR)

    @staticmethod
    def _decode_chunk(lines: LineBatch) -> Sequence[_DockerLine] | None:
        try:
            entries = _DECODER.decode_lines(lines.chunk.data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        ends = {entry.log[-2:] for entry in entries}
        has_ends = all(end.endswith("\n") and end != "\r\n" for end in ends)
        is_plain = len(entries) == lines.count and has_ends and {entry.attrs is None for entry in entries} == {True}
        return entries if is_plain else None

    def _read_message(self, event: str) -> ContainerMessage | None:
        try:
            entries = [_DECODER.decode(line) for line in event.split("\n")]
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return None
        first, text = entries[0], "".join(entry.log for entry in entries)
        message = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
        extra_members = f'"attrs":{msgspec.json.encode(first.attrs).decode()}' if first.attrs else ""
        return ContainerMessage(
            message,
            first.stream,
            self._timestamps.read(first.time),
            is_whole=text.endswith("\n"),
            extra_members=extra_members,
        )
