"""Parses lines with a regex from the configuration: its named groups become fields.

The pattern runs in the `regex` library, which has a time limit and releases the GIL during a search. With the module
`re` of the standard library, a pattern that backtracks would block all files, probes and signals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from sidecar.lib.user_regex import LINE_LIMIT_S, RegexTimeBudget, compile_user_regex
from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.chain import retry_failed
from sidecar.parse.chunk_regex import ChunkRegex
from sidecar.parse.line_layout import LayoutRegex, LineLayout
from sidecar.parse.row_templates import Column
from sidecar.parse.typed_fields import TypedFields

_NO_MATCH = "the line does not match the pattern"
_TOO_SLOW = "the pattern took longer than 0.1 s on the line"
_TOO_SLOW_TOGETHER = (
    "the pattern took longer than 1 ms on the line; the limit is 1 ms instead of 0.1 s, because slow lines of the"
    " chunk had already used 1 s"
)


class RegexParser:
    """Parses one field from each named group.

    A group that did not participate in the match is omitted; the values of several groups with the same path become a
    list. `paths`: field path of each group whose name is not its path. `anywhere`: the pattern need not match the
    whole line. `keeps_empty`: an empty value is a field. `layout`: the usual layout of whole lines, if it is known.
    """

    def __init__(
        self,
        pattern: str,
        typed_fields: TypedFields,
        paths: Mapping[str, str] | None = None,
        *,
        anywhere: bool = False,
        keeps_empty: bool = True,
        layout: LineLayout | None = None,
    ) -> None:
        compiled = compile_user_regex(pattern)
        self._match_line = compiled.search if anywhere else compiled.fullmatch
        self._chunk_regex = ChunkRegex.from_line_pattern(pattern, anywhere=anywhere)
        self._group_count = compiled.groups
        self._groups_of: dict[str, list[int]] = {}
        for group, number in compiled.groupindex.items():
            self._groups_of.setdefault((paths or {}).get(group, group), []).append(number - 1)
        lists = [path for path, groups in self._groups_of.items() if len(groups) > 1]
        self._typed_fields = typed_fields
        self._missing = None if keeps_empty else ""
        self._layout = LayoutRegex(layout) if layout else None
        self._formatter = typed_fields.formatter_for(
            list(self._groups_of), keeps_empty=keeps_empty, json_columns=lists
        )

    def parse(self, lines: LineBatch) -> RecordBatch:
        """Return one record for each line."""
        records = self._parse_layout(lines)
        if records is None:
            return self._parse_any(lines)
        return retry_failed(records, self._parse_any, lines) if records.errors else records

    def _parse_layout(self, lines: LineBatch) -> RecordBatch | None:
        """Parse the lines in the usual layout; the other lines fail. Return None if no line has it."""
        if self._layout is None or not lines.is_uniform:
            return None
        columns, failed = self._layout.columns(lines)
        if len(failed) == lines.count:
            return None
        missing = [""] * (lines.count - len(failed))
        by_group: list[Column] = [()] * self._group_count
        for path, groups in self._groups_of.items():
            for group in groups:
                by_group[group] = columns.get(path, missing)
        return self._records(lines, by_group, dict.fromkeys(failed, _NO_MATCH))

    def _parse_any(self, lines: LineBatch) -> RecordBatch:
        return self._parse_chunk(lines) or self._parse_lines(lines)

    def _parse_chunk(self, lines: LineBatch) -> RecordBatch | None:
        """Parse all lines in one pass. Return None if the pattern does not allow that, or if the pass exceeds
        `LINE_LIMIT_S`.
        """
        if self._chunk_regex is None or not lines.is_uniform:
            return None
        try:
            columns, failed = self._chunk_regex.columns(lines, LINE_LIMIT_S)
        except TimeoutError:
            return None
        return self._records(lines, columns, dict.fromkeys(failed, _NO_MATCH))

    def _parse_lines(self, lines: LineBatch) -> RecordBatch:
        budget = RegexTimeBudget()
        rows: list[Column] = []
        errors: dict[int, str] = {}
        for index, text in enumerate(lines.texts):
            limit = budget.line_limit_s
            try:
                match = self._match_line(text, timeout=limit, concurrent=True)
            except TimeoutError:
                errors[index] = _TOO_SLOW_TOGETHER if budget.is_used_up else _TOO_SLOW
                budget.record_timeout(limit)
                continue
            if match is None:
                errors[index] = _NO_MATCH
            else:
                rows.append(match.groups())
        records = self._records(lines, list(zip(*rows, strict=True)) or [()] * self._group_count, errors)
        return replace(records, timeouts=budget.timeouts) if budget.timeouts else records

    def _records(self, lines: LineBatch, by_group: Sequence[Column], errors: dict[int, str]) -> RecordBatch:
        if self._missing == "":
            by_group = [[text or "" for text in column] if None in column else column for column in by_group]
        texts = {path: [by_group[group] for group in groups] for path, groups in self._groups_of.items()}
        lists = {path: columns for path, columns in texts.items() if len(columns) > 1}
        columns = {
            path: self._join_columns(path, text_columns) if path in lists else text_columns[0]
            for path, text_columns in texts.items()
        }
        return self._typed_fields.records(lines, self._formatter, columns, errors, lists)

    def _join_columns(self, path: str, columns: Sequence[Column]) -> Column:
        """Join several columns of texts into one column of JSON: a value, or a list if a row has several values."""
        rows = zip(*columns, strict=True)
        return [self._encode(path, [text for text in row if text != self._missing]) for row in rows]

    def _encode(self, path: str, texts: Sequence[str | None]) -> str | None:
        values = [self._typed_fields.value(path, text) for text in texts if text is not None]
        return values[0] if len(values) == 1 else f"[{','.join(values)}]" if values else self._missing
