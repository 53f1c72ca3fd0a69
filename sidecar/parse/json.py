"""One JSON object a line (RFC 8259), kept as the application wrote it.

For a whole chunk at a stroke it has to be proved that each line is exactly one object, that no name of ours is
used, and that each time can stand as it is (docs/design/architecture.md). Each proof is one scan in C; a chunk for
which one fails goes line by line, and comes out the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Annotated, Any, NamedTuple

import msgspec

from sidecar.lib import native
from sidecar.model.lines import LineBatch
from sidecar.model.records import OBJECT, RecordBatch
from sidecar.parse.plain import json_strings, message_bodies
from sidecar.parse.time.timestamps import Timestamps

TIME_FIELDS = ("@timestamp", "timestamp", "time", "ts")
"""Where the time of an event is looked for unless told."""

_NOT_AN_OBJECT = "the line is not one JSON object"
_NAMES = (frozenset[str](), frozenset({OBJECT}))
"""Whether one of the lines has a value where others have an object, the usual case first."""

_FEW = 3
"""So many leaves under one root are looked for one by one."""

_BOM = "\ufeff"

_Never = Annotated[int, msgspec.Meta(ge=2, le=1)]
"""A type that no value fits, so that a reserved name anywhere fails the whole decoding."""


class _Object(msgspec.Struct):
    """A type that any object fits, and that reads nothing in it."""


class _TimeField(NamedTuple):
    """The field at the root that has the time of each line, and what it is decoded as: text, or (`Raw`) a number."""

    name: str | None
    kind: type


_NOWHERE = _TimeField(None, str)


class JsonParser:
    """One JSON object a line; fields at the root of the document or under `target`."""

    def __init__(
        self, timestamps: Timestamps, reserved: frozenset[str] = frozenset(), field: str | None = None,
        target: str | None = None,
    ) -> None:  # fmt: skip
        self._timestamps = timestamps
        self._reserved = frozenset(name for name in reserved if not name.startswith("_"))
        self._below_ours = _below(self._reserved)
        self._target = target
        # Where the time is a field of ours it has to move, which is not done at a stroke.
        self._is_ours = field in {*self._reserved, OBJECT} - {"@timestamp"}
        self._candidates = (field,) if field else TIME_FIELDS
        self._decoders: dict[tuple[_TimeField, frozenset[str]], msgspec.json.Decoder[Any]] = {}
        places = [_TimeField(name, kind) for name in self._candidates for kind in (str, msgspec.Raw)]
        # A dotted name may stand inside other objects, where the decoder of a whole chunk does not look.
        self._places = () if field and "." in field else (*places, _NOWHERE)
        self._row = _row_decoder(self._candidates)
        self._at = places[-2]

    def parse(self, lines: LineBatch) -> RecordBatch:
        """One record for each line."""
        return self._at_a_stroke(lines) or self._line_by_line(lines)

    def _at_a_stroke(self, lines: LineBatch) -> RecordBatch | None:
        members = strip_object_braces(lines) if lines.is_uniform and not self._target and not self._is_ours else None
        if members is None or not self._may_be_spliced(lines.chunk.data):
            return None
        for place, names in product(dict.fromkeys((self._at, *self._places)), _NAMES):
            times = self._times(place, names, lines)
            if times is not None:
                if place.name is None and not all(map(str.strip, members)):
                    return None
                self._at = place
                in_place = place.name == "@timestamp"
                return RecordBatch(lines, lines.starts, members, times, names, has_own_timestamp=in_place)
        return None

    def _may_be_spliced(self, data: bytes) -> bool:
        """No `\\u`, which could spell a name of ours in another way, no name that begins like those of the databases,
        and none for something below a leaf of ours."""
        return not any(native.holds(data, text) for text in (b"\\u", b'"_', *self._below_ours))

    def _times(self, place: _TimeField, names: frozenset[str], lines: LineBatch) -> list[str] | None:
        """The time of each line if every line has one in this place, else None.

        `names`: what may have any value. With no field, and only then, objects without members come through, too.
        """
        try:
            rows = self._decoder(place, names).decode_lines(lines.chunk.data)
        except (msgspec.DecodeError, RecursionError):
            return None
        if len(rows) != lines.count:
            return None
        if place.name is None:
            return [""] * lines.count
        written = [row.time for row in rows] if place.kind is str else _numbers([row.time for row in rows])
        times = self._timestamps.all(written) if written else [""]
        # Under our own name it has to stand as it is written.
        return None if "" in times or (place.name == "@timestamp" and times != written) else times

    def _decoder(self, place: _TimeField, names: frozenset[str]) -> Any:
        if (place, names) not in self._decoders:
            name = place.name
            fields: list[Any] = [("time", place.kind, msgspec.field(name=name))] if name else []
            forbidden = (self._reserved | set(self._before(name))) - {name}
            for number, other in enumerate(sorted(forbidden)):
                never = msgspec.field(name=other, default=msgspec.UNSET)
                fields.append((f"never_{number}", _Never | msgspec.UnsetType, never))
            if OBJECT not in names | forbidden:
                either = msgspec.field(name=OBJECT, default=msgspec.UNSET)
                fields.append(("object", _Object | None | msgspec.UnsetType, either))
            self._decoders[place, names] = msgspec.json.Decoder(msgspec.defstruct("Row", fields, gc=False))
        return self._decoders[place, names]

    def _before(self, field: str | None) -> Sequence[str]:
        """The names that would have been taken for the time before this one; all of them if it is none."""
        return self._candidates[: self._candidates.index(field)] if field else self._candidates

    def _line_by_line(self, lines: LineBatch) -> RecordBatch:
        members: list[str] = []
        times: list[str] = []
        errors: dict[int, str] = {}
        texts = lines.texts
        for index, text in enumerate(texts):
            body, time = self._one(text)
            if body is None:
                errors[index] = _NOT_AN_OBJECT
                body = message_bodies([text])[0]
            members.append(body)
            times.append(time)
        return RecordBatch(lines, lines.starts, members, times, errors=errors)

    def _one(self, line: str) -> tuple[str | None, str]:
        text = line.removeprefix(_BOM).strip(" \t\r\n")
        if not (text.startswith("{") and text.endswith("}")):
            return None, ""
        try:
            row = self._row.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            return None, ""
        # A line end can only stand between tokens: within a string it would have to be escaped.
        body = text[1:-1].replace("\n", " ") if text[1:-1].strip() else ""
        time = self._time_of(row, text)
        return (body if self._target is None else wrap_in_path(self._target, f"{{{body}}}")), time

    def _time_of(self, row: Any, text: str) -> str:
        for name in self._candidates:
            value = row.get(name)
            if value is None and "." in name:
                value = _inside(text, name)
            if (
                isinstance(value, str | int | float)
                and not isinstance(value, bool)
                and (found := self._timestamps.read(value))
            ):
                return found
        return ""


def strip_object_braces(lines: LineBatch) -> list[str] | None:
    """Each line without the braces that it begins and ends with; None if one does not.

    After a closing brace JSON never goes on with an opening one, so no object spans two such lines; if there are as
    many objects as lines, each line holds exactly one.
    """
    return native.unwrapped(list(lines.texts), "{", "}")


def _numbers(values: Sequence[msgspec.Raw]) -> list[str] | None:
    """The text of each value if all are numbers."""
    texts = b"\n".join(map(bytes, values)).decode().split("\n")
    return texts if len(texts) == len(values) and all(text[0] in "-0123456789" for text in texts) else None


def _below(reserved: frozenset[str]) -> Sequence[bytes]:
    """How a dotted name begins that stands for something below a leaf of ours, or below the root of many of them.

    Each is looked for in all of the text, so there must not be one for each label of a Pod.
    """
    leaves = [name for name in reserved if not any(other.startswith(f"{name}.") for other in reserved)]
    many = Counter(leaf.partition(".")[0] for leaf in leaves)
    above = {root if many[root] > _FEW else leaf for leaf in leaves for root in [leaf.partition(".")[0]]}
    return [f"{name[:-1]}.".encode() for name in json_strings(sorted(above))]


class _Row:
    """Only the time fields of one line, decoded; everything else is checked and passed over."""

    def __init__(self, names: Sequence[str]) -> None:
        fields: list[Any] = [
            (f"time_{number}", msgspec.Raw, msgspec.field(name=name, default=msgspec.Raw()))
            for number, name in enumerate(names)
        ]
        self._names = names
        self._decoder = msgspec.json.Decoder(msgspec.defstruct("Times", fields, gc=False))

    def decode(self, text: str) -> Mapping[str, Any]:
        row = self._decoder.decode(text)
        found = {name: getattr(row, f"time_{number}") for number, name in enumerate(self._names)}
        return {name: _value(raw) for name, raw in found.items() if bytes(raw)}


def _row_decoder(names: Sequence[str]) -> _Row:
    return _Row(names)


def _value(raw: msgspec.Raw) -> Any:
    try:
        text = bytes(raw).strip()
        return (
            msgspec.json.decode(text) if text[:1] == b'"' else text.decode() if text[:1] in b"-0123456789" else None
        )
    except msgspec.MsgspecError:
        return None


def _inside(text: str, path: str) -> Any:
    """The value at a dotted path of nested objects."""
    try:
        here: Any = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return None
    for name in path.split("."):
        here = here.get(name) if isinstance(here, dict) else None
    return here


def wrap_in_path(path: str, value: str) -> str:
    """The members of an object that has only this value (JSON text), under a dotted path."""
    first, *rest = json_strings(path.split("."))
    closing = "}" * len(rest)
    return f"{first}:" + "".join(f"{{{name}:" for name in rest) + value + closing
