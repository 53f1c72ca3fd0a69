"""Renders names of indexes and collections that contain the date of the event (`logs-%Y.%m.%d`) or its fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import msgspec

from sidecar.model.batch import Batch

_DIRECTIVE = re.compile(r"%(.?)")
_ALLOWED = frozenset("YymdHjGVu%")
_STARS = re.compile(r"\*(?:[._]?\*)+")
_HOUR = itemgetter(slice(0, 13))
_ZONE = itemgetter(-1)
_ROW = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY = msgspec.json.Decoder()
_FIELD = re.compile(r"\{([^{}:]+):([^{}:]+)\}")
_INVALID_CHARACTER = re.compile(r"[^A-Za-z0-9_.-]")
_INVALID_OR_HYPHEN = re.compile(r"[^A-Za-z0-9_.]")
MAX_FIELD_CHARACTERS = 64
"""Maximum length of a field's value in a name."""


class TargetTemplate:
    """A name with dates and fields.

    Dates are strftime directives (`%Y %y %m %d %H %j %G %V %u`), replaced by the event time in UTC. None of them
    depends on a locale or is finer than an hour. Fields have a default (`logs-{service.name:other}`) and are replaced
    by the value in each document. In values, any character but letters, digits and `_.-` becomes `_`; with `lower`,
    letters become lower case, and without `hyphens`, `-` becomes `_` too. A name with a field must begin with
    constant text, so that documents cannot choose any name, unless it is `free`. Raises `ValueError` for an invalid
    pattern.
    """

    def __init__(self, pattern: str, *, lower: bool = False, hyphens: bool = True, free: bool = False) -> None:
        unknown = [found for found in _DIRECTIVE.findall(pattern) if found not in _ALLOWED or not found]
        if unknown:
            raise ValueError(f"%{unknown[0]} is not a supported part of a date; use %Y, %m, %d, %H, %j, %G and %V")
        first, *rest = _FIELD.split(pattern)
        self._invalid = _INVALID_CHARACTER if hyphens else _INVALID_OR_HYPHEN
        pairs = zip(rest[::3], rest[1::3], strict=True)
        self._fields = [_Field(path, missing, self._invalid, lower) for path, missing in pairs]
        self._texts = [first, *rest[2::3]]
        if any("{" in text or "}" in text for text in self._texts):
            raise ValueError("a field must be written as {path:default}, for example logs-{service.name:other}")
        if self._fields and not free and not re.search("[A-Za-z0-9]", _DIRECTIVE.sub("", first)):
            raise ValueError("a name with a field must begin with constant text, as in logs-{service.name:other}")
        self.is_dated = _DIRECTIVE.search("".join(self._texts)) is not None
        """Whether the name contains a date."""

        self.fixed = None if self._fields or self.is_dated else pattern
        """The name, if it is the same for all documents; else None."""

    def render(self, moment: datetime, values: Sequence[str] | None = None) -> str:
        """Return the name for a time and values of the fields. If `values` is None, use the default of each field."""
        texts = self._texts
        if self.is_dated:
            texts = [moment.astimezone(UTC).strftime(text) for text in texts]
        chosen = [field.missing for field in self._fields] if values is None else values
        return texts[0] + "".join(f"{value}{text}" for value, text in zip(chosen, texts[1:], strict=True))

    def glob(self) -> str:
        """Return the name with `*` in place of each date and field."""
        texts = [_DIRECTIVE.sub(lambda found: "%" if found[1] == "%" else "*", text) for text in self._texts]
        return _STARS.sub("*", "*".join(texts))

    def examples(self) -> list[str]:
        """Return examples of names, including the longest and most unusual ones, to validate the pattern."""
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        values = (self._invalid.sub("_", character) * MAX_FIELD_CHARACTERS for character in ("x", ".", "-", "_"))
        return [self.render(moment), *(self.render(moment, [value for _ in self._fields]) for value in values)]

    def for_batch(self, batch: Batch) -> str | Sequence[str]:
        """Return the name for all documents of the batch if it is the same, else a name for each document."""
        return self.render_batch(batch) if batch.targets is None else _collapse_equal(batch.targets)

    def render_batch(self, batch: Batch) -> str | Sequence[str]:
        """Return the same as `for_batch`, but ignore the original targets of a replay."""
        if self.fixed is not None:
            return self.fixed
        # The lists of the batch stay in memory until it is settled, so they are not used here.
        hours = _extract_hours(batch.list_event_times()) if self.is_dated else [""] * len(batch)
        if not self._fields:
            return self._render_each(hours, [()] * len(batch))
        rows = map(decode_members, batch.iterate_documents())
        return self._render_each(hours, [tuple([field.value_in(row) for field in self._fields]) for row in rows])

    def _render_each(self, hours: Sequence[str], values: Sequence[tuple[str, ...]]) -> str | Sequence[str]:
        keys = list(zip(hours, values, strict=True))
        known = {(hour, chosen): self.render(_parse_hour(hour), chosen) for hour, chosen in set(keys)}
        return next(iter(known.values())) if len(set(known.values())) == 1 else [known[key] for key in keys]


