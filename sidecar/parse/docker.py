"""Files of containers as Docker's `json-file` logging driver writes them: objects with `log`, `stream` and `time`.

A `log` that does not end with a line end goes on in the next line; the preset `docker` of `multiline` makes one event
of all its parts. `attrs`, labels that Docker was told to add, stay a field.
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


_ENTRIES = msgspec.json.Decoder(_DockerLine)


class DockerParser:
    """One record for each line that the container wrote, whatever number of parts it has."""

    def __init__(self, content: MessageParser) -> None:
        self._content = content
        self._timestamps = Timestamps()

    def parse(self, lines: LineBatch) -> RecordBatch:
        """One record for each event, at a stroke if no line of the chunk is in parts."""
        entries = self._at_once(lines) if lines.is_uniform and strip_object_braces(lines) is not None else None
        if entries is None:
            return self._content.mixed(lines, [self._message(event) for event in lines.texts], _ERROR)
        texts, times = [entry.log[:-1] for entry in entries], [entry.time for entry in entries]
        read = self._timestamps.all(times)
        return self._content.records(lines, ContainerMessages(texts, [entry.stream for entry in entries], read))

    @staticmethod
    def _at_once(lines: LineBatch) -> Sequence[_DockerLine] | None:
        try:
            entries = _ENTRIES.decode_lines(lines.chunk.data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        ends = {entry.log[-2:] for entry in entries}
        has_ends = all(end.endswith("\n") and end != "\r\n" for end in ends)
        is_plain = len(entries) == lines.count and has_ends and {entry.attrs is None for entry in entries} == {True}
        return entries if is_plain else None

    def _message(self, event: str) -> ContainerMessage | None:
        try:
            entries = [_ENTRIES.decode(line) for line in event.split("\n")]
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return None
        first, text = entries[0], "".join(entry.log for entry in entries)
        said = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
        more = f'"attrs":{msgspec.json.encode(first.attrs).decode()}' if first.attrs else ""
        return ContainerMessage(
            said, first.stream, self._timestamps.read(first.time), is_whole=text.endswith("\n"), more=more
        )
