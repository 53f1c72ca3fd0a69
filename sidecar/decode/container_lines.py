"""Reads what a container runtime adds to each line: time, stream, and whether the line is the last part of a message.

`parse` extracts the same values again from whole events. Here they only decide which lines form one event.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

_DECODER_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError)


class ContainerLines(NamedTuple):
    """The lines that a container runtime wrote, in columns. Lines in another format have no stream."""

    times: Sequence[str | bytes]
    streams: Sequence[str | bytes | None]
    are_last_parts: Sequence[bool]
    contents: Sequence[bytes]
    """What the application wrote, without line ends. Empty if it was not asked for."""


class ContainerFormat(Protocol):
    """The format of the lines of one container runtime."""

    def has_parts(self, data: bytes) -> bool:
        """Return whether a line of the data may be a part that is not the last one."""
        ...

    def read_lines(self, data: bytes, *, with_contents: bool) -> ContainerLines:
        """Return the values of each line of the data, which consists of whole lines."""
        ...


class CriFormat:
    """The format of containerd and CRI-O: "time stream P text"."""

    _LINE = re.compile(rb"([^ \n]++) (stdout|stderr) ([PF])(?::[^ \n]*+)?+(?: ([^\n]*+))?+\n|[^\n]*+\n")

    def has_parts(self, data: bytes) -> bool:
        return b" stdout P" in data or b" stderr P" in data

    def read_lines(self, data: bytes, *, with_contents: bool) -> ContainerLines:
        times, streams, tags, contents = zip(*self._LINE.findall(data), strict=True)
        return ContainerLines(
            times,
            streams if b"" not in streams else [stream or None for stream in streams],
            [tag == b"F" for tag in tags],
            contents if with_contents else (),
        )


class _DockerEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    log: str
    stream: str | None
    time: str
    attrs: dict[str, str] | None = None


class DockerFormat:
    """The format of Docker's json-file: an object whose value of `log` ends with a newline in the last part."""

    _DECODER = msgspec.json.Decoder(_DockerEntry)
    _UNKNOWN = _DockerEntry("", None, "")

    def has_parts(self, data: bytes) -> bool:
        # The text may end with a backslash before an "n", which looks like a line end.
        return data.count(b'\\n","') != data.count(b"\n") or b'\\\\n","' in data

    def read_lines(self, data: bytes, *, with_contents: bool) -> ContainerLines:
        entries = self._read_entries(data)
        return ContainerLines(
            [entry.time for entry in entries],
            [entry.stream for entry in entries],
            [entry.log[-1:] == "\n" for entry in entries],
            # Only an altered file has another line end in the text. One line must remain one line.
            [
                entry.log.encode(errors="surrogatepass").removesuffix(b"\n").replace(b"\n", b" ")
                for entry in (entries if with_contents else ())
            ],
        )

    def _read_entries(self, data: bytes) -> Sequence[_DockerEntry]:
        lines = data.split(b"\n")[:-1]
        try:
            entries: Sequence[_DockerEntry] = self._DECODER.decode_lines(data)
        except _DECODER_ERRORS:
            entries = ()
        return entries if len(entries) == len(lines) else [self._read_entry(line) for line in lines]

    def _read_entry(self, line: bytes) -> _DockerEntry:
        try:
            return self._DECODER.decode(line)
        except _DECODER_ERRORS:
            return self._UNKNOWN


CONTAINER_FORMATS: dict[str, ContainerFormat] = {"cri": CriFormat(), "docker": DockerFormat()}
"""Name of a parser, and of a preset that joins the parts of its lines → the format."""
