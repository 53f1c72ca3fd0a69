"""A pattern for one line as one for all lines of a chunk, where it is certain that it finds the same.

It is if nothing in the pattern takes a line end: to everything else a line end is what the end of a text is. So
whatever could take one is written so that it cannot, and a pattern with anything that is not known is left alone. One
match then goes over many lines, and the library keeps all that each group found: most of the time for a line goes
into the beginning and the end of a match.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, repeat
from operator import le, lt
from time import monotonic

import msgspec

from sidecar.lib.user_regex import Match, Pattern, compile_user_regex
from sidecar.model.lines import LineBatch
from sidecar.parse.row_templates import Column

_FLAGS = re.compile(r"\(\?([aimsu]+)\)")
_TOKEN = re.compile(
    r"""(?P<kept>
        [^\\\[(){?*+|.^$\n]                               # a character that stands for itself
        | \\[dwSbBt] | \\[ !-/:-@\[-`{-~]                 # no line end, and what stands for itself behind a backslash
        | [.^$]
    )
    | (?P<open>\((?![?*]) | \(\?(?: [:>=!] | <[=!] | P?<(?P<name>[A-Za-z_]\w*+)> | i: ))
    | (?P<close>\))
    | (?P<or>\|)
    | (?P<times>[?*+][?+]? | \{\d+(?:,\d*)?\}[?+]?)
    | (?P<many>\\[sWD])
    | (?P<edge>\\[AZ])
    | (?P<set>\[\^?\]?(?:\\[^\n]|\[:\^?\w+:\]|[^\\\]\n])*+\])""",
    re.VERBOSE | re.ASCII,
)
_WITHOUT = {r"\s": r"[^\S\n]", r"\W": r"[^\w\n]", r"\D": r"[^\d\n]", r"\A": "^", r"\Z": "$"}


class ChunkRegex(msgspec.Struct, frozen=True):
    """`pattern` matches as many lines as it can, one after the other. `once` are the numbers of its groups that take
    part once in each of them."""

    pattern: Pattern
    once: frozenset[int]

    @classmethod
    def of(cls, pattern: str, *, anywhere: bool) -> ChunkRegex | None:
        """What matches lines that `pattern` matches as a whole, or `anywhere` in them; None if none is sure to."""
        flags = _FLAGS.match(pattern)
        # To a line without line ends, `m` and `s` mean nothing.
        kept = "".join(sorted(set(flags[1]) - {"m", "s"})) if flags else ""
        tokens = _tokens(pattern, flags.end() if flags else 0)
        if tokens is None:
            return None
        text = "".join(_exclude_line_ends(token) for token in tokens)
        line = rf"[^\n]*?(?:{text})[^\n]*+\n" if anywhere else rf"(?:{text})\n"
        found = compile_user_regex(f"(?m{kept})(?>{line})*+")
        return cls(found, frozenset(range(1, found.groups + 1)) - _may_differ(tokens))

    def columns(self, lines: LineBatch, limit_s: float) -> tuple[list[Column], list[int]]:
        """What each group found in each line that matches, None where it took no part, and the lines that do not.

        Raises `TimeoutError` if all of it takes longer than `limit_s`.
        """
        until = monotonic() + limit_s
        text, at, failed = lines.text, 0, list[int]()
        bounds = list(accumulate((len(line) + 1 for line in lines.texts), initial=0))
        columns: list[list[str | None]] = [[] for _ in range(self.pattern.groups)]
        while at < len(text):
            if (left := until - monotonic()) <= 0:
                raise TimeoutError
            match = self.pattern.match(text, at, timeout=left, concurrent=True)
            assert match is not None  # no line at all matches, too
            first, behind = bisect_left(bounds, at), bisect_left(bounds, match.end())
            for number, column in enumerate(columns, 1):
                is_once = number in self.once
                column += (
                    match.captures(number)
                    if is_once
                    else _last_capture_per_line(match, number, bounds[first : behind + 1])
                )
            at = match.end()
            if at < len(text):
                failed.append(behind)
                at = bounds[behind + 1]
        return list(columns), failed


def _last_capture_per_line(match: Match, number: int, bounds: Sequence[int]) -> Column:
    """The last that a group found in each of the lines between these bounds."""
    starts, found, ends = match.starts(number), match.captures(number), bounds[1:]
    if len(found) == len(ends) and all(map(le, bounds, starts)) and all(map(lt, starts, ends)):
        return found
    column: list[str | None] = [None] * len(ends)
    for index, said in zip(map(bisect_right, repeat(ends), starts), found, strict=True):
        column[index] = said
    return column


def _tokens(pattern: str, at: int) -> list[re.Match[str]] | None:
    """What the pattern is made of, from there on; None if not all of it is known."""
    found = []
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            return None
        found.append(token)
        at = token.end()
    return found


def _exclude_line_ends(token: re.Match[str]) -> str:
    text = token[0]
    if token.lastgroup != "set" or not compile_user_regex(text).match("\n"):
        return _WITHOUT.get(text, text)
    if text.startswith("[^") and text[2] not in "]-":
        return rf"[^\n{text[2:]}"
    return rf"(?:(?!\n){text})"


class _Scope(msgspec.Struct):
    """What is between two parentheses: the numbers of the groups in it, and whether each takes part once."""

    groups: list[int]
    is_certain: bool


def _may_differ(tokens: Sequence[re.Match[str]]) -> set[int]:
    """The numbers of groups that may take no part in a match, or more than one: in alternatives, in what may repeat
    or be left out, in what is only looked at, and those whose name is there twice."""
    found: set[int] = set()
    numbers: dict[str, int] = {}
    scopes, closed = [_Scope([], is_certain=True)], _Scope([], is_certain=True)
    for token in tokens:
        if token.lastgroup == "open":
            scopes.append(_Scope([], is_certain=not token[0].endswith(("=", "!"))))
            if token["name"] in numbers:
                found.add(numbers[token["name"]])
            elif token[0] == "(" or token["name"]:
                name = token["name"] or str(len(numbers))
                numbers[name] = len(numbers) + 1
                scopes[-1].groups.append(numbers[name])
        elif token.lastgroup == "or":
            scopes[-1].is_certain = False
        elif token.lastgroup == "times":
            found.update(closed.groups)
        closed = scopes.pop() if token.lastgroup == "close" else _Scope([], is_certain=True)
        scopes[-1].groups += closed.groups
        found.update(() if closed.is_certain else closed.groups)
    return found if scopes[0].is_certain else found.union(scopes[0].groups)
