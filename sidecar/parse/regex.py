"""A pattern of the user's own: its named groups become fields.

It runs in the `regex` library, which gives the interpreter back while it searches and has a time limit: the
standard library's `re` would stop every file, the probes and the signals while it backtracks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from sidecar.lib.user_regex import compiled
from sidecar.model.lines import Lines
from sidecar.model.records import Records
from sidecar.parse.chunk_regex import Spanning
from sidecar.parse.row_templates import Column
from sidecar.parse.typed_fields import Declared

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
        self._spanning, self._groups = Spanning.of(pattern, anywhere=anywhere), found.groups
        self._places: dict[str, list[int]] = {}
        for group, number in found.groupindex.items():
            self._places.setdefault((paths or {}).get(group, group), []).append(number - 1)
        lists = [path for path, places in self._places.items() if len(places) > 1]
        self._declared = declared
        self._members = declared.members(list(self._places), keeps_empty=True, made=lists)

    def parse(self, lines: Lines) -> Records:
        """One record for each line, at a stroke if that comes to the same and takes no longer than one line may."""
        patience = _Patience()
        by_group, errors = (self._at_a_stroke(lines) if lines.whole else None) or self._line_by_line(lines, patience)
        said = {path: [by_group[place] for place in places] for path, places in self._places.items()}
        lists = {path: found for path, found in said.items() if len(found) > 1}
        columns = {path: self._listed(path, found) if path in lists else found[0] for path, found in said.items()}
        records = self._declared.records(lines, self._members, columns, errors, lists)
        return replace(records, timeouts=patience.timeouts) if patience.timeouts else records

    def _at_a_stroke(self, lines: Lines) -> tuple[Sequence[Column], dict[int, str]] | None:
        if self._spanning is None:
            return None
        try:
            columns, failed = self._spanning.columns(lines, _LIMIT_S)
        except TimeoutError:
            return None
        return columns, dict.fromkeys(failed, _NO_MATCH)

    def _line_by_line(self, lines: Lines, patience: _Patience) -> tuple[Sequence[Column], dict[int, str]]:
        rows: list[Column] = []
        errors: dict[int, str] = {}
        for index, text in enumerate(lines.texts):
            limit = patience.for_one
            try:
                match = self._match(text, timeout=limit, concurrent=True)
            except TimeoutError:
                errors[index] = patience.lost(limit)
                continue
            if match is None:
                errors[index] = _NO_MATCH
            else:
                rows.append(match.groups())
        return list(zip(*rows, strict=True)) or [()] * self._groups, errors

    def _listed(self, path: str, columns: Sequence[Column]) -> Column:
        """Several columns of texts as one of JSON: a value, or a list where there are several."""
        return [self._list(path, [said for said in row if said is not None]) for row in zip(*columns, strict=True)]

    def _list(self, path: str, found: Sequence[str]) -> str | None:
        values = [self._declared.value(path, said) for said in found]
        return values[0] if len(values) == 1 else f"[{','.join(values)}]" if values else None
