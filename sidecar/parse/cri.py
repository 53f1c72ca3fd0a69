"""Parses container log files of containerd and CRI-O: `time stream P message`.

The format is "CRI logging" of the kubelet: RFC 3339 time with nanoseconds, `stdout` or `stderr`, tags, and the text.
The first tag is `F` for the last part of a line, and `P` for any other part. The multiline preset `cri` joins them.
"""

from __future__ import annotations

import re
from itertools import pairwise

from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.container_messages import ContainerMessage, ContainerMessages, MessageParser, join_events
from sidecar.parse.time.timestamps import Timestamps

_MESSAGES = re.compile(r"^([^ \n]++) (stdout|stderr) F ([^\n]*+)$", re.MULTILINE)
_LINE = re.compile(r"([^ \n]++) (stdout|stderr) ([PF])(?::[^ \n]*+)?+(?: ([^\n]*+))?+")
_LINES = re.compile(f"^{_LINE.pattern}$", re.MULTILINE)
_ERROR = "the line is not in the format of CRI"


class CriParser:
    """Parses one record from each event, which consists of all parts of a line that the container wrote."""

    def __init__(self, content: MessageParser) -> None:
        self._content = content
        self._timestamps = Timestamps()

    def parse(self, lines: LineBatch) -> RecordBatch:
        """Return one record for each event."""
        return self._parse_chunk(lines) or self._parse_lines(lines)

    def _parse_chunk(self, lines: LineBatch) -> RecordBatch | None:
        """Parse all lines in one pass. Return None if one has another format."""
        messages = (self._read_messages(lines) if lines.is_uniform else None) or self._join_messages(lines)
        return self._content.parse_all(lines, messages) if messages else None

    def _read_messages(self, lines: LineBatch) -> ContainerMessages | None:
        """Return the messages; None if a line is not a whole message."""
        rows = _MESSAGES.findall(lines.text)
        if not rows or len(rows) != lines.count:
            return None
        times, streams, texts = zip(*rows, strict=True)
        return ContainerMessages(texts, streams, self._timestamps.convert_all(times))

    def _join_messages(self, lines: LineBatch) -> ContainerMessages | None:
        """Return the messages of all events, like `_read_message`; None if a line has another format."""
        text, bounds = join_events(lines.texts)
        rows = _LINES.findall(text)
        if not rows or len(rows) != bounds[-1]:
            return None
        times, streams, tags, _ = zip(*rows, strict=True)
        pieces = [piece + "\n" if tag == "F" else piece for _, _, tag, piece in rows]
        return ContainerMessages(
            ["".join(pieces[start:end]).removesuffix("\n") for start, end in pairwise(bounds)],
            [streams[start] for start in bounds[:-1]],
            self._timestamps.convert_all([times[start] for start in bounds[:-1]]),
            partial=frozenset(number for number, end in enumerate(bounds[1:]) if tags[end - 1] == "P"),
        )

    def _parse_lines(self, lines: LineBatch) -> RecordBatch:
        return self._content.parse_some(lines, [self._read_message(event) for event in lines.texts], _ERROR)

    def _read_message(self, event: str) -> ContainerMessage | None:
        """Return the message of an event: the joined parts of each line, with line ends between lines. Return None if
        a line has another format.
        """
        parts = [_LINE.fullmatch(line) for line in event.split("\n")]
        fields = [part.groups("") for part in parts if part]
        if len(fields) < len(parts):
            return None
        text = "".join(piece + ("\n" if tag == "F" else "") for _, _, tag, piece in fields)
        time, stream, *_ = fields[0]
        return ContainerMessage(
            text.removesuffix("\n"), stream, self._timestamps.read(time), is_whole=fields[-1][2] == "F"
        )
