"""A pattern of the user's own: its named groups become fields.

It runs in the `regex` library, which gives the interpreter back while it searches and has a time limit: the
standard library's `re` would stop every file, the probes and the signals while it backtracks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from sidecar.lib.user_regex import LINE_LIMIT_S, RegexTimeBudget, compile_user_regex
from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.chunk_regex import ChunkRegex
from sidecar.parse.row_templates import Column
from sidecar.parse.typed_fields import TypedFields

_NO_MATCH = "the line does not match the pattern"
_TOO_SLOW = "the pattern took longer than 0.1 s on the line"
_TOO_SLOW_TOGETHER = "the pattern took longer than 1 ms on the line, after 1 s on others beside it"


class RegexParser:
    """Named groups of a pattern as fields. A group that took no part makes no field; several of one path make a list.

    `paths` are the fields of groups that are not called like them. The pattern has to match the whole line, or
    `anywhere` in it.
    """

    def __init__(
        self, pattern: str, declared: TypedFields, paths: Mapping[str, str] | None = None, *, anywhere: bool = False
    ) -> None:
        found = compile_user_regex(pattern)
        self._match = found.search if anywhere else found.fullmatch
        self._spanning, self._groups = ChunkRegex.of(pattern, anywhere=anywhere), found.groups
        self._places: dict[str, list[int]] = {}
        for group, number in found.groupindex.items():
            self._places.setdefault((paths or {}).get(group, group), []).append(number - 1)
        lists = [path for path, places in self._places.items() if len(places) > 1]
        self._declared = declared
        self._members = declared.members(list(self._places), keeps_empty=True, made=lists)

    def parse(self, lines: LineBatch) -> RecordBatch:
        """One record for each line, at a stroke if that comes to the same and takes no longer than one line may."""
        budget = RegexTimeBudget()
        by_group, errors = (self._at_a_stroke(lines) if lines.is_uniform else None) or self._line_by_line(
            lines, budget
        )
        said = {path: [by_group[place] for place in places] for path, places in self._places.items()}
        lists = {path: found for path, found in said.items() if len(found) > 1}
        columns = {path: self._listed(path, found) if path in lists else found[0] for path, found in said.items()}
        records = self._declared.records(lines, self._members, columns, errors, lists)
        return replace(records, timeouts=budget.timeouts) if budget.timeouts else records

    def _at_a_stroke(self, lines: LineBatch) -> tuple[Sequence[Column], dict[int, str]] | None:
        if self._spanning is None:
            return None
        try:
            columns, failed = self._spanning.columns(lines, LINE_LIMIT_S)
        except TimeoutError:
            return None
        return columns, dict.fromkeys(failed, _NO_MATCH)

    def _line_by_line(self, lines: LineBatch, budget: RegexTimeBudget) -> tuple[Sequence[Column], dict[int, str]]:
        rows: list[Column] = []
        errors: dict[int, str] = {}
        for index, text in enumerate(lines.texts):
            limit = budget.line_limit_s
            try:
                match = self._match(text, timeout=limit, concurrent=True)
            except TimeoutError:
                errors[index] = _TOO_SLOW_TOGETHER if budget.is_used_up else _TOO_SLOW
                budget.record_timeout(limit)
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
