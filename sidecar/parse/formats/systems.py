"""Logs of the kernel, its audit system, package managers, Android and microcontrollers."""

from __future__ import annotations

from sidecar.parse.format_parser import LogFormat
from sidecar.parse.formats.pieces import CLOCK, DAY, FRACTION, ISO, MESSAGE, MONTH, PID, THREAD_ID, WEEKDAY, WORD
from sidecar.parse.row_templates import decimal_field, number_field, text_field

AUDITD = LogFormat(
    "auditd",
    (
        rf"(?:node=(?P<node>{WORD}) |audit: )?type=(?P<type>[A-Z][A-Z0-9_]*+|\d{{4}}) (?:msg=)?audit"
        rf"\((?P<time>[1-9]\d{{8,9}})\.(?P<fraction>\d{{3}}):(?P<sequence>\d{{1,18}})\): ?{MESSAGE}",
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
    "dpkg, APT, pacman, yum or Zypper",
    (
        rf"{ISO} (?P<message>(?P<action>startup|status|install|upgrade|configure|trigproc|disappear|remove|purge"
        r"|conffile) .*+)",
        # The history of APT; pacman; yum.
        rf"(?P<message>(?:Start|End)-Date: (?P<time>{DAY} {{1,2}}{CLOCK})(?: [^\n]++)?)",
        rf"(?P<message>Start-Date: (?P<time>{DAY} {{1,2}}{CLOCK})\n.*+)",
        rf"\[(?P<time>{DAY}T{CLOCK})(?P<zone>[+-]\d{{4}})\] \[(?P<tool>PACMAN|ALPM(?:-SCRIPTLET)?)\] {MESSAGE}",
        rf"(?P<time>{MONTH} [0-3]\d {CLOCK}) "
        r"(?P<message>(?P<action>Installed|Updated|Erased|Upgraded|Dep-Installed): [^\n]++)",
        # Zypper.
        rf"{ISO}\|(?P<message>(?P<action>install|remove|command|patch|r[a-z]{{3,9}}) *\|.*+)",
    ),
    (
        text_field("message", "message"),
        text_field("dpkg.action", "action", str.lower),
        text_field("process.name", "tool", str.lower),
    ),
    examples=(
        "2026-11-23 01:00:00 status installed libc6:amd64 2.41-12",
        "Start-Date: 2026-11-23  01:00:00",
        "Start-Date: 2026-11-23  01:00:00\nCommandline: apt-get install -y curl\nEnd-Date: 2026-11-23  01:00:02",
        "[2026-11-23T01:00:00+0000] [ALPM] upgraded curl (8.4.0-1 -> 8.5.0-1)",
        "Nov 23 01:00:00 Installed: curl-8.5.0-1.el9.x86_64",
        "2026-11-23 01:00:00|install|curl|8.5.0-1|x86_64|root@web-1|repo-oss|0a1b2c3d|",
    ),
)
"""`/var/log/dpkg.log`, APT's `history.log`, and the logs of pacman, yum and Zypper."""

_KERNEL_LEVELS = ("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug")
_KERNEL_PRIORITY = (
    r"(?:(?:<|(?P<facility>[a-z]{2,8}\d?) {0,4}:)(?P<level>1[0-8]\d|19[01]|[1-9]?\d|[a-z]{3,6})(?:>| {0,4}: ))?"
)


def _kernel_level(level: str) -> str:
    """Return the name of the level, from a priority number (8 × facility + level) or from the name itself."""
    return _KERNEL_LEVELS[int(level) % 8] if level.isdigit() else level


DMESG = LogFormat(
    "the kernel's log",
    (
        rf"{_KERNEL_PRIORITY}\[ *(?P<uptime>\d{{1,12}}\.\d{{6}})\]"
        rf"(?:\[ *(?P<caller>[TC]\d{{1,9}})\])?(?: {MESSAGE})?",
        rf"{_KERNEL_PRIORITY}\[{WEEKDAY} (?P<time>{MONTH} [ 0123]\d {CLOCK}) (?P<year>\d{{4}})\] "
        rf"{MESSAGE}",
        rf"{_KERNEL_PRIORITY}(?P<time>\d{{4}}-[01]\d-[0-3]\dT{CLOCK}),(?P<fraction>\d{{6}})"
        rf"(?P<zone>[+-]\d\d:\d\d) {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        text_field("log.level", "level", _kernel_level),
        text_field("log.syslog.facility.name", "facility"),
        decimal_field("dmesg.uptime", "uptime"),
        text_field("dmesg.caller", "caller"),
    ),
    examples=(
        "[    4.012345] usb 1-1: new high-speed USB device number 2 using xhci_hcd",
        "[Mon Nov 23 01:00:00 2026] EXT4-fs (sda1): mounted filesystem",
        "kern  :info  : 2026-11-23T01:00:00,123456+00:00 Linux version 6.12.57",
    ),
)
"""`dmesg`, also with the options `--raw`, `--decode`, `--ctime` and `--time-format iso`, and the console. The
uptime is in seconds. The caller is a thread (T1) or a processor (C1)."""

_LOGCAT_LEVELS = {"V": "verbose", "D": "debug", "I": "info", "W": "warn", "E": "error", "F": "fatal", "A": "fatal"}
_LETTER = r"(?P<level>[VDIWEFA])"
_TAG = r"(?P<logger>[^ :(\n](?:[^:(\n]*[^ :(\n])?)"

LOGCAT = LogFormat(
    "logcat of Android",
    (
        rf"(?P<time>(?:\d{{4}}-)?[01]\d-[0-3]\d {CLOCK}){FRACTION}(?: (?P<zone>[+-]\d{{4}}))?"
        rf"(?: +(?P<user>\w{{1,32}}))?? +{PID} +{THREAD_ID} {_LETTER} (?:{_TAG} *)?: {MESSAGE}",
        rf"(?P<time>(?:\d{{4}}-)?[01]\d-[0-3]\d {CLOCK}){FRACTION}:? +{_LETTER}/{_TAG} *\( *{PID}\): {MESSAGE}",
        rf"{_LETTER}/{_TAG} *\( *{PID}\): {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        number_field("process.thread.id", "thread_id"),
        text_field("user.id", "user"),
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

_ESP_LEVELS = {
    "E": "error",
    "W": "warning",
    "I": "info",
    "C": "config",
    "D": "debug",
    "V": "verbose",
    "VV": "verbose",
}

ESP = LogFormat(
    "ESP-IDF or ESPHome",
    (
        rf"\[(?P<time>{CLOCK}){FRACTION}\]\[(?P<level>[EWICDV]|VV)\]\[(?P<logger>[\w.-]++)"
        rf"(?::(?P<line>\d{{1,9}}))?\]: {MESSAGE}",
        rf"(?P<level>[EWIDV]) \((?P<uptime>\d{{1,12}})\) (?P<logger>[\w./-]++): {MESSAGE}",
        rf"(?P<level>[EWIDV]) \((?P<time>{CLOCK})\.(?P<fraction>\d{{3}})\) (?P<logger>[\w./-]++): {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        number_field("esp.uptime_ms", "uptime"),
        text_field("log.level", "level", lambda letter: _ESP_LEVELS[letter]),
        text_field("log.logger", "logger"),
        number_field("log.origin.file.line", "line"),
    ),
    examples=(
        "[01:00:00][D][sensor:094]: 'Temperature': Sending state 21.5 \u00b0C with 1 decimals of accuracy",
        "I (1234) wifi: connected with shop",
        "W (01:00:00.123) wifi: beacon lost",
    ),
)
"""The log library of ESP-IDF, with the milliseconds since the start or the time of day, and that of ESPHome."""
