"""Data streams that are named by type, dataset and namespace: `logs-nginx-default`.

Each document gets the fields `data_stream.type`, `data_stream.dataset`, `data_stream.namespace` and `ecs.version`. If
the name is the same for all documents, they are added with the other fields of the sidecar. Otherwise they are read
from the name of the stream, so they agree with it even if the document goes to the fallback of `max_targets`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import count
from typing import Annotated

from sidecar.lib.jsontext.edit import can_insert, insert, insert_all, remove
from sidecar.lib.jsontext.nested import json_string
from sidecar.lib.settings_model import SHOWN, SettingsModel
from sidecar.sinks.common.target_name import TargetTemplate

ECS_VERSION = "8.11.0"
"""The version of the Elastic Common Schema that the names of the sidecar's fields follow."""

MAX_PART_BYTES = 100
"""Maximum length of type, dataset and namespace, as Elastic defines it."""

_STREAM_TEMPLATE = re.compile(r"(logs|metrics|traces|synthetics)-[^-].*-.+")
"""Names for which a built-in index template of Elasticsearch creates a data stream."""

_PARTS = ("type", "dataset", "namespace")
_SEPARATOR = "-"


class DataStreamSettings(SettingsModel):
    """The parts of the name of a data stream, `type-dataset-namespace`. None may contain `-`."""

    type: Annotated[str, SHOWN] = "logs"
    """Kind of data."""

    dataset: Annotated[str, SHOWN] = "generic"
    """Source of the data, such as `nginx.access`. `{service.name:generic}` is the value of a field, or the word after
    the colon if the field is missing."""

    namespace: Annotated[str, SHOWN] = "default"
    """Environment or tenant. May contain fields, like `dataset`."""

    @property
    def pattern(self) -> str:
        """The name of the stream, with its fields."""
        return _SEPARATOR.join((self.type, self.dataset, self.namespace))

    def template(self) -> TargetTemplate:
        """Return the template of the name. Raise `ValueError` if a part is not valid."""
        if "%" in self.pattern:
            raise ValueError("a date would create a data stream each day; a data stream rolls over by itself")
        if "{" in self.type:
            raise ValueError("type must not contain a field")
        template = TargetTemplate(self.pattern, lower=True, hyphens=False)
        for name in template.examples():
            parts = name.split(_SEPARATOR)
            if len(parts) != len(_PARTS) or not all(1 <= len(part.encode()) <= MAX_PART_BYTES for part in parts):
                raise ValueError(f"each part must have 1 to {MAX_PART_BYTES} characters and must not contain -")
        return template

    def document_fields(self) -> dict[str, str]:
        """Return the fields that are the same in all documents: only `ecs.version` if the name has fields."""
        version = {"ecs.version": ECS_VERSION}
        return version if self.template().fixed is None else {**version, **_parts_of(self.pattern)}


def daily_stream_template(name: TargetTemplate) -> str:
    """Return the built-in index template that makes each day of this name a data stream; "" if there is none."""
    matches = {_STREAM_TEMPLATE.fullmatch(example) for example in name.examples()} if name.is_dated else set()
    return next((f"{match[1]}-*-*" for match in matches if match), "")


def add_stream_fields(document: str, stream: str) -> str:
    """Return the document with the fields `data_stream.*` of this stream.

    If the application has set one of them to a different value, that value moves to `original.data_stream.*`.
    """
    members = _render_members(stream)
    if '"data_stream' not in document and "\\u" not in document and document != "{}":
        return f"{{{members},{document[1:]}" if members else document
    return f"{{{_replace_fields(document[1:-1], _leaves(stream))}}}"


def _parts_of(stream: str) -> dict[str, str]:
    """Return the fields for the parts of a name; none if it is not the name of such a stream, as in a replay."""
    parts = stream.split(_SEPARATOR)
    names = (f"data_stream.{name}" for name in _PARTS)
    return dict(zip(names, parts, strict=True)) if len(parts) == len(_PARTS) else {}


def _leaves(stream: str) -> dict[str, str]:
    return {path: json_string(value) for path, value in _parts_of(stream).items()}


@lru_cache(maxsize=1024)
def _render_members(stream: str) -> str:
    return insert_all("", _leaves(stream).items())


def _replace_fields(body: str, leaves: Mapping[str, str]) -> str:
    moved: list[tuple[str, str]] = []
    for path, value in leaves.items():
        body, removed = remove(body, path)
        moved += [(f"{path}{rest}", old) for rest, old in removed if rest or old != value]
    if not can_insert(body, "data_stream.type"):  # it is no object
        body, removed = remove(body, "data_stream")
        moved += [(f"data_stream{rest}", old) for rest, old in removed]
    body = insert_all(body, leaves.items())
    for path, old in moved:
        names = (f"original{'_' * number}.{path}" for number in count())
        body = insert(body, next(name for name in names if can_insert(body, name)), old)
    return body
