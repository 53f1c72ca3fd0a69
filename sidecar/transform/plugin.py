"""Transforms of the user's own: a function that is given the records of a chunk and changes their fields.

A fault in one loses nothing and holds nothing up: it would come again with the same lines for ever. What it did in
the chunk is forgotten, it is given the records one by one, and those on which it fails are shipped without it and say
so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from sidecar.lib.jsontext.edit import can_insert, edit, insert, read, remove
from sidecar.model.records import RecordBatch
from sidecar.model.reserved_fields import is_reserved

_ANY = msgspec.json.Decoder()


class Record:
    """The fields of one line. A path is a dotted name: `url.path` is `path` within `url`, however it is written.

    What is not set or dropped keeps its text to the byte, numbers and the order of fields included.
    """

    def __init__(self, members: str, line: str) -> None:
        self.line = line
        """The line or event as it stands in the file."""
        self.members = members
        """All fields, as the members of a JSON object."""
        self.written: set[str] = set()
        """The paths that were set."""

    def get(self, path: str, default: Any = None) -> Any:
        """The value at the path."""
        found = read(self.members, path)
        return _ANY.decode(found[-1]) if found else default

    def set(self, path: str, value: Any) -> None:
        """Put a value there, instead of the one that is there.

        Raises `ValueError` for a field that the sidecar sets itself, and where something above the path is no object.
        """
        _check(path)
        rest, _ = remove(self.members, path)
        text = msgspec.json.encode(value).decode()
        if len(read(self.members, path)) == 1:
            self.members = edit(self.members, path, lambda key, below, _: None if below else f"{key}:{text}")
            return
        if not can_insert(rest, path):
            raise ValueError(f"what is above {path} is no object")
        self.members = insert(rest, path, text)
        self.written.add(path)

    def drop(self, path: str) -> None:
        """Take away the field and all that is below it. Raises `ValueError` for one that the sidecar sets itself."""
        _check(path)
        self.members, _ = remove(self.members, path)


def _check(path: str) -> None:
    if is_reserved(path) or not all(path.split(".")):
        raise ValueError(f"{path} cannot be set or dropped")


Function = Callable[..., None]
"""Takes a sequence of `Record`, some hundred in the order of their lines, and options by name; changes these."""


class PluginTransform:
    """One of these functions with its options, as a step."""

    def __init__(self, name: str, function: Function, options: Mapping[str, Any]) -> None:
        self._name, self._function, self._options = name, function, dict(options)

    def __call__(self, records: RecordBatch) -> RecordBatch:
        views = list(map(Record, records.bodies, records.lines.texts))
        complaints: dict[int, str] = {}
        try:
            self._function(views, **self._options)
        except Exception:  # whatever a plug-in raises: some of the records can do without
            given = zip(records.bodies, records.lines.texts, strict=True)
            views = [self._run_single(index, record, complaints) for index, record in enumerate(given)]
        members = [view.members for view in views]
        if members == records.bodies:
            return records.annotate_failures(complaints, self._name)
        roots = {name for view in views for path in view.written for name in (path, path.partition(".")[0])}
        names = None if records.root_names is None else records.root_names | roots
        return replace(records, bodies=members, root_names=names, ends_with_log_object=False).annotate_failures(
            complaints, self._name
        )

    def _run_single(self, index: int, record: tuple[str, str], complaints: dict[int, str]) -> Record:
        view = Record(*record)
        try:
            self._function([view], **self._options)
        except Exception as error:
            complaints[index] = f"{self._name} failed: {type(error).__name__}"
            return Record(*record)
        return view
