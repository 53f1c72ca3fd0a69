"""Files of containers as containerd and CRI-O write them for Kubernetes: `time stream P message`.

The format is that of the kubelet's container runtime interface ("CRI logging"): RFC 3339 time with nanoseconds,
`stdout` or `stderr`, tags of which the first one is `P` for a part of a line or `F` for its end, and the text. The
preset `cri` of `multiline` makes one event of all parts of a line.
"""

from __future__ import annotations

import re

from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.container_messages import ContainerMessage, ContainerMessages, MessageParser
from sidecar.parse.time.timestamps import Timestamps

_MANY = re.compile(r"^([^ \n]++) (stdout|stderr) F ([^\n]*+)$", re.MULTILINE)
_ONE = re.compile(r"([^ \n]++) (stdout|stderr) ([PF])(?::[^ \n]*+)?+(?: ([^\n]*+))?+")
_ERROR = "the line is not in the format of CRI"


class CriParser:
    """One record for each line that the container wrote, whatever number of parts it has."""

    def __init__(self, content: MessageParser) -> None:
        self._content = content
        self._timestamps = Timestamps()

    def parse(self, lines: LineBatch) -> RecordBatch:
        """One record for each event, at a stroke if no line of the chunk is in parts."""
        rows = _MANY.findall(lines.text) if lines.is_uniform else ()
        if rows and len(rows) == lines.count:
            times, streams, texts = zip(*rows, strict=True)
            read = self._timestamps.all(times)
            return self._content.records(lines, ContainerMessages(texts, streams, read))
        return self._content.mixed(lines, [self._message(event) for event in lines.texts], _ERROR)

    def _message(self, event: str) -> ContainerMessage | None:
        """The message of an event: parts are joined as they are, whole lines with line ends between them."""
        parts = [_ONE.fullmatch(line) for line in event.split("\n")]
        found = [part.groups("") for part in parts if part]
        if len(found) < len(parts):
            return None
        text = "".join(said + ("\n" if tag == "F" else "") for _, _, tag, said in found)
        time, stream, *_ = found[0]
        return ContainerMessage(
            text.removesuffix("\n"), stream, self._timestamps.read(time), is_whole=found[-1][2] == "F"
        )
