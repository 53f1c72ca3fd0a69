"""Alerts and logs of Suricata and Snort."""

from __future__ import annotations

from sidecar.parse.addresses import address_field
from sidecar.parse.format_parser import LogFormat
from sidecar.parse.formats.pieces import CLOCK, EXTRA, ISO, MESSAGE, PID, PORT
from sidecar.parse.row_templates import number_field, text_field
from sidecar.parse.time.date_shapes import local_time

_ALERT = (
    rf"(?P<time>[01]\d/[0-3]\d(?:/(?:\d{{4}}|\d\d))?-{CLOCK})\.(?P<fraction>\d{{1,9}}) +(?:\[(?P<action>w?Drop)\] )?"
    r"\[\*\*\] \[(?P<generator>\d{1,10}):(?P<rule>\d{1,10}):(?P<version>\d{1,10})\] "
    r'"?(?P<message>(?:[^ "\n]++|"(?! \[\*\*\])| (?!\[\*\*\]))*+)"? \[\*\*\] '
    r"(?:\[Classification: (?P<category>[^\]\n]*+)\] )?"
    r"(?:\[Priority: (?P<priority>\d{1,9})\] )?(?P<details>(?:\[[^\]\n]*+\] )*+)"
)
_IPV4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_IPV6 = r"[0-9a-fA-F:]*[0-9a-fA-F]"
_TARGET_PORT = PORT.replace("?P<port>", "?P<target_port>")


def _to_iso(text: str, _year: str, now: float) -> str:
    """Return the time of an alert (month/day, month/day/year) or of Suricata's log (day/month/year) in ISO 8601."""
    date, is_of_log, clock = text.partition(" -- ")
    if not is_of_log:
        date, _, clock = text.partition("-")
    if "/" not in date:
        return local_time(text, "", now)
    numbers = date.split("/")
    month, day = (numbers[1], numbers[0]) if is_of_log else (numbers[0], numbers[1])
    year = f"20{numbers[2][-2:]}-" if len(numbers) > 2 else ""
    return local_time(f"{year}{month}-{day} {clock}", "", now)


SURICATA = LogFormat(
    "Suricata or Snort",
    (
        rf"{_ALERT}\{{(?P<transport>[\w-]++)\}} (?P<client>{_IPV4})(?::{PORT})? -> "
        rf"(?P<target>{_IPV4})(?::{_TARGET_PORT})?{EXTRA}",
        rf"{_ALERT}\{{(?P<transport>TCP|UDP)\}} (?P<client>{_IPV6}):{PORT} -> "
        rf"(?P<target>{_IPV6}):{_TARGET_PORT}{EXTRA}",
        # An address of IPv6 without brackets may end with a port or not.
        rf"{_ALERT}\{{(?P<transport>[\w-]++)\}} (?P<flow>[^ \n]++ -> [^ \n]++){EXTRA}",
        # The log of Suricata 6 and 7.
        rf"(?:\[{PID}\] )?(?P<time>[0-3]\d/[01]\d/\d{{4}} -- {CLOCK}) - "
        rf"(?:\((?P<file>[^:)\n]++):(?P<line>\d{{1,9}})\) )?<(?P<level>[A-Z][a-z]++)> "
        rf"(?:\((?P<function>[\w-]++)\) )?--? {MESSAGE}",
        rf"\[{PID} - (?P<thread>[^\]\n]++)\] {ISO} (?P<level>Error|Warning|Notice|Info|Perf|Config|Debug): "
        rf"(?P<logger>[\w-]++): {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        text_field("process.thread.name", "thread"),
        address_field("source.address", "client"),
        number_field("source.port", "port"),
        address_field("destination.address", "target"),
        number_field("destination.port", "target_port"),
        text_field("network.transport", "transport", str.lower),
        text_field("rule.id", "rule"),
        text_field("rule.version", "version"),
        text_field("rule.category", "category"),
        number_field("suricata.alert.gid", "generator"),
        number_field("suricata.alert.severity", "priority"),
        text_field("suricata.alert.action", "action", str.lower),
        text_field("suricata.alert.flow", "flow"),
        text_field("suricata.alert.details", "details", str.strip),
        text_field("log.level", "level", str.lower),
        text_field("log.logger", "logger"),
        text_field("log.origin.file.name", "file"),
        number_field("log.origin.file.line", "line"),
        text_field("log.origin.function", "function"),
        text_field("log.extra", "extra", str.strip),
    ),
    to_iso=_to_iso,
    examples=(
        "11/23/2026-01:00:00.123456  [**] [1:2010935:3] scan of port 1433 [**] [Classification: Attempted Recon] "
        "[Priority: 2] {TCP} 203.0.113.7:51234 -> 192.0.2.7:1433",
        '11/23/26-01:00:00.123456 [**] [1:42:1] "odd login" [**] [Priority: 1] {TCP} 2001:db8::7:51234 -> '
        "2001:db8::9:22",
        "11/23-01:00:00.123456  [**] [1:42:1] echo [**] [Priority: 0] {IPV6-ICMP} 2001:db8::7 -> 2001:db8::9",
        "23/11/2026 -- 01:00:00 - <Notice> - This is Suricata version 6.0.1 RELEASE running in SYSTEM mode",
        "[812 - Suricata-Main] 2026-11-23 01:00:00 Warning: threshold-config: file not found",
    ),
)
"""`fast.log` of Suricata and `alert_fast` of Snort, and Suricata's own log. `eve.json` is JSON."""
