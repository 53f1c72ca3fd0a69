"""Rewrites a single-line regex so that one match covers many lines, if that is provably equivalent.

The rewrite is equivalent if no token of the pattern can match a line end, because then a line end has the effect of
the end of the text. Tokens that could match a line end are rewritten so that they cannot. A pattern with an unknown
token is not rewritten. One match for many lines is faster, because most of the time for a line is the overhead of a
match.
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
        [^\\\[(){?*+|.^$\n]                               # a literal character
        | \\[dwSbBt] | \\[ !-/:-@\[-`{-~]                 # never a line end, and escaped literals
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
_WITHOUT_LINE_END = {r"\s": r"[^\S\n]", r"\W": r"[^\w\n]", r"\D": r"[^\d\n]", r"\A": "^", r"\Z": "$"}


class ChunkRegex(msgspec.Struct, frozen=True):
    """A regex whose match covers as many consecutive lines as possible."""

    pattern: Pattern
    single_groups: frozenset[int]
    """Numbers of the groups that capture exactly once in each line."""

    @classmethod
    def from_line_pattern(cls, pattern: str, *, anywhere: bool) -> ChunkRegex | None:
        """Return a regex that is equivalent to matching each line with `pattern`, or None if this cannot be proved.

        `anywhere`: the pattern need not match the whole line.
        """
        flags = _FLAGS.match(pattern)
        # `m` and `s` have no effect on a line without line ends.
        inline_flags = "".join(sorted(set(flags[1]) - {"m", "s"})) if flags else ""
        tokens = _tokens(pattern, flags.end() if flags else 0)
        if tokens is None:
            return None
        text = "".join(_exclude_line_ends(token) for token in tokens)
        line = rf"[^\n]*?(?:{text})[^\n]*+\n" if anywhere else rf"(?:{text})\n"
        compiled = compile_user_regex(f"(?m{inline_flags})(?>{line})*+")
        return cls(compiled, frozenset(range(1, compiled.groups + 1)) - _find_uncertain_groups(tokens))

    def columns(self, lines: LineBatch, limit_s: float) -> tuple[list[Column], list[int]]:
        """Return the capture of each group in each matching line, and the indexes of the lines that do not match.

        The capture of a group that did not participate is None. Raise `TimeoutError` if the search takes longer than
        `limit_s`.
        """
        deadline = monotonic() + limit_s
        text, position, failed = lines.text, 0, list[int]()
        bounds = list(accumulate((len(line) + 1 for line in lines.texts), initial=0))
        columns: list[list[str | None]] = [[] for _ in range(self.pattern.groups)]
        while position < len(text):
            if (remaining_s := deadline - monotonic()) <= 0:
                raise TimeoutError
            match = self.pattern.match(text, position, timeout=remaining_s, concurrent=True)
            assert match is not None  # the regex also matches zero lines
            first_line, failed_line = bisect_left(bounds, position), bisect_left(bounds, match.end())
            for number, column in enumerate(columns, 1):
                is_single = number in self.single_groups
                column += (
                    match.captures(number)
                    if is_single
                    else _last_capture_per_line(match, number, bounds[first_line : failed_line + 1])
                )
            position = match.end()
            if position < len(text):
                failed.append(failed_line)
                position = bounds[failed_line + 1]
        return list(columns), failed


def _last_capture_per_line(match: Match, number: int, bounds: Sequence[int]) -> Column:
    """Return the last capture of a group in each line. `bounds`: the offset of each line, and the end of the last."""
    starts, captures, ends = match.starts(number), match.captures(number), bounds[1:]
    if len(captures) == len(ends) and all(map(le, bounds, starts)) and all(map(lt, starts, ends)):
        return captures
    column: list[str | None] = [None] * len(ends)
    for index, capture in zip(map(bisect_right, repeat(ends), starts), captures, strict=True):
        column[index] = capture
    return column


def _tokens(pattern: str, position: int) -> list[re.Match[str]] | None:
    """Return the tokens of the pattern from `position` on, or None if a token is unknown."""
    tokens = []
    while position < len(pattern):
        token = _TOKEN.match(pattern, position)
        if token is None:
            return None
        tokens.append(token)
        position = token.end()
    return tokens


def _exclude_line_ends(token: re.Match[str]) -> str:
    text = token[0]
    if token.lastgroup != "set" or not compile_user_regex(text).match("\n"):
        return _WITHOUT_LINE_END.get(text, text)
    if text.startswith("[^") and text[2] not in "]-":
        return rf"[^\n{text[2:]}"
    return rf"(?:(?!\n){text})"


class _Scope(msgspec.Struct):
    """A parenthesis: the numbers of the groups in it, and whether each captures exactly once."""

    groups: list[int]
    is_certain: bool


def _find_uncertain_groups(tokens: Sequence[re.Match[str]]) -> set[int]:
    """Return the numbers of the groups that may not capture exactly once in a match.

    These are groups in alternatives, in optional or repeated parts and in lookarounds, and groups with the same name.
    """
    uncertain: set[int] = set()
    numbers: dict[str, int] = {}
    scopes, closed = [_Scope([], is_certain=True)], _Scope([], is_certain=True)
    for token in tokens:
        if token.lastgroup == "open":
            scopes.append(_Scope([], is_certain=not token[0].endswith(("=", "!"))))
            if token["name"] in numbers:
                uncertain.add(numbers[token["name"]])
            elif token[0] == "(" or token["name"]:
                name = token["name"] or str(len(numbers))
                numbers[name] = len(numbers) + 1
                scopes[-1].groups.append(numbers[name])
        elif token.lastgroup == "or":
            scopes[-1].is_certain = False
        elif token.lastgroup == "times":
            uncertain.update(closed.groups)
        closed = scopes.pop() if token.lastgroup == "close" else _Scope([], is_certain=True)
        scopes[-1].groups += closed.groups
        uncertain.update(() if closed.is_certain else closed.groups)
    return uncertain if scopes[0].is_certain else uncertain.union(scopes[0].groups)
