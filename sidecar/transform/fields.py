"""Renames, copies, drops and converts fields in the JSON text of records, so that other fields keep their exact text.

The text of the whole chunk is searched first, so chunks without these fields are not parsed. Then all records are
changed in one pass, except those that `lib.jsontext.columns` leaves undecided: these are changed one by one. If a
change fails on a record, the other changes apply and `error.message` gives the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import ClassVar, Protocol, cast

import msgspec
from msgspec.structs import replace

from sidecar.lib.conversions import Conversion
from sidecar.lib.jsontext.columns import (
    MAX_NAMES,
    Bodies,
    copy_members,
    insert_values,
    is_plain,
    keep_members,
    move_members,
    read_values,
    remove_members,
    rename_members,
    replace_values,
)
from sidecar.lib.jsontext.edit import can_insert, edit, insert, keep, read, remove
from sidecar.lib.jsontext.nested import json_string
from sidecar.model.records import RecordBatch, Transform

ReportFailure = Callable[[str], None]
_STRING = msgspec.json.Decoder(str)
_BLAKE2B_128 = blake2b(digest_size=16)


class FieldChange(Protocol):
    """A change of the fields of one record."""

    name: ClassVar[str]
    reads: Sequence[str] = ()
    """Dotted paths of fields. A record without any of them is skipped. If empty, `apply` is called for every record.
    """

    writes: Sequence[str] = ()
    """Dotted paths of fields that the change may add to a record."""

    def apply(self, body: str, report_failure: ReportFailure) -> str:
        """Return the changed body; the same text if nothing changes. Call `report_failure` with reasons."""
        ...

    def apply_all(self, bodies: Sequence[str]) -> Bodies:
        """Return the changed bodies; None for those on which `apply` must be called."""
        return [None] * len(bodies)


def make_transform(change: FieldChange) -> Transform:
    """Return a transform that applies this change to the records of a chunk."""
    return Transform(change.name, _FieldTransform(change))


class _FieldTransform:
    def __init__(self, change: FieldChange) -> None:
        self._change = change
        self._hints = [_hint(path) for path in change.reads]
        self._roots = {path.partition(".")[0] for path in change.writes} | set(change.writes)

    def __call__(self, records: RecordBatch) -> RecordBatch:
        if not self._may_touch("\n".join(records.bodies)):
            return records
        failures: dict[int, str] = {}
        changed = self._change.apply_all(records.bodies)
        members = [self._change_one(index, records.bodies[index], failures) if body is None else body
                   for index, body in enumerate(changed)]  # fmt: skip
        if members != records.bodies:
            names = None if records.root_names is None else records.root_names | self._roots
            records = replace(records, bodies=members, root_names=names, ends_with_log_object=False)
        return records.annotate_failures(failures, self._change.name)

    def _change_one(self, index: int, body: str, failures: dict[int, str]) -> str:
        """Return the changed body of one record. Add the reasons to `failures` if the change fails."""
        if not self._may_touch(body):
            return body
        reasons: list[str] = []
        body = self._change.apply(body, reasons.append)
        if reasons:
            failures[index] = "; ".join(reasons)
        return body

    def _may_touch(self, text: str) -> bool:
        """Return whether the text may contain one of the fields.

        This includes any text with an escape, because an escape can be a part of any name.
        """
        hints = self._hints
        return not hints or any(hint in text for hint in hints) or "\\u" in text or "\\/" in text


def _hint(path: str) -> str:
    """Return the last name of a path as JSON without quotes; "" if it needs escapes."""
    name = json_string(path.rpartition(".")[2])[1:-1]
    return "" if "\\" in name else name


def _apply_in_turn(bodies: Sequence[str], changes: Iterable[Callable[[Sequence[str]], Bodies]]) -> Bodies:
    """Apply several changes, each to the bodies that all earlier ones could decide."""
    rows: Bodies = list(bodies)
    for change in changes:
        decided = [index for index, body in enumerate(rows) if body is not None]
        for index, body in zip(decided, change([body for body in rows if body is not None]), strict=True):
            rows[index] = body
    return rows


def _are_plain(*paths: str) -> bool:
    return all(map(is_plain, paths))


class RenameFields(FieldChange):
    """Renames fields."""

    name = "rename"

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._pairs = list(paths.items())
        self.reads, self.writes = list(paths), list(paths.values())

    def apply(self, body: str, report_failure: ReportFailure) -> str:
        for old, new in self._pairs:
            body = self._rename(body, old, new, report_failure)
        return body

    def apply_all(self, bodies: Sequence[str]) -> Bodies:
        if not _are_plain(*self.reads, *self.writes):
            return super().apply_all(bodies)
        changes = [partial(rename_members if _have_same_parent(old, new) else move_members, old=old, new=new)
                   for old, new in self._pairs]  # fmt: skip
        return _apply_in_turn(bodies, changes)

    @staticmethod
    def _rename(body: str, old: str, new: str, report_failure: ReportFailure) -> str:
        has_same_parent = _have_same_parent(old, new)
        changed, moved = (_rename_in_place(body, old, new), []) if has_same_parent else remove(body, old)
        if changed == body:
            return body
        is_free = can_insert(body if has_same_parent else changed, new)
        renamed = _insert_below(changed, new, moved) if is_free else None
        if renamed is None:
            report_failure(f"rename: {_describe_conflict(new)}, so {old} keeps its name")
            return body
        return renamed


def _insert_below(body: str, path: str, values: Iterable[tuple[str, str]]) -> str | None:
    """Return the body with these values, each at `path` and what is below it; None if they are in conflict."""
    for below, value in values:
        if not can_insert(body, path + below):
            return None  # a record with `x` and `x.y`
        body = insert(body, path + below, value)
    return body


def _have_same_parent(path: str, other: str) -> bool:
    return path.rpartition(".")[0] == other.rpartition(".")[0]


def _describe_conflict(path: str) -> str:
    return f"the record already has the field {path}, or a field above it that is not an object"


def _rename_in_place(body: str, old: str, new: str) -> str:
    last = len(old.rpartition(".")[2])
    name = new.rpartition(".")[2]

    def rename(key_text: str, below: str, value: str) -> str:
        key = _STRING.decode(key_text).removesuffix(below)
        return f"{json_string(f'{key[: len(key) - last]}{name}{below}')}:{value}"

    return edit(body, old, rename)


class CopyFields(FieldChange):
    """Copies fields."""

    name = "copy"

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._pairs = list(paths.items())
        self.reads, self.writes = list(paths), list(paths.values())

    def apply(self, body: str, report_failure: ReportFailure) -> str:
        for source, target in self._pairs:
            values = _read_below(body, source)
            if not values:
                continue
            copied = _insert_below(body, target, values) if can_insert(body, target) else None
            if copied is None:
                report_failure(f"copy: {_describe_conflict(target)}, so {source} is not copied")
            else:
                body = copied
        return body

    def apply_all(self, bodies: Sequence[str]) -> Bodies:
        if not _are_plain(*self.reads, *self.writes):
            return super().apply_all(bodies)
        changes = [partial(copy_members, source=source, target=target) for source, target in self._pairs]
        return _apply_in_turn(bodies, changes)


def _read_below(body: str, path: str) -> list[tuple[str, str]]:
    """Return the field at this path and all fields below it, each as (rest of its path, value)."""
    values: list[tuple[str, str]] = []

    def collect(key_text: str, below: str, value: str) -> str:
        values.append((below, value))
        return f"{key_text}:{value}"

    edit(body, path, collect)
    return values


class DropFields(FieldChange):
    """Drops these fields and everything below them."""

    name = "drop_fields"

    def __init__(self, paths: Iterable[str]) -> None:
        self.reads = list(paths)

    def apply(self, body: str, report_failure: ReportFailure) -> str:
        for path in self.reads:
            body, _ = remove(body, path)
        return body

    def apply_all(self, bodies: Sequence[str]) -> Bodies:
        if not _are_plain(*self.reads):
            return super().apply_all(bodies)
        return _apply_in_turn(bodies, [partial(remove_members, path=path) for path in self.reads])


class KeepFields(FieldChange):
    """Keeps only these fields, everything below them, and `@timestamp`."""

    name = "keep_fields"

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = frozenset((*paths, "@timestamp"))

    def apply(self, body: str, report_failure: ReportFailure) -> str:
        return keep(body, self._paths)

    def apply_all(self, bodies: Sequence[str]) -> Bodies:
        if len(self._paths) > MAX_NAMES or any("." in path for path in self._paths) or not _are_plain(*self._paths):
            return super().apply_all(bodies)
        return keep_members(bodies, sorted(self._paths))


class LowercaseFields(FieldChange):
    """Converts texts to lower case; other values stay unchanged."""

    name = "lowercase"

    def __init__(self, paths: Iterable[str]) -> None:
        self.reads = list(paths)

    def apply(self, body: str, report_failure: ReportFailure) -> str:
        for path in self.reads:
            body = edit(body, path, lambda key_text, below, value: f"{key_text}:{value if below else _lower(value)}")
        return body

    def apply_all(self, bodies: Sequence[str]) -> Bodies:
        if not _are_plain(*self.reads):
            return super().apply_all(bodies)
        return _apply_in_turn(bodies, [partial(replace_values, path=path, change=_lower) for path in self.reads])


def _lower(value: str) -> str:
    if value[0] != '"':
        return value
    if "\\" not in value and value.isascii():
        return value.lower()
    plain = _STRING.decode(value)
    lower = plain.lower()
    return value if lower == plain else json_string(lower)


class ConvertFields(FieldChange):
    """Converts values to another type."""

    name = "convert"

    def __init__(self, conversions: Mapping[str, tuple[str, Conversion]]) -> None:
        self._conversions = dict(conversions)
        self.reads = list(conversions)

    def apply(self, body: str, report_failure: ReportFailure) -> str:
        for path, (kind, convert) in self._conversions.items():

            def convert_member(
                key_text: str, below: str, value: str,
                path: str = path, kind: str = kind, convert: Conversion = convert,
            ) -> str:  # fmt: skip
                converted = value if below or value == "null" else convert(value)
                if converted is None:
                    report_failure(f"convert: {path} cannot be read as {kind}")
                return f"{key_text}:{value if converted is None else converted}"

            body = edit(body, path, convert_member)
        return body

    def apply_all(self, bodies: Sequence[str]) -> Bodies:
        if not _are_plain(*self.reads):
            return super().apply_all(bodies)
        changes = [partial(replace_values, path=path, change=partial(_convert, convert=convert))
                   for path, (_, convert) in self._conversions.items()]  # fmt: skip
        return _apply_in_turn(bodies, changes)


def _convert(value: str, convert: Conversion) -> str | None:
    return value if value == "null" else convert(value)


class HashFields(FieldChange):
    """Adds a hash of several fields: 128 bits of BLAKE2b (RFC 7693). Equal values give equal hashes."""

    name = "fingerprint"

    def __init__(self, fields: Iterable[str], target: str) -> None:
        self.reads = list(fields)
        self._target = target
        self.writes = (target,)

    def apply(self, body: str, report_failure: ReportFailure) -> str:
        values = {path: [_plain(value) for value in read(body, path)] for path in self.reads}
        if not any(values.values()):
            return body
        if not can_insert(body, self._target):
            report_failure(f"fingerprint: {_describe_conflict(self._target)}; choose another target")
            return body
        return insert(body, self._target, _hash(msgspec.json.encode(values)))

    def apply_all(self, bodies: Sequence[str]) -> Bodies:
        if not _are_plain(*self.reads, self._target):
            return super().apply_all(bodies)
        columns = [read_values(bodies, path) for path in self.reads]
        names = [json_string(path) for path in self.reads]
        hashes = [
            None if None in row else self._hash_row(names, cast("tuple[str, ...]", row)) if any(row) else ""
            for row in zip(*columns, strict=True)
        ]
        return insert_values(bodies, self._target, hashes)

    @staticmethod
    def _hash_row(names: Sequence[str], values: Sequence[str]) -> str:
        """Return the hash of values as written, which is that of the same values in `apply`."""
        lists = [
            f"{name}:[{_encode_plain(value) if value else ''}]" for name, value in zip(names, values, strict=True)
        ]
        return _hash(f"{{{','.join(lists)}}}".encode())


def _hash(data: bytes) -> str:
    # A copy takes less time than a new object with a digest size.
    digest = _BLAKE2B_128.copy()
    digest.update(data)
    return f'"{digest.hexdigest()}"'


def _encode_plain(value: str) -> str:
    """Return `_plain(value)` as a JSON string."""
    if "\\" in value:
        return json_string(_plain(value))
    if value[0] == '"':
        return f'"\\{value[:-1]}"'
    return json_string(value) if '"' in value else f'"{value}"'


def _plain(value: str) -> str:
    """Return a text without its escapes, so that equal texts give equal hashes; any other value unchanged."""
    return f'"{_STRING.decode(value)}' if value[0] == '"' else value
