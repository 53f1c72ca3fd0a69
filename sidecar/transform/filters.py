"""Records that the user does not want: by a condition on their fields, by the text of the line, or all but a sample.

They are counted as `filtered` in the balance, and the records around them keep their offsets and ids. The same line
is always judged alike, so that a restart filters what it would have filtered before. A line that could not be parsed
has no fields to judge by, and is kept by conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from sidecar.lib.jsontext.edit import read
from sidecar.lib.jsontext.nested import possible_root_names
from sidecar.lib.user_regex import RegexTimeBudget, compile_user_regex
from sidecar.model.records import RecordBatch
from sidecar.transform.expression import Expression

_TOO_SLOW = "{}: the pattern took too long, so the record is kept"
_MASK = 2**64 - 1


def _filter(records: RecordBatch, rule: str, is_unwanted: Callable[[int], bool]) -> RecordBatch:
    """Without the records that are unwanted. One on which a pattern takes too long is kept, and says so."""
    dropped, slow = set(), {}
    for index in range(len(records.bodies)):
        try:
            if is_unwanted(index):
                dropped.add(index)
        except TimeoutError:
            slow[index] = _TOO_SLOW.format(rule)
    return records.annotate_failures(slow, rule).drop(dropped, rule)


class ConditionFilter:
    """Drops the records for which an expression holds, or keeps no others (`keeps`)."""

    def __init__(self, expression: Expression, *, keeps: bool) -> None:
        self._holds, self._keeps = expression.condition, keeps
        self._rule = "keep_when" if keeps else "drop_when"
        self._columns = _Columns(expression.fields)

    def __call__(self, records: RecordBatch) -> RecordBatch:
        rows, search, errors = self._columns.read_values(records.bodies), RegexTimeBudget().search, records.errors
        return _filter(
            records, self._rule,
            lambda index: index not in errors and self._holds(rows[index], search) is not self._keeps,
        )  # fmt: skip


class LineFilter:
    """Drops the records whose text matches none of `include`, if there are any, or one of `exclude`."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include, self._exclude = (
            [compile_user_regex(each) for each in include],
            [compile_user_regex(each) for each in exclude],
        )

    def __call__(self, records: RecordBatch) -> RecordBatch:
        texts, search = records.lines.texts, RegexTimeBudget().search
        if self._include:
            records = _filter(
                records, "include_lines", lambda index: not any(search(each, texts[index]) for each in self._include)
            )
        if self._exclude:
            left = records.lines.texts
            records = _filter(
                records, "exclude_lines", lambda index: any(search(each, left[index]) for each in self._exclude)
            )
        return records


class Sampler:
    """Keeps this part of all records, chosen by generation and offset, or by the value of a field if there is one."""

    def __init__(self, rate: float, field: str | None = None) -> None:
        self._below = int(rate * 2**64)
        self._field = field

    def __call__(self, records: RecordBatch) -> RecordBatch:
        number = records.lines.chunk.generation.id
        chosen = [_scatter(number ^ _scatter(start)) for start in records.starts]
        if self._field is not None:
            for index, body in enumerate(records.bodies):
                if found := read(body, self._field):
                    chosen[index] = _scatter(int.from_bytes(found[0].encode()) % (2**61 - 1))
        return records.drop({index for index, at in enumerate(chosen) if at >= self._below}, "sample")


def _scatter(number: int) -> int:
    """64 bits that look like chance, and are the same for the same number (the finalizer of SplitMix64)."""
    mixed = (number + 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31)


class _Columns:
    """The values of some fields in records, read at a stroke. Of one that is written twice the last one counts."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        names = sorted(possible_root_names(paths))
        fields = [
            (f"field_{number}", msgspec.Raw, msgspec.field(name=name, default=msgspec.Raw()))
            for number, name in enumerate(names)
        ]
        self._decoder = msgspec.json.Decoder(msgspec.defstruct("Row", fields, gc=False))
        self._ways = [
            [(names.index(name), path[len(name) + 1 :]) for name in sorted(possible_root_names([path]), reverse=True)]
            for path in paths
        ]
        """For each path where it may begin: the column of its first name, and what of it is within that."""

    def read_values(self, members: Sequence[str]) -> list[list[str | None]]:
        """For each record the values of the paths as JSON text, None for one that is not there."""
        try:
            rows = self._decoder.decode_lines("\n".join([f"{{{body}}}" for body in members]))
        except (msgspec.DecodeError, RecursionError):
            return [[_last(read(body, path)) for path in self._paths] for body in members]
        columns = [msgspec.structs.astuple(row) for row in rows]
        return [[_found(row, ways) for ways in self._ways] for row in columns]


def _found(row: Sequence[msgspec.Raw], ways: Sequence[tuple[int, str]]) -> str | None:
    for column, rest in ways:
        text = bytes(row[column]).decode()
        if text and not rest:
            return text
        if text[:1] == "{" and (found := read(text[1:-1], rest)):
            return found[-1]
    return None


def _last(found: Sequence[str]) -> str | None:
    return found[-1] if found else None
