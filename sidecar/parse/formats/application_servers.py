"""Logs of Java application servers: WebLogic, GlassFish, Payara, WebSphere and Liberty."""

from __future__ import annotations

from sidecar.parse.format_parser import LogFormat
from sidecar.parse.formats.pieces import CLOCK, DAY, FRACTION, MESSAGE, MONTH, OFFSET
from sidecar.parse.row_templates import text_field
from sidecar.parse.time.date_shapes import local_time

_WEBLOGIC_LEVEL = r"(?P<level>Emergency|Alert|Critical|Error|Warning|Notice|Info|Debug|Trace)"
_US_TIME = rf"{MONTH} [0-3]?\d, \d{{4}},? [01]?\d:[0-5]\d:[0-6]\d"
_VALUE = r"(?:[^<>\n]*+|<[^<>\n]*+>)"
_WEBLOGIC_TEXT = r"<(?P<code>[\w.-]*+)> <(?P<message>.*?)>? ?"
_ORACLE_HEAD = (
    rf"\[(?P<time>{DAY}T{CLOCK}){FRACTION}(?P<zone>{OFFSET})\] \[(?P<server>[^\]\n]*+)\] "
    r"\[(?P<level>[A-Z]++)(?::\d{1,2})?\] \[(?P<code>[^\]\n]*+)\] \[(?P<logger>[^\]\n]*+)\] "
    r"\[tid: (?P<thread>[^\]\n]*+)\] (?P<extra>(?:\[[a-zA-Z]\w*+: [^\]\n]*+\] )*+)"
)

WEBLOGIC = LogFormat(
    "WebLogic, GlassFish or Payara",
    (
        # The server log has the time in milliseconds, which does not depend on the locale.
        rf"####<[^<>\n]++> <{_WEBLOGIC_LEVEL}> <(?P<logger>[^<>\n]*+)> <(?P<machine>[^<>\n]*+)> "
        rf"<(?P<server>[^<>\n]*+)> <(?P<thread>{_VALUE})> <(?P<user>{_VALUE})> <[^<>\n]*+> <[^<>\n]*+> "
        rf"<(?P<time>1\d{{9}})(?P<fraction>\d{{3}})> (?:<(?P<extra>\[[^<>\n]*+)> )?{_WEBLOGIC_TEXT}",
        # The console. The group `year` is AM or PM, because a fraction may be before it.
        rf"<(?P<time>{_US_TIME}){FRACTION} (?P<year>[AP]M) (?P<zone>[A-Z][\w:+-]*+(?: [A-Z][a-z]++){{0,3}}+)> "
        rf"<{_WEBLOGIC_LEVEL}> <(?P<logger>[^<>\n]*+)> {_WEBLOGIC_TEXT}",
        # GlassFish and Payara, with the message in double brackets; Oracle's diagnostic log.
        rf"{_ORACLE_HEAD}\[\[(?P<message>.*)\]\] ?",
        rf"{_ORACLE_HEAD}{MESSAGE}",
    ),
    (
        text_field("message", "message", str.strip),
        text_field("process.thread.name", "thread"),
        text_field("user.name", "user"),
        text_field("weblogic.machine", "machine"),
        text_field("weblogic.server", "server"),
        text_field("weblogic.message_id", "code"),
        text_field("log.level", "level", str.lower),
        text_field("log.logger", "logger"),
        text_field("log.extra", "extra", str.strip),
    ),
    to_iso=lambda time, meridiem, now: local_time(f"{time} {meridiem}".strip(), "", now),
    examples=(
        "####<Nov 23, 2026 1:00:00 AM UTC> <Info> <Security> <web-1> <AdminServer> <main> <<WLS Kernel>> <> <> "
        "<1795395600123> <BEA-090082> <Security initializing using realm myrealm.>",
        "<Nov 23, 2026 1:00:00 AM UTC> <Notice> <WebLogicServer> <BEA-000360> <The server started in RUNNING mode.>",
        "[2026-11-23T01:00:00.123+0000] [Payara 6] [INFO] [NCLS-CORE-00087] [shop.core] [tid: _ThreadID=1] "
        "[levelValue: 800] [[Grizzly started]]",
        "[2026-11-23T01:00:00.123+00:00] [AdminServer] [NOTIFICATION] [] [oracle.dms] [tid: 12] [ecid: 0a1b,0] up",
    ),
)
"""The server log and the console of WebLogic Server in English; the log of GlassFish and Payara; Oracle's diagnostic
log of middleware (ODL)."""

_WEBSPHERE_LEVELS = {
    "F": "fatal", "E": "error", "W": "warning", "A": "audit", "I": "info", "C": "config", "D": "detail",
    "1": "fine", "2": "finer", "3": "finest",
}  # fmt: skip
_WEBSPHERE_REST = rf"(?P<thread>[0-9a-f]{{8}}) (?P<logger>[^ \n]++) +(?:(?P<level>[FEWAICD123])|[ORZ<>]) ++{MESSAGE}"


def _month_first(text: str, _year: str, now: float) -> str:
    """Return a time with a date such as 11/23/26 in ISO 8601, and any other time as `local_time` does."""
    date, _, clock = text.partition(" ")
    if date.count("/") == 2:
        month, day, year = date.rstrip(",").split("/")
        text = f"20{year}-{month:0>2}-{day:0>2} {clock}"
    return local_time(text, "", now)


WEBSPHERE = LogFormat(
    "WebSphere or Liberty",
    (
        # The date of the English locale, without leading zeros. Locales with the day first write leading zeros.
        r"\[(?P<time>(?:[1-9]|1[0-2])/(?:[1-9]|[12]\d|3[01])/\d\d,? [0-2]?\d:[0-5]\d:[0-6]\d):(?P<fraction>\d{3}) "
        rf"(?P<zone>[A-Z][\w:+-]*+)\] {_WEBSPHERE_REST}",
        rf"\[(?P<time>{DAY}T{CLOCK})[.:](?P<fraction>\d{{3}})(?P<zone>{OFFSET})\] {_WEBSPHERE_REST}",
        # The console, with the level in eight characters.
        rf"\[(?=[A-Z ]{{8}}\])(?P<level>AUDIT|INFO|WARNING|ERROR|FATAL) *+\] {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        text_field("process.thread.name", "thread"),
        text_field("log.level", "level", lambda level: _WEBSPHERE_LEVELS.get(level, level.lower())),
        text_field("log.logger", "logger"),
    ),
    to_iso=_month_first,
    examples=(
        "[11/23/26, 1:00:00:123 UTC] 0000002a com.ibm.ws.kernel.feature.internal.FeatureManager  A CWWKF0011I: ready",
        "[2026-11-23T01:00:00.123+0000] 0000002a com.ibm.ws.webcontainer.WebGroup  I SRVE0169I: Loading shop",
        "[AUDIT   ] CWWKE0001I: The server defaultServer has been launched.",
    ),
)
"""`messages.log` and the console of Liberty, `SystemOut.log` and `SystemErr.log` of WebSphere (basic format). Lines
that an application writes to standard output (O) or standard error (R) have no level."""
