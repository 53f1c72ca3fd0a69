"""Reads what a container runtime adds to each line: time, stream, and whether the line is the last part of a message.

`parse` extracts the same values again from whole events. Here they only decide which lines form one event.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

_DECODER_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError)


class ContainerLine(NamedTuple):
    """One line that a container runtime wrote."""

    time: str
    stream: str
    is_last_part: bool
    content: bytes
    """What the application wrote, without its line end."""


class ContainerFormat(Protocol):
    """The format of the lines of one container runtime."""

    def has_parts(self, data: bytes) -> bool:
        """Return whether a line of the data may be a part that is not the last one."""
        ...

    def read_lines(self, data: bytes) -> Sequence[ContainerLine | None]:
        """Return the values of each line; None for a line in another format."""
        ...


class CriFormat:
    """The format of containerd and CRI-O: "time stream P text"."""

    _LINE = re.compile(rb"([^ \n]++) (stdout|stderr) ([PF])(?::[^ \n]*+)?+(?: ([^\n]*+))?+\n|[^\n]*+\n")

    def has_parts(self, data: bytes) -> bool:
        return b" stdout P" in data or b" stderr P" in data

    def read_lines(self, data: bytes) -> Sequence[ContainerLine | None]:
        return [
            ContainerLine(time.decode(errors="replace"), stream.decode(), tag == b"F", content) if stream else None
            for time, stream, tag, content in self._LINE.findall(data)
        ]


class _DockerEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    log: str
    stream: str
    time: str
    attrs: dict[str, str] | None = None


class DockerFormat:
    """The format of Docker's json-file: an object whose value of `log` ends with a newline in the last part."""

    _DECODER = msgspec.json.Decoder(_DockerEntry)

    def has_parts(self, data: bytes) -> bool:
        # The text may end with a backslash before an "n", which looks like a line end.
        return data.count(b'\\n","') != data.count(b"\n") or b'\\\\n","' in data

    def read_lines(self, data: bytes) -> Sequence[ContainerLine | None]:
        lines = data.split(b"\n")[:-1]
        try:
            entries: Sequence[_DockerEntry] = self._DECODER.decode_lines(data)
        except _DECODER_ERRORS:
            return [self._read_line(line) for line in lines]
        if len(entries) != len(lines):
            return [self._read_line(line) for line in lines]
        return [self._convert(entry) for entry in entries]

    def _read_line(self, line: bytes) -> ContainerLine | None:
        try:
            return self._convert(self._DECODER.decode(line))
        except _DECODER_ERRORS:
            return None

    @staticmethod
    def _convert(entry: _DockerEntry) -> ContainerLine:
        content = entry.log.encode(errors="surrogatepass")
        is_last_part = content.endswith(b"\n")
        # Only an altered file has another line end in the text. One line must remain one line.
        content = content.removesuffix(b"\n").replace(b"\n", b" ")
        return ContainerLine(entry.time, entry.stream, is_last_part, content)


CONTAINER_FORMATS: dict[str, ContainerFormat] = {"cri": CriFormat(), "docker": DockerFormat()}
"""Name of a parser, and of a preset that joins the parts of its lines → the format."""
