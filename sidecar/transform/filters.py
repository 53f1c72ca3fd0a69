"""Filters: by a condition on fields, by the text of the line, or by sampling.

Filtered records are counted as `filtered` in the balance; the other records keep their offsets and ids. The decision
depends only on the line, so the same records are filtered after a restart. Conditions keep a line that could not be
parsed, because it has no fields.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from sidecar.lib.jsontext.edit import read
from sidecar.lib.jsontext.nested import possible_root_names
from sidecar.lib.user_regex import RegexTimeBudget, compile_user_regex
from sidecar.model.records import RecordBatch
from sidecar.transform.expression import Expression, Search

_TIMEOUT_MESSAGE = "{}: the pattern exceeded its time limit, so the record is kept"
_MASK = 2**64 - 1


def _filter(records: RecordBatch, rule: str, is_unwanted: Callable[[int], bool]) -> RecordBatch:
    """Return the records for which `is_unwanted` is false.

    A record on which a pattern times out is kept, with the reason in `error.message`.
    """
    dropped, timed_out = set(), {}
    for index in range(len(records.bodies)):
        try:
            if is_unwanted(index):
                dropped.add(index)
        except TimeoutError:
            timed_out[index] = _TIMEOUT_MESSAGE.format(rule)
    return records.annotate_failures(timed_out, rule).drop(dropped, rule)


class ConditionFilter:
    """Drops the records that match an expression; with `keeps` it drops the records that do not match."""

    def __init__(self, expression: Expression, *, keeps: bool) -> None:
        self._matches, self._keeps = expression.condition, keeps
        self._rule = "keep_when" if keeps else "drop_when"
        self._columns = _Columns(expression.fields)

    def __call__(self, records: RecordBatch) -> RecordBatch:
        rows, search, errors = self._columns.read_values(records.bodies), RegexTimeBudget().search, records.errors
        return _filter(
            records, self._rule,
            lambda index: index not in errors and self._matches(rows[index], search) is not self._keeps,
        )  # fmt: skip


class ExpressionMatcher:
    """Decides which JSON objects match an expression. A pattern that times out does not match."""

    def __init__(self, expression: Expression) -> None:
        self._matches, self._columns = expression.condition, _Columns(expression.fields)

    def __call__(self, members: Sequence[str]) -> list[bool]:
        """Return for each object, given as its JSON text without the braces, whether it matches."""
        search = RegexTimeBudget().search
        return [self._is_match(row, search) for row in self._columns.read_values(members)]

    def _is_match(self, row: Sequence[str | None], search: Search) -> bool:
        try:
            return self._matches(row, search)
        except TimeoutError:
            return False


class LineFilter:
    """Drops the records that match none of the `include` patterns, and those that match an `exclude` pattern.

    Without `include` patterns, only the `exclude` patterns apply.
    """

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include, self._exclude = (
            [compile_user_regex(pattern) for pattern in include],
            [compile_user_regex(pattern) for pattern in exclude],
        )

    def __call__(self, records: RecordBatch) -> RecordBatch:
        texts, search = records.lines.texts, RegexTimeBudget().search
        if self._include:
            records = _filter(
                records,
                "include_lines",
                lambda index: not any(search(pattern, texts[index]) for pattern in self._include),
            )
        if self._exclude:
            remaining = records.lines.texts
            records = _filter(
                records,
                "exclude_lines",
                lambda index: any(search(pattern, remaining[index]) for pattern in self._exclude),
            )
        return records


class Sampler:
    """Keeps a fraction of the records, chosen by generation and offset, or by the value of a field."""

    def __init__(self, rate: float, field: str | None = None) -> None:
        self._threshold = int(rate * 2**64)
        self._field = field

    def __call__(self, records: RecordBatch) -> RecordBatch:
        number = records.lines.chunk.generation.id
        hashes = [_hash_number(number ^ _hash_number(start)) for start in records.starts]
        if self._field is not None:
            for index, body in enumerate(records.bodies):
                if values := read(body, self._field):
                    hashes[index] = _hash_number(int.from_bytes(values[0].encode()) % (2**61 - 1))
        return records.drop({index for index, hash_ in enumerate(hashes) if hash_ >= self._threshold}, "sample")


def _hash_number(number: int) -> int:
    """Return a 64-bit hash of the number (the finalizer of SplitMix64)."""
    mixed = (number + 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31)


class _Columns:
    """Reads fields of many records in one pass. The last value of a repeated field counts."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        names = sorted(possible_root_names(paths))
        fields = [
            (f"field_{number}", msgspec.Raw, msgspec.field(name=name, default=msgspec.Raw()))
            for number, name in enumerate(names)
        ]
        self._decoder = msgspec.json.Decoder(msgspec.defstruct("Row", fields, gc=False))
        self._lookups = [
            [(names.index(name), path[len(name) + 1 :]) for name in sorted(possible_root_names([path]), reverse=True)]
            for path in paths
        ]
        """For each path: the columns in which its value may be, each with the rest of the path below the column."""

    def read_values(self, members: Sequence[str]) -> list[list[str | None]]:
        """Return for each record the JSON text at each path, or None if the path is missing."""
        try:
            rows = self._decoder.decode_lines("\n".join([f"{{{body}}}" for body in members]))
        except (msgspec.DecodeError, RecursionError):
            return [[_last(read(body, path)) for path in self._paths] for body in members]
        columns = [msgspec.structs.astuple(row) for row in rows]
        return [[_read_value(row, lookups) for lookups in self._lookups] for row in columns]


def _read_value(row: Sequence[msgspec.Raw], lookups: Sequence[tuple[int, str]]) -> str | None:
    for column, below in lookups:
        text = bytes(row[column]).decode()
        if text and not below:
            return text
        if text[:1] == "{" and (values := read(text[1:-1], below)):
            return values[-1]
    return None


def _last(values: Sequence[str]) -> str | None:
    return values[-1] if values else None
