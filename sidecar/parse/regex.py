"""A pattern of the user's own: its named groups become fields.

It runs in the `regex` library, which gives the interpreter back while it searches and has a time limit: the
standard library's `re` would stop every file, the probes and the signals while it backtracks.
"""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.flow import Lines, Records
from sidecar.nesting import inside, quoted, tree
from sidecar.parse.declared import Declared
from sidecar.parse.plain import as_messages
from sidecar.parse.plain import quoted as all_quoted
from sidecar.patterns import compiled

_LIMIT_S, _LEAST_S = 0.1, 0.001
_ALL_LIMIT_S = 1.0
_NO_MATCH = "the line does not match the pattern"
_TOO_SLOW = "the pattern took longer than 0.1 s on the line"
_TOO_SLOW_TOGETHER = "the pattern took longer than 1 ms on the line, after 1 s on others beside it"


class _Patience:
    """How long one line may take: less when others of the chunk took long, so that other files have their turn.

    One slow line may have its tenth of a second; thousands of them in one chunk would hold up the pipeline for
    minutes. An ordinary line matches within microseconds, so it is found among them all the same.
    """

    def __init__(self) -> None:
        self._left = _ALL_LIMIT_S
        self.timeouts = 0

    @property
    def for_one(self) -> float:
        """Seconds for the next line."""
        return _LIMIT_S if self._left > 0 else _LEAST_S

    def lost(self, seconds: float) -> str:
        """A line took too long, so many seconds. Returns what is to be said of it."""
        reason = _TOO_SLOW if self._left > 0 else _TOO_SLOW_TOGETHER
        self._left -= seconds
        self.timeouts += 1
        return reason


class Regex:
    """Named groups of a pattern as fields. A group that took no part makes no field; several of one path make a list.

    `paths` are the fields of groups that are not called like them. The pattern has to match the whole line, or
    `anywhere` in it.
    """

    def __init__(
        self, pattern: str, declared: Declared, paths: Mapping[str, str] | None = None, *, anywhere: bool = False
    ) -> None:
        found = compiled(pattern)
        self._match = found.search if anywhere else found.fullmatch
        self._groups = [(group, (paths or {}).get(group, group)) for group in found.groupindex]
        self._roots = frozenset(path.partition(".")[0] for _, path in self._groups)
        self._is_flat = all("." not in path for _, path in self._groups)
        self._keys = {path: quoted(path) for _, path in self._groups}
        self._declared, self._is_plain = declared, not declared.has_types

    def parse(self, lines: Lines) -> Records:
        """One record for each line."""
        members: list[str] = []
        times: list[str] = []
        errors: dict[int, str] = {}
        notes: dict[int, dict[str, str]] = {}
        patience = _Patience()
        for index, text in enumerate(lines.texts):
            fields = self._fields(text, patience)
            if isinstance(fields, str):
                errors[index] = fields
                members.append(as_messages([text])[0])
                times.append("")
                continue
            members.append(self._members(fields))
            times.append(self._declared.time(fields))
            if self._declared.has_types and (said := self._declared.complaint(fields)):
                notes[index] = said
        names = self._roots | {"message"} if errors else self._roots
        return Records(
            lines, lines.starts, members, times, names, errors=errors, notes=notes, timeouts=patience.timeouts
        )

    def _fields(self, text: str, patience: _Patience) -> dict[str, list[str]] | str:
        limit = patience.for_one
        try:
            match = self._match(text, timeout=limit, concurrent=True)
        except TimeoutError:
            return patience.lost(limit)
        if match is None:
            return _NO_MATCH
        found: dict[str, list[str]] = {}
        groups = match.groupdict()
        for group, path in self._groups:
            if (said := groups[group]) is not None:
                found.setdefault(path, []).append(said)
        return found

    def _members(self, fields: dict[str, list[str]]) -> str:
        if self._is_plain and len(fields) == len(
            present := [found[0] for found in fields.values() if len(found) == 1]
        ):
            leaves = dict(zip(fields, all_quoted(present), strict=True))
        else:
            leaves = {path: self._value(path, found) for path, found in fields.items()}
        if self._is_flat:
            return ",".join([f"{self._keys[path]}:{value}" for path, value in leaves.items()])
        return inside(tree(leaves))

    def _value(self, path: str, found: list[str]) -> str:
        values = [self._declared.value(path, said) for said in found]
        return values[0] if len(values) == 1 else f"[{','.join(values)}]"
