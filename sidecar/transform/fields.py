"""Renames, copies, drops and converts fields in the JSON text of records, so that other fields keep their exact text.

The text of the whole chunk is searched first, then that of each record, so records without these fields are not
parsed. If a change fails on a record, the other changes apply and `error.message` gives the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import ClassVar, Protocol

import msgspec
from msgspec.structs import replace

from sidecar.lib.conversions import Conversion
from sidecar.lib.jsontext.edit import can_insert, edit, insert, insert_all, keep, read, remove
from sidecar.lib.jsontext.nested import json_string
from sidecar.model.records import RecordBatch, Transform

ReportFailure = Callable[[str], None]
_STRING = msgspec.json.Decoder(str)


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
        members, failures = [], {}
        for index, body in enumerate(records.bodies):
            if self._may_touch(body):
                reasons: list[str] = []
                body = self._change.apply(body, reasons.append)
                if reasons:
                    failures[index] = "; ".join(reasons)
            members.append(body)
        if members != records.bodies:
            names = None if records.root_names is None else records.root_names | self._roots
            records = replace(records, bodies=members, root_names=names, ends_with_log_object=False)
        return records.annotate_failures(failures, self._change.name)

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

    @staticmethod
    def _rename(body: str, old: str, new: str, report_failure: ReportFailure) -> str:
        has_same_parent = old.rpartition(".")[0] == new.rpartition(".")[0]
        changed, moved = (_rename_in_place(body, old, new), []) if has_same_parent else remove(body, old)
        if changed == body:
            return body
        if not can_insert(body if has_same_parent else changed, new):
            report_failure(f"rename: {_describe_conflict(new)}, so {old} keeps its name")
            return body
        return insert_all(changed, [(new + below, value) for below, value in moved]) if moved else changed


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
            if values and not can_insert(body, target):
                report_failure(f"copy: {_describe_conflict(target)}, so {source} is not copied")
                continue
            if values:
                body = insert_all(body, [(target + below, value) for below, value in values])
        return body


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


class KeepFields(FieldChange):
    """Keeps only these fields, everything below them, and `@timestamp`."""

    name = "keep_fields"

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = frozenset((*paths, "@timestamp"))

    def apply(self, body: str, report_failure: ReportFailure) -> str:
        return keep(body, self._paths)


class LowercaseFields(FieldChange):
    """Converts texts to lower case; other values stay unchanged."""

    name = "lowercase"

    def __init__(self, paths: Iterable[str]) -> None:
        self.reads = list(paths)

    def apply(self, body: str, report_failure: ReportFailure) -> str:
        for path in self.reads:
            body = edit(body, path, _lower)
        return body


def _lower(key_text: str, below: str, value: str) -> str:
    if below or value[0] != '"':
        return f"{key_text}:{value}"
    plain = _STRING.decode(value)
    lower = plain.lower()
    return f"{key_text}:{value if lower == plain else json_string(lower)}"


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
        digest = blake2b(msgspec.json.encode(values), digest_size=16).hexdigest()
        return insert(body, self._target, json_string(digest))


def _plain(value: str) -> str:
    """Return a text without its escapes, so that equal texts give equal hashes; any other value unchanged."""
    return f'"{_STRING.decode(value)}' if value[0] == '"' else value
