"""Parses container log files of Docker's `json-file` driver: objects with `log`, `stream` and `time`.

If the value of `log` has no newline at its end, the message continues in the next line. The multiline preset `docker`
joins these parts. The labels that Docker can add are kept in the field `attrs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from sidecar.lib import native
from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.container_messages import ContainerMessage, ContainerMessages, MessageParser, join_events
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
        """Parse all events in one pass. Return None if a line has another format or `attrs`."""
        bounds: Sequence[int] = range(lines.count + 1)
        entries = _decode_lines(lines.text, lines.texts) if lines.is_uniform else None
        if not lines.is_uniform:
            text, bounds = join_events(lines.texts)
            entries = _decode_lines(text, text.split("\n"))
        if not entries:
            return None
        logs, firsts = [entry.log for entry in entries], entries
        if len(entries) > lines.count:
            logs = ["".join(logs[start:end]) for start, end in pairwise(bounds)]
            firsts = [entries[start] for start in bounds[:-1]]
        ends = {log[-2:] for log in logs}
        is_usual = all(end.endswith("\n") and end != "\r\n" for end in ends)
        messages = ContainerMessages(
            [log[:-1] for log in logs] if is_usual else list(map(_strip_line_end, logs)),
            [entry.stream for entry in firsts],
            self._timestamps.convert_all([entry.time for entry in firsts]),
            partial=frozenset(
                () if is_usual else (number for number, log in enumerate(logs) if not log.endswith("\n"))
            ),
        )
        return self._content.parse_all(lines, messages)

    def _parse_lines(self, lines: LineBatch) -> RecordBatch:
        return self._content.parse_some(lines, [self._read_message(event) for event in lines.texts], _ERROR)

    def _read_message(self, event: str) -> ContainerMessage | None:
        try:
            entries = [_DECODER.decode(line) for line in event.split("\n")]
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return None
        first, text = entries[0], "".join(entry.log for entry in entries)
        extra_members = f'"attrs":{msgspec.json.encode(first.attrs).decode()}' if first.attrs else ""
        return ContainerMessage(
            _strip_line_end(text),
            first.stream,
            self._timestamps.read(first.time),
            is_whole=text.endswith("\n"),
            extra_members=extra_members,
        )


def _decode_lines(text: str, lines: Sequence[str]) -> Sequence[_DockerLine] | None:
    """Return the entry of each line. Return None if a line has another format or `attrs`."""
    if native.strip_braces(list(lines), "{", "}") is None:
        return None
    try:
        entries = _DECODER.decode_lines(text.encode())
    except (msgspec.MsgspecError, UnicodeError):
        return None
    is_plain = len(entries) == len(lines) and {entry.attrs is None for entry in entries} == {True}
    return entries if is_plain else None


def _strip_line_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
