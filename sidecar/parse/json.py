"""Parses one JSON object per line (RFC 8259), and keeps its text as the application wrote it.

The fast path uses the text of the lines unchanged. It requires that each line is exactly one object, that no name is
reserved, and that each timestamp is valid as written (docs/design/architecture.md). Each check is one scan in C. If
names are reserved, the document builder finds the conflicts. If another check fails, the general path parses the
chunk and returns the same records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec.structs import replace

from sidecar.lib import native
from sidecar.model.lines import LineBatch
from sidecar.model.records import ERROR_FIELD, RecordBatch
from sidecar.parse.plain import json_strings, message_bodies
from sidecar.parse.time.timestamps import Timestamps

TIME_FIELDS = ("@timestamp", "timestamp", "time", "ts")
"""Names of the timestamp field, tried in this order by default."""

_NOT_AN_OBJECT = "the line is not one JSON object"
_ANY_NAMES = None
"""Instead of a set of root names: all names may occur, and conflicts are found when documents are built."""

_ROOT_NAMES = (frozenset[str](), frozenset({ERROR_FIELD}), _ANY_NAMES)
"""Sets of root names that may have any value, although the sidecar may write fields below them. They are tried in
this order: the empty set, which requires every `error` to be an object or null (the usual case); then `error`; then
any name."""

_MAX_LEAVES_PER_ROOT = 3
"""Maximum number of reserved fields below one root field that are searched separately (see `_reserved_prefixes`)."""

_BOM = "\ufeff"

_Never = Annotated[int, msgspec.Meta(ge=2, le=1)]
"""A type without valid values, for reserved names: if one occurs, the decoding of the chunk fails."""


class _Object(msgspec.Struct):
    """Accepts any JSON object, without decoding its members."""


class _TimeField(NamedTuple):
    """The root field with the timestamp of each line: its name, or None, and its type, `str` or `Raw` (a number)."""

    name: str | None
    kind: type


_NO_TIME_FIELD = _TimeField(None, str)


class JsonParser:
    """Parses one JSON object per line. Its fields are put at the root of the document, or under `target`."""

    def __init__(
        self, timestamps: Timestamps, reserved: frozenset[str] = frozenset(), field: str | None = None,
        target: str | None = None,
    ) -> None:  # fmt: skip
        self._timestamps = timestamps
        self._reserved = frozenset(name for name in reserved if not name.startswith("_"))
        self._hidden_names = (b'"_', *_reserved_prefixes(self._reserved))
        self._target = target
        # A time field with a reserved name must be moved, which the fast path cannot do.
        self._has_reserved_time_field = field in {*self._reserved, ERROR_FIELD} - {"@timestamp"}
        self._candidates = (field,) if field else TIME_FIELDS
        self._decoders: dict[tuple[_TimeField, frozenset[str] | None], msgspec.json.Decoder[Any]] = {}
        time_fields = [_TimeField(name, kind) for name in self._candidates for kind in (str, msgspec.Raw)]
        # A dotted name may be in a nested object, which the decoder of a whole chunk does not read.
        self._time_fields = () if field and "." in field else (*time_fields, _NO_TIME_FIELD)
        self._time_decoder = _TimeDecoder(self._candidates)
        self._last_time_field = time_fields[-2]

    def parse(self, lines: LineBatch) -> RecordBatch:
        """Return one record for each line."""
        return self._parse_chunk(lines) or self._parse_objects(lines) or self._parse_lines(lines)

    def _parse_chunk(self, lines: LineBatch) -> RecordBatch | None:
        """Use all lines unchanged. Return None if a field or a timestamp of a line must be changed."""
        is_eligible = lines.is_uniform and not self._target and not self._has_reserved_time_field
        bodies = strip_object_braces(lines) if is_eligible else None
        if bodies is None:
            return None
        root_names = _ROOT_NAMES if self._may_be_spliced(lines.chunk.data) else (_ANY_NAMES,)
        for time_field, names in product(dict.fromkeys((self._last_time_field, *self._time_fields)), root_names):
            times = self._read_times(time_field, names, lines)
            if times is not None:
                if time_field.name is None and not all(map(str.strip, bodies)):
                    return None
                self._last_time_field = time_field
                has_own_timestamp = time_field.name == "@timestamp" and names is not _ANY_NAMES
                return RecordBatch(lines, lines.starts, bodies, times, names, has_own_timestamp=has_own_timestamp)
        return None

    def _parse_objects(self, lines: LineBatch) -> RecordBatch | None:
        """Parse the lines between braces in one pass, and the other ones separately."""
        texts = list(lines.texts)
        objects = (
            [index for index, text in enumerate(texts) if text[0] == "{" and text[-1] == "}"]
            if lines.is_uniform
            else []
        )
        if not objects or len(objects) == lines.count:
            return None
        data = "\n".join([*(texts[index] for index in objects), ""])
        chunk = replace(lines.chunk, data=data.encode())
        parsed = self._parse_chunk(
            replace(lines, chunk=chunk, count=len(objects), texts=[texts[index] for index in objects], text=data)
        )
        if parsed is None:
            return None
        rows = dict(zip(objects, zip(parsed.bodies, parsed.times, strict=True), strict=True))
        others = [index for index in range(lines.count) if index not in rows]
        rest = self._parse_lines(lines.select(others))
        rows |= zip(others, zip(rest.bodies, rest.times, strict=True), strict=True)
        bodies, times = zip(*(rows[index] for index in range(lines.count)), strict=True)
        is_unknown = parsed.root_names is None or parsed.has_own_timestamp or len(rest.errors) < len(others)
        return RecordBatch(
            lines, lines.starts, list(bodies), list(times),
            None if is_unknown or parsed.root_names is None else parsed.root_names | {"message"},
            errors={others[position]: reason for position, reason in rest.errors.items()},
        )  # fmt: skip

    def _may_be_spliced(self, data: bytes) -> bool:
        """Return whether no reserved name can be hidden in the data.

        It must not contain `\\u`, which could encode any name, names that begin with `_`, or dotted names below a
        reserved field.
        """
        # One character is found several times as fast as two.
        has_escaped_names = b"\\" in data and native.contains(data, b"\\u")
        return not (has_escaped_names or native.contains_any(data, self._hidden_names))

    def _read_times(self, time_field: _TimeField, names: frozenset[str] | None, lines: LineBatch) -> list[str] | None:
        """Return the timestamp of each line, or None if a line has none in this field or uses a reserved name.

        `names`: root names that may have any value. Empty objects are accepted only if there is no time field.
        """
        try:
            rows = self._decoder(time_field, names).decode_lines(lines.chunk.data)
        except (msgspec.DecodeError, RecursionError):
            return None
        if len(rows) != lines.count:
            return None
        if time_field.name is None:
            return [""] * lines.count
        values = [row.time for row in rows] if time_field.kind is str else _numbers([row.time for row in rows])
        times = self._timestamps.convert_all(values) if values else [""]
        # `@timestamp` stays in the body, so it must not need a conversion.
        is_own = time_field.name == "@timestamp" and names is not _ANY_NAMES
        return None if "" in times or (is_own and times != values) else times

    def _decoder(self, time_field: _TimeField, names: frozenset[str] | None) -> Any:
        if (time_field, names) not in self._decoders:
            name = time_field.name
            fields: list[Any] = [("time", time_field.kind, msgspec.field(name=name))] if name else []
            reserved = frozenset[str]() if names is _ANY_NAMES else self._reserved
            forbidden = (reserved | set(self._candidates_before(name))) - {name}
            for number, forbidden_name in enumerate(sorted(forbidden)):
                reject = msgspec.field(name=forbidden_name, default=msgspec.UNSET)
                fields.append((f"never_{number}", _Never | msgspec.UnsetType, reject))
            if names is not None and ERROR_FIELD not in names | forbidden:
                object_or_null = msgspec.field(name=ERROR_FIELD, default=msgspec.UNSET)
                fields.append(("object", _Object | None | msgspec.UnsetType, object_or_null))
            self._decoders[time_field, names] = msgspec.json.Decoder(msgspec.defstruct("Row", fields, gc=False))
        return self._decoders[time_field, names]

    def _candidates_before(self, field: str | None) -> Sequence[str]:
        """Return the names that take precedence over this time field; all names if `field` is None."""
        return self._candidates[: self._candidates.index(field)] if field else self._candidates

    def _parse_lines(self, lines: LineBatch) -> RecordBatch:
        bodies: list[str] = []
        times: list[str] = []
        errors: dict[int, str] = {}
        texts = lines.texts
        for index, text in enumerate(texts):
            body, time = self._parse_line(text)
            if body is None:
                errors[index] = _NOT_AN_OBJECT
                body = message_bodies([text])[0]
            bodies.append(body)
            times.append(time)
        return RecordBatch(lines, lines.starts, bodies, times, errors=errors)

    def _parse_line(self, line: str) -> tuple[str | None, str]:
        text = line.removeprefix(_BOM).strip(" \t\r\n")
        if not (text.startswith("{") and text.endswith("}")):
            return None, ""
        try:
            time_values = self._time_decoder.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            return None, ""
        # A line end can only be between tokens, because it is escaped in strings.
        body = text[1:-1].replace("\n", " ") if text[1:-1].strip() else ""
        time = self._time_of(time_values, text)
        return (body if self._target is None else wrap_in_path(self._target, f"{{{body}}}")), time

    def _time_of(self, time_values: Any, text: str) -> str:
        for name in self._candidates:
            value = time_values.get(name)
            if value is None and "." in name:
                value = _value_at(text, name)
            if (
                isinstance(value, str | int | float)
                and not isinstance(value, bool)
                and (time := self._timestamps.read(value))
            ):
                return time
        return ""


def strip_object_braces(lines: LineBatch) -> list[str] | None:
    """Return each line without its braces, or None if a line does not begin and end with a brace.

    In JSON, an opening brace never follows a closing one directly, so no object spans two such lines. If the decoder
    finds as many objects as lines, each line is exactly one object.
    """
    return native.strip_braces(list(lines.texts), "{", "}")


def _numbers(values: Sequence[msgspec.Raw]) -> list[str] | None:
    """Return the text of each value, or None if a value is not a number."""
    texts = b"\n".join(map(bytes, values)).decode().split("\n")
    return texts if len(texts) == len(values) and all(text[0] in "-0123456789" for text in texts) else None


def _reserved_prefixes(reserved: frozenset[str]) -> Sequence[bytes]:
    """Return the prefixes of dotted names that would conflict with reserved fields.

    The whole chunk is searched for each prefix. So a root with many fields, such as the labels of a Pod, has a single
    common prefix.
    """
    leaves = [name for name in reserved if not any(other.startswith(f"{name}.") for other in reserved)]
    leaves_of_root = Counter(leaf.partition(".")[0] for leaf in leaves)
    prefixes = {
        root if leaves_of_root[root] > _MAX_LEAVES_PER_ROOT else leaf
        for leaf in leaves
        for root in [leaf.partition(".")[0]]
    }
    return [f"{name[:-1]}.".encode() for name in json_strings(sorted(prefixes))]


class _TimeDecoder:
    """Decodes the time fields of a line. The other members are only validated."""

    def __init__(self, names: Sequence[str]) -> None:
        fields: list[Any] = [
            (f"time_{number}", msgspec.Raw, msgspec.field(name=name, default=msgspec.Raw()))
            for number, name in enumerate(names)
        ]
        self._names = names
        self._decoder = msgspec.json.Decoder(msgspec.defstruct("Times", fields, gc=False))

    def decode(self, text: str) -> Mapping[str, Any]:
        row = self._decoder.decode(text)
        raw_values = {name: getattr(row, f"time_{number}") for number, name in enumerate(self._names)}
        return {name: _value(raw) for name, raw in raw_values.items() if bytes(raw)}


def _value(raw: msgspec.Raw) -> Any:
    try:
        text = bytes(raw).strip()
        return (
            msgspec.json.decode(text) if text[:1] == b'"' else text.decode() if text[:1] in b"-0123456789" else None
        )
    except msgspec.MsgspecError:
        return None


def _value_at(text: str, path: str) -> Any:
    """Return the value at a dotted path of nested objects."""
    try:
        value: Any = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return None
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def wrap_in_path(path: str, value: str) -> str:
    """Return the body of a JSON object in which a dotted path has this value (JSON text)."""
    first, *rest = json_strings(path.split("."))
    braces = "}" * len(rest)
    return f"{first}:" + "".join(f"{{{name}:" for name in rest) + value + braces
