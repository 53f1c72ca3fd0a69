"""Parses entries of systemd's journal: `journalctl -o json`, and `-o export`, whose entries have several lines.

The fields of journald that have a name in the Elastic Common Schema get it; the others are below `journald`.

The fast path converts entries with the same fields together. The general path converts the other entries.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.chain import Parser, retry_failed
from sidecar.parse.json import strip_object_braces
from sidecar.parse.row_templates import RowFormatter, number_field, text_field
from sidecar.parse.time.timestamps import Timestamps

_LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_DIGITS = re.compile(r"\d{1,18}", re.ASCII)
_USUAL_TIME, _LEVEL_NUMBER = re.compile(r"\d{1,16}", re.ASCII), re.compile("[0-7]")
_NOT_AN_ENTRY = "the event is not an entry of the journal"


def _read_time(microseconds: str) -> str:
    second, fraction = divmod(int(microseconds), 10**6)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:06}Z"


def _read_level(priority: str) -> str:
    return _LEVELS[int(priority)]


_FIELDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "__REALTIME_TIMESTAMP": ("@timestamp", _read_time),
    "MESSAGE": ("message", str),
    "PRIORITY": ("log.level", _read_level),
    "SYSLOG_FACILITY": ("log.syslog.facility.code", int),
    "SYSLOG_IDENTIFIER": ("log.syslog.appname", str),
    "_HOSTNAME": ("log.syslog.hostname", str),
    "CODE_FILE": ("log.origin.file.name", str),
    "CODE_LINE": ("log.origin.file.line", int),
    "CODE_FUNC": ("log.origin.function", str),
    "_COMM": ("process.name", str),
    "_PID": ("process.pid", int),
    "_EXE": ("process.executable", str),
    "_CMDLINE": ("process.command_line", str),
    "_UID": ("user.id", str),
    "_SYSTEMD_UNIT": ("systemd.unit", str),
    "_TRANSPORT": ("systemd.transport", str),
    "CONTAINER_ID_FULL": ("container.id", str),
    "CONTAINER_NAME": ("container.name", str),
}
"""Field of journald → path, and the function that reads its text. If the function raises `ValueError`, the field
stays below `journald`."""


_PATTERNS: dict[Callable[[str], Any], re.Pattern[str]] = {
    _read_time: _USUAL_TIME, _read_level: _LEVEL_NUMBER, int: _DIGITS
}  # fmt: skip
"""By function that reads a text: what it can read. Other texts need a decision."""

_TIME = "__REALTIME_TIMESTAMP"
_MICROSECOND_DIGITS = 6
_MAX_LAYOUTS = 256
_TEXTS = msgspec.json.Decoder(dict[str, str])

_Entry = Mapping[str, str]


class JournaldParser:
    """Parses entries of the journal. `general`: the parser for entries that need a decision about a field."""

    def __init__(self, timestamps: Timestamps, general: Parser) -> None:
        self._timestamps, self._general = timestamps, general
        self._layouts: dict[tuple[str, ...], _Layout | None] = {}

    def parse(self, lines: LineBatch) -> RecordBatch:
        """Return one record for each entry."""
        records = self._parse_chunk(lines)
        if len(records.errors) == lines.count:
            return self._general.parse(lines)
        if not records.errors:
            return records
        return retry_failed(replace(records, root_names=None), self._general.parse, lines)

    def _parse_chunk(self, lines: LineBatch) -> RecordBatch:
        """Parse all entries that need no decision. The other entries fail."""
        entries = _split_entries(lines)
        indexes_by_names: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for index, entry in enumerate(entries):
            indexes_by_names[tuple(entry)].append(index)
        bodies, times, roots, ends_with_log = [""] * lines.count, [""] * lines.count, set[str](), True
        for names, indexes in indexes_by_names.items():
            layout = self._layout_of(names)
            rows = layout.select_rows([entries[index] for index in indexes]) if layout else []
            if not layout or not rows:
                continue
            picked = [entries[indexes[row]] for row in rows]
            columns = {name: [entry[name] for entry in picked] for name in names}
            columns[_TIME] = _read_times(columns[_TIME])
            formatted = layout.formatter.format_rows(columns, len(rows))
            converted = self._timestamps.convert_all(columns[_TIME])
            roots |= formatted.names
            ends_with_log = ends_with_log and formatted.end_with_log
            for row, body, time, written in zip(rows, formatted.bodies, converted, columns[_TIME], strict=True):
                if time == written:
                    bodies[indexes[row]], times[indexes[row]] = body, time
        errors = {index: _NOT_AN_ENTRY for index, time in enumerate(times) if not time}
        return RecordBatch(
            lines, lines.starts, bodies, times, frozenset(roots - {"@timestamp"}), has_own_timestamp=True,
            errors=errors, ends_with_log_object=ends_with_log and not errors,
        )  # fmt: skip

    def _layout_of(self, names: tuple[str, ...]) -> _Layout | None:
        if names not in self._layouts:
            if len(self._layouts) >= _MAX_LAYOUTS:
                self._layouts.clear()
            self._layouts[names] = _make_layout(names)
        return self._layouts[names]


class _Layout(NamedTuple):
    """Formats entries with the same fields. `patterns`: what the texts of fields must match that are not text."""

    formatter: RowFormatter
    patterns: Mapping[str, re.Pattern[str]]

    def select_rows(self, entries: Sequence[_Entry]) -> Sequence[int]:
        """Return the indexes of the entries in which each text fits its field."""
        wrong = set[int]()
        for name, pattern in self.patterns.items():
            texts = [entry[name] for entry in entries]
            if not all(map(pattern.fullmatch, set(texts))):
                wrong.update(row for row, text in enumerate(texts) if not pattern.fullmatch(text))
        return [row for row in range(len(entries)) if row not in wrong] if wrong else range(len(entries))


def _make_layout(names: tuple[str, ...]) -> _Layout | None:
    """Return the layout of entries with these fields, in this order. Return None if a decision is needed."""
    if _TIME not in names or len(names) == 1 or not all(map(_NAME.fullmatch, names)):
        return None
    fields = {name: _FIELDS.get(name, (_other_path(name), str)) for name in names}
    paths = {path for path, _ in fields.values()}
    if len(paths) < len(names) or "journald." in paths:
        return None
    specs = [
        number_field(path, name) if read is int
        else text_field(path, name, None if read is str or name == _TIME else read)
        for name, (path, read) in fields.items()
    ]  # fmt: skip
    patterns = {name: _PATTERNS[read] for name, (_, read) in fields.items() if read is not str}
    return _Layout(RowFormatter(specs, keeps_empty=True), patterns)


def _split_entries(lines: LineBatch) -> Sequence[_Entry]:
    """Return the fields of each entry. An entry is empty if it has another format, or if a value is no text."""
    if lines.is_uniform and strip_object_braces(lines) is not None:
        try:
            entries = _TEXTS.decode_lines(lines.text)
        except msgspec.DecodeError:
            entries = []
        if len(entries) == lines.count:
            return entries
    return list(map(_split_entry, lines.texts))


def _split_entry(text: str) -> _Entry:
    try:
        if text.startswith("{"):
            return _TEXTS.decode(text)
        return dict([line.split("=", 1) for line in text.strip("\n").split("\n")])
    except ValueError:
        return {}


def _read_times(texts: Sequence[str]) -> list[str]:
    """Return the times of an entry (see `_read_time`). Each second is read once."""
    seconds = [text[:-_MICROSECOND_DIGITS] for text in texts]
    known = {
        second: _read_time(second + "0" * _MICROSECOND_DIGITS)[: -_MICROSECOND_DIGITS - 1] for second in set(seconds)
    }
    return [f"{known[second]}{text[-_MICROSECOND_DIGITS:]:0>6}Z" for second, text in zip(seconds, texts, strict=True)]


def parse_entry(text: str) -> dict[str, Any]:
    """Return the fields of an entry. Raise `ValueError` if the text is not an entry."""
    entry = _decode_json(text) if text.startswith("{") else _split_export(text)
    if "__REALTIME_TIMESTAMP" not in entry or len(entry) == 1:
        raise ValueError(_NOT_AN_ENTRY)
    fields: dict[str, Any] = {}
    for name, value in entry.items():
        _set(fields, *_convert(name, value))
    return fields


def _decode_json(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ValueError(_NOT_AN_ENTRY) from error


def _split_export(text: str) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    for line in text.strip("\n").split("\n"):
        name, separator, value = line.partition("=")
        if not separator or not _NAME.fullmatch(name):
            raise ValueError(_NOT_AN_ENTRY)
        entry[name] = value
    return entry


def _convert(name: str, value: Any) -> tuple[str, Any]:
    """Return the path and the value of a field of journald."""
    path, read = _FIELDS.get(name, ("", str))
    text = _decode_bytes(value)
    if path and isinstance(text, str) and (read is str or _DIGITS.fullmatch(text)):
        try:
            return path, read(text)
        except (ValueError, IndexError, OverflowError):
            pass
    return _other_path(name), text


def _other_path(name: str) -> str:
    return f"journald.{name.strip('_').lower()}"


def _decode_bytes(value: Any) -> Any:
    """Return the text of a value that is no valid UTF-8, for which journald writes a list of bytes."""
    if isinstance(value, list) and value and all(isinstance(byte, int) and 0 <= byte < 256 for byte in value):
        return bytes(value).decode("utf-8", "replace")
    return value


def _set(fields: dict[str, Any], path: str, value: Any) -> None:
    *parents, name = path.split(".") if not path.startswith("@") else [path]
    for parent in parents:
        fields = fields.setdefault(parent, {})
    fields[name] = value
