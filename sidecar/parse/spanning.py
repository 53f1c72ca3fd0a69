"""A pattern for one line as one that finds the lines of a chunk, where it is certain that it finds the same.

It is if nothing in the pattern takes a line end: to everything else a line end is what the end of a text is. So
whatever could take one is written so that it cannot, and a pattern with anything that is not known is left alone.
"""

from __future__ import annotations

import re

import regex

_FLAGS = re.compile(r"\(\?([aimsu]+)\)")
_TOKEN = re.compile(
    r"""(?P<kept>
        [^\\\[(){?*+|.^$\n]                               # a character that stands for itself
        | \\[dwSbBt] | \\[ !-/:-@\[-`{-~]                 # no line end, and what stands for itself behind a backslash
        | [.|)^$]
        | \((?![?*]) | \(\?(?: [:>=!] | <[=!] | P?<[A-Za-z_]\w*+> | i: )
        | [?*+][?+]? | \{\d+(?:,\d*)?\}[?+]?
    )
    | (?P<many>\\[sWD])
    | (?P<edge>\\[AZ])
    | (?P<set>\[\^?\]?(?:\\[^\n]|\[:\^?\w+:\]|[^\\\]\n])*+\])""",
    re.VERBOSE | re.ASCII,
)
_WITHOUT = {r"\s": r"[^\S\n]", r"\W": r"[^\w\n]", r"\D": r"[^\d\n]", r"\A": "^", r"\Z": "$"}


def spanning(pattern: str, *, anywhere: bool) -> regex.Pattern[str] | None:
    """A pattern that finds, one after the other in lines with their line ends, what `pattern` matches in each of
    them, as a whole or `anywhere` in it. Each match goes up to the line end, and has the same groups. None if that is
    not certain.
    """
    flags = _FLAGS.match(pattern)
    # To a line without line ends, `m` and `s` mean nothing.
    kept = "".join(sorted(set(flags[1]) - {"m", "s"})) if flags else ""
    text = _without_line_ends(pattern[flags.end() :] if flags else pattern)
    if text is None:
        return None
    whole = rf"(?:{text})[^\n]*+\n" if anywhere else rf"^(?:{text})\n"
    return regex.compile(f"(?{kept}){whole}" if kept else whole, regex.MULTILINE)


def _without_line_ends(pattern: str) -> str | None:
    parts, at = [], 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            return None
        found = token[0]
        parts.append(_set(found) if token.lastgroup == "set" else _WITHOUT.get(found, found))
        at = token.end()
    return "".join(parts)


def _set(written: str) -> str:
    """The same set of characters without the line end."""
    if not regex.match(written, "\n"):
        return written
    if written.startswith("[^") and written[2] not in "]-":
        return rf"[^\n{written[2:]}"
    return rf"(?:(?!\n){written})"
