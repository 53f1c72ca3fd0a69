"""Detects the format of the first lines of a log, for `explain --detect` and for `init`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sidecar.lib.charset import from_bom
from sidecar.lib.clock import Clock
from sidecar.pipeline.detection import SAMPLE_BYTES, Proposal, propose


class DetectedFormat(msgspec.Struct, frozen=True):
    """The proposed settings for a log, and the lines by which they were found."""

    proposal: Proposal
    data: bytes

    def comments(self) -> Iterator[str]:
        """Yield a sentence about what the proposed settings read, then sentences with advice."""
        yield f"{self.proposal.summary()} (first {len(self.data):,} bytes)"
        yield from self.proposal.notes
        if "encoding" not in self.proposal.pipeline and "\ufffd" in self.data.decode(errors="replace"):
            yield "the file is not valid UTF-8: set the encoding, such as windows-1252 or shift-jis"


def detect_format(data: bytes, clock: Clock) -> DetectedFormat | None:
    """Return the format of a log that begins with these bytes, or None if they contain no line."""
    lines = _first_whole_lines(data)
    return DetectedFormat(propose(lines, clock), lines) if lines.strip() else None


def _first_whole_lines(data: bytes) -> bytes:
    """Return the complete lines at the beginning. An unterminated line counts as complete if it is the only one."""
    charset = from_bom(data)
    end = charset.find_last_line_end(data[:SAMPLE_BYTES], 0, 0)
    return data[:end] or (data + charset.newline if data and len(data) <= SAMPLE_BYTES else b"")
