"""Removes the colour codes that programs write for terminals, before a line is parsed."""

from __future__ import annotations

import re

from msgspec.structs import replace

from sidecar.model.lines import LineBatch

_COLOR = re.compile(r"\x1b\[[0-9;:]{0,32}[mK]")
_ESCAPE = "\x1b"
"""First character of each colour code. A search for one character is much faster than a search for two."""


def strip_colors(lines: LineBatch) -> LineBatch:
    """Return the lines without colour codes. Their offsets do not change."""
    if not (_ESCAPE in lines.text if lines.text else any(_ESCAPE in text for text in lines.texts)):
        return lines
    texts = [_COLOR.sub("", text) if _ESCAPE in text else text for text in lines.texts]
    if not lines.is_uniform or not all(texts):
        return replace(lines, texts=texts, text="", is_uniform=False)
    text = "\n".join([*texts, ""])
    return replace(lines, texts=texts, text=text, chunk=replace(lines.chunk, data=text.encode()))