class FieldValue:
    """Reads the value of one field in documents."""

    def __init__(self, path: str) -> None:
        parts = path.split(".")
        self._splits = [(".".join(parts[:size]), ".".join(parts[size:])) for size in range(len(parts), 0, -1)]

    def read(self, row: Mapping[str, msgspec.Raw]) -> str:
        """Return the value as text; "" if the field is missing, or is an object or a list."""
        values = (_read_path(row.get(name), rest) for name, rest in self._splits)
        return next(filter(None, map(_format_value, values)), "")


class _Field:
    """A field in a name, and its default `missing`."""

    def __init__(self, path: str, missing: str, invalid: re.Pattern[str], lower: bool) -> None:
        self.missing = missing
        self._value, self._invalid, self._lower = FieldValue(path), invalid, lower

    def value_in(self, row: Mapping[str, msgspec.Raw]) -> str:
        """Return the value of the field in this document, with only characters that are allowed in a name."""
        found = self._value.read(row)
        text = found.lower() if self._lower else found
        return self._invalid.sub("_", text)[:MAX_FIELD_CHARACTERS] or self.missing


def decode_members(document: str) -> dict[str, msgspec.Raw]:
    """Return the root members of a document, as `FieldValue.read` needs them."""
    try:
        return _ROW.decode(document)
    except (msgspec.DecodeError, RecursionError):
        return {}  # nested too deeply to be decoded: all fields count as missing


def _read_path(raw: msgspec.Raw | None, rest: str) -> Any:
    """Return the value at the path `rest` below a JSON value, or None. Names may be nested or dotted."""
    try:
        value = None if raw is None else _ANY.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None  # for example a number that is too large
    return _find_value(value, rest)


def _find_value(value: Any, path: str) -> Any:
    if not path or not isinstance(value, dict):
        return None if path else value
    parts = path.split(".")
    splits = ((".".join(parts[:size]), ".".join(parts[size:])) for size in range(len(parts), 0, -1))
    return next((found for name, rest in splits if (found := _find_value(value.get(name), rest)) is not None), None)


def _format_value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else ""


def _parse_hour(hour: str) -> datetime:
    return datetime.fromisoformat(f"{hour}:00Z") if hour else datetime(1970, 1, 1, tzinfo=UTC)


def _extract_hours(times: Sequence[str]) -> list[str]:
    """Return the hour of each time in UTC."""
    if not set(map(_ZONE, times)) <= {"Z"}:
        times = [_convert_to_utc(time) for time in times]
    return list(map(_HOUR, times))


def _collapse_equal(names: Sequence[str]) -> str | Sequence[str]:
    return names[0] if len(set(names)) == 1 else names


def _convert_to_utc(time: str) -> str:
    # The seconds are removed: they may be 60, and no directive uses them.
    zone = "Z" if time[-1] in "zZ" else time[-6:]
    try:
        return datetime.fromisoformat(time[:16] + zone).astimezone(UTC).isoformat()
    except OverflowError:
        return time  # before the year 1 or after 9999 in UTC
