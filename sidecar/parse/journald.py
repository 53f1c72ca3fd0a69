"""Parses entries of systemd's journal: `journalctl -o json`, and `-o export`, whose entries have several lines.

The fields of journald that have a name in the Elastic Common Schema get it; the others are below `journald`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

_LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_DIGITS = re.compile(r"\d{1,18}", re.ASCII)
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
    return f"journald.{name.strip('_').lower()}", text


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
