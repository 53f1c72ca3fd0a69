"""Fields renamed, copied, dropped, converted: on the text of each record, so that what is not meant stays as it is.

A chunk is looked at as a whole first, then each record: one in which no name of such a field occurs is not read.
What a transform cannot do it leaves undone, and says so in `error.message` of the record.
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

Complain = Callable[[str], None]
_STRING = msgspec.json.Decoder(str)


class FieldChange(Protocol):
    """What is done to one record.

    `reads`: dotted paths of which one has to be there, or nothing is done; empty if it has work with any record.
    `writes`: dotted paths that may be there afterwards and were not before.
    """

    name: ClassVar[str]
    reads: Sequence[str] = ()
    writes: Sequence[str] = ()

    def apply(self, body: str, complain: Complain) -> str:
        """The members as they are to be; the same text if nothing is to be done."""
        ...


def make_transform(change: FieldChange) -> Transform:
    """The change as a step on whole chunks."""
    return Transform(change.name, _FieldTransform(change))


class _FieldTransform:
    def __init__(self, change: FieldChange) -> None:
        self._change = change
        self._hints = [_hint(path) for path in change.reads]
        self._roots = {path.partition(".")[0] for path in change.writes} | set(change.writes)

    def __call__(self, records: RecordBatch) -> RecordBatch:
        if not self._may_touch("\n".join(records.bodies)):
            return records
        members, complaints = [], {}
        for index, body in enumerate(records.bodies):
            if self._may_touch(body):
                told: list[str] = []
                body = self._change.apply(body, told.append)
                if told:
                    complaints[index] = "; ".join(told)
            members.append(body)
        if members != records.bodies:
            names = None if records.root_names is None else records.root_names | self._roots
            records = replace(records, bodies=members, root_names=names, ends_with_log_object=False)
        return records.annotate_failures(complaints, self._change.name)

    def _may_touch(self, text: str) -> bool:
        """An escape may hide any name."""
        hints = self._hints
        return not hints or any(hint in text for hint in hints) or "\\u" in text or "\\/" in text


def _hint(path: str) -> str:
    """The last name of a path, as it stands in a record."""
    name = json_string(path.rpartition(".")[2])[1:-1]
    return "" if "\\" in name else name


class RenameFields(FieldChange):
    """Fields under other names."""

    name = "rename"

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._pairs = list(paths.items())
        self.reads, self.writes = list(paths), list(paths.values())

    def apply(self, body: str, complain: Complain) -> str:
        for old, new in self._pairs:
            body = self._rename(body, old, new, complain)
        return body

    @staticmethod
    def _rename(body: str, old: str, new: str, complain: Complain) -> str:
        has_same_parent = old.rpartition(".")[0] == new.rpartition(".")[0]
        rest, found = (_in_place(body, old, new), []) if has_same_parent else remove(body, old)
        if rest == body:
            return body
        if not can_insert(body if has_same_parent else rest, new):
            complain(f"rename: there is a field {new} already, so {old} keeps its name")
            return body
        return insert_all(rest, [(new + below, value) for below, value in found]) if found else rest


def _in_place(body: str, old: str, new: str) -> str:
    last = len(old.rpartition(".")[2])
    name = new.rpartition(".")[2]

    def rename(key_text: str, below: str, value: str) -> str:
        key = _STRING.decode(key_text).removesuffix(below)
        return f"{json_string(f'{key[: len(key) - last]}{name}{below}')}:{value}"

    return edit(body, old, rename)


class CopyFields(FieldChange):
    """Fields under other names as well."""

    name = "copy"

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._pairs = list(paths.items())
        self.reads, self.writes = list(paths), list(paths.values())

    def apply(self, body: str, complain: Complain) -> str:
        for source, target in self._pairs:
            found = _found(body, source)
            if found and not can_insert(body, target):
                complain(f"copy: there is a field {target} already, so {source} is not copied")
                continue
            if found:
                body = insert_all(body, [(target + below, value) for below, value in found])
        return body


def _found(body: str, path: str) -> list[tuple[str, str]]:
    """What of their names is below the path, and the values, of all that is there."""
    found: list[tuple[str, str]] = []

    def look(key_text: str, below: str, value: str) -> str:
        found.append((below, value))
        return f"{key_text}:{value}"

    edit(body, path, look)
    return found


class DropFields(FieldChange):
    """Without these fields and all that is below them."""

    name = "drop_fields"

    def __init__(self, paths: Iterable[str]) -> None:
        self.reads = list(paths)

    def apply(self, body: str, complain: Complain) -> str:
        for path in self.reads:
            body, _ = remove(body, path)
        return body


class KeepFields(FieldChange):
    """Nothing but these fields and all that is below them, and the time where the application wrote it."""

    name = "keep_fields"

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = frozenset((*paths, "@timestamp"))

    def apply(self, body: str, complain: Complain) -> str:
        return keep(body, self._paths)


class LowercaseFields(FieldChange):
    """Texts in lower case. What is no text stays as it is."""

    name = "lowercase"

    def __init__(self, paths: Iterable[str]) -> None:
        self.reads = list(paths)

    def apply(self, body: str, complain: Complain) -> str:
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
    """Values of another type."""

    name = "convert"

    def __init__(self, conversions: Mapping[str, tuple[str, Conversion]]) -> None:
        self._conversions = dict(conversions)
        self.reads = list(conversions)

    def apply(self, body: str, complain: Complain) -> str:
        for path, (kind, convert) in self._conversions.items():

            def as_kind(
                key_text: str, below: str, value: str,
                path: str = path, kind: str = kind, convert: Conversion = convert,
            ) -> str:  # fmt: skip
                found = value if below or value == "null" else convert(value)
                if found is None:
                    complain(f"convert: {path} cannot be read as {kind}")
                return f"{key_text}:{value if found is None else found}"

            body = edit(body, path, as_kind)
        return body


class HashFields(FieldChange):
    """A hash over fields (BLAKE2b, 128 bits of it, as RFC 7693 defines it), the same for the same values."""

    name = "fingerprint"

    def __init__(self, fields: Iterable[str], target: str) -> None:
        self.reads = list(fields)
        self._target = target
        self.writes = (target,)

    def apply(self, body: str, complain: Complain) -> str:
        found = {path: [_plain(value) for value in read(body, path)] for path in self.reads}
        if not any(found.values()):
            return body
        if not can_insert(body, self._target):
            complain(f"fingerprint: there is a field {self._target} already")
            return body
        digest = blake2b(msgspec.json.encode(found), digest_size=16).hexdigest()
        return insert(body, self._target, json_string(digest))


def _plain(value: str) -> str:
    """A value by which equal ones are told: without escapes if it is a text, else as it is written."""
    return f'"{_STRING.decode(value)}' if value[0] == '"' else value
