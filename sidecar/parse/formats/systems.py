"""Logs of the kernel's audit system, of dpkg and of Android."""

from __future__ import annotations

from sidecar.parse.format_parser import LogFormat
from sidecar.parse.formats.pieces import CLOCK, FRACTION, ISO, MESSAGE, PID, THREAD_ID, WORD
from sidecar.parse.row_templates import number_field, text_field

AUDITD = LogFormat(
    "auditd",
    (
        rf"(?:node=(?P<node>{WORD}) )?type=(?P<type>[A-Z][A-Z0-9_]*+) msg=audit\((?P<time>[1-9]\d{{8,9}})"
        rf"\.(?P<fraction>\d{{3}}):"
        rf"(?P<sequence>\d{{1,18}})\): ?{MESSAGE}",
    ),
    (
        text_field("message", "message"),
        text_field("auditd.log.node", "node"),
        text_field("auditd.log.record_type", "type", str.lower),
        number_field("auditd.log.sequence", "sequence"),
    ),
    examples=('type=SYSCALL msg=audit(1795395600.123:42): arch=c000003e syscall=257 success=no exit=-13 comm="cat"',),
)
"""`/var/log/audit/audit.log`. The fields of a record are not parsed; they stay in the message."""

DPKG = LogFormat(
    "dpkg",
    (
        rf"{ISO} (?P<message>(?P<action>startup|status|install|upgrade|configure|trigproc|disappear|remove|purge"
        r"|conffile) .*+)",
    ),
    (text_field("message", "message"), text_field("dpkg.action", "action")),
    examples=("2026-11-23 01:00:00 status installed libc6:amd64 2.41-12",),
)
"""`/var/log/dpkg.log`."""

_LOGCAT_LEVELS = {"V": "verbose", "D": "debug", "I": "info", "W": "warn", "E": "error", "F": "fatal", "A": "fatal"}
_LETTER = r"(?P<level>[VDIWEFA])"
_TAG = r"(?P<logger>[^ :(\n](?:[^:(\n]*[^ :(\n])?)"

LOGCAT = LogFormat(
    "logcat of Android",
    (
        rf"(?P<time>(?:\d{{4}}-)?[01]\d-[0-3]\d {CLOCK}){FRACTION} +{PID} +{THREAD_ID} {_LETTER} (?:{_TAG} *)?: "
        rf"{MESSAGE}",
        rf"(?P<time>(?:\d{{4}}-)?[01]\d-[0-3]\d {CLOCK}){FRACTION} +{_LETTER}/{_TAG} *\( *{PID}\): {MESSAGE}",
        rf"{_LETTER}/{_TAG} *\( *{PID}\): {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        number_field("process.thread.id", "thread_id"),
        text_field("log.level", "level", lambda letter: _LOGCAT_LEVELS[letter]),
        text_field("log.logger", "logger"),
    ),
    examples=(
        "11-23 01:00:00.123  1702  2395 D WindowManager: printFreezingDisplayLogs",
        "11-23 01:00:00.123 D/WindowManager( 1702): printFreezingDisplayLogs",
        "D/WindowManager( 1702): printFreezingDisplayLogs",
    ),
)
"""The formats `threadtime` (the default), `time` and `brief` of Android's logcat."""
