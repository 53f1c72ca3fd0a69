"""Custom transforms: a function that receives the records of a chunk and changes their fields.

An exception must neither lose records nor stop shipping, because the same lines would raise it again after each
retry. So the changes of the failed call are discarded, and the function is called with each record separately.
Records on which it fails again are shipped unchanged, with the reason in `error.message`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from sidecar.lib.crash import describe_crash
from sidecar.lib.jsontext.edit import can_insert, edit, insert, read, remove
from sidecar.model.records import RecordBatch
from sidecar.model.reserved_fields import is_reserved

_ANY = msgspec.json.Decoder()


class Record:
    """The fields of one line. A path is a dotted name: `url.path` is `path` in `url`, nested or dotted.

    Fields that are not set or dropped keep their exact text: the digits of numbers, and the order of fields.
    """

    def __init__(self, members: str, line: str) -> None:
        self.line = line
        """The text of the line or event in the file."""
        self.members = members
        """All fields, as the text of a JSON object without its braces."""
        self.written: set[str] = set()
        """The paths that were set."""

    def get(self, path: str, default: Any = None) -> Any:
        """Return the value at the path."""
        values = read(self.members, path)
        return _ANY.decode(values[-1]) if values else default

    def set(self, path: str, value: Any) -> None:
        """Set the value at the path.

        Raise `ValueError` for a field that the sidecar sets, or if a field above the path is not an object.
        """
        _check(path)
        remaining, _ = remove(self.members, path)
        text = msgspec.json.encode(value).decode()
        if len(read(self.members, path)) == 1:
            self.members = edit(self.members, path, lambda key, below, _: None if below else f"{key}:{text}")
            return
        if not can_insert(remaining, path):
            raise ValueError(f"{path} cannot be set, because a field above it is not an object")
        self.members = insert(remaining, path, text)
        self.written.add(path)

    def drop(self, path: str) -> None:
        """Drop the field and everything below it. Raise `ValueError` for a field that the sidecar sets."""
        _check(path)
        self.members, _ = remove(self.members, path)


def _check(path: str) -> None:
    if is_reserved(path):
        raise ValueError(f"{path} cannot be set or dropped, because the sidecar sets it; use another field")
    if not all(path.split(".")):
        raise ValueError(f"{path!r} is not a field path: a name between the dots is empty")


Function = Callable[..., None]
"""Receives the records of a chunk in the order of their lines, and the options as keyword arguments. It changes the
records in place."""


class PluginTransform:
    """Calls a custom function with its options."""

    def __init__(self, name: str, function: Function, options: Mapping[str, Any]) -> None:
        self._name, self._function, self._options = name, function, dict(options)

    def __call__(self, records: RecordBatch) -> RecordBatch:
        plugin_records = list(map(Record, records.bodies, records.lines.texts))
        failures: dict[int, str] = {}
        try:
            self._function(plugin_records, **self._options)
        except Exception:  # a plug-in may raise anything, and may still succeed on some of the records
            originals = zip(records.bodies, records.lines.texts, strict=True)
            plugin_records = [self._run_single(index, record, failures) for index, record in enumerate(originals)]
        members = [plugin_record.members for plugin_record in plugin_records]
        if members == records.bodies:
            return records.annotate_failures(failures, self._name)
        written = {path for plugin_record in plugin_records for path in plugin_record.written}
        roots = written | {path.partition(".")[0] for path in written}
        names = None if records.root_names is None else records.root_names | roots
        return replace(records, bodies=members, root_names=names, ends_with_log_object=False).annotate_failures(
            failures, self._name
        )

    def _run_single(self, index: int, record: tuple[str, str], failures: dict[int, str]) -> Record:
        plugin_record = Record(*record)
        try:
            self._function([plugin_record], **self._options)
        except Exception as error:
            failures[index] = f"{self._name} failed: {describe_crash(error)}"
            return Record(*record)
        return plugin_record
