"""Repairs characters that a container runtime has divided between two parts of a line.

containerd and CRI-O divide a long line after a fixed number of bytes, which may be within a character.
"""

from __future__ import annotations

import re

from sidecar.lib.charset import UTF_8

_PART = re.compile(rb"([^ \n]++ (?:stdout|stderr) (P|F)(?::[^ \n]*+)?+ )([^\n]*+)")


def join_divided_characters(event: bytes) -> bytes:
    """Return an event of a CRI log with each divided character moved to the beginning of the later part.

    Return the event unchanged if a line of it has another format.
    """
    lines, carried = [], b""
    for line in event.split(b"\n"):
        part = _PART.fullmatch(line)
        if part is None:
            return event
        text = carried + part[3]
        length = len(text) - (UTF_8.count_partial_bytes(text, 0) if part[2] == b"P" else 0)
        carried = text[length:]
        lines.append(part[1] + text[:length])
    return b"\n".join(lines) + carried
