"""Logs of Node.js and Elixir: their frameworks and usual loggers, and Erlang's logger."""

from __future__ import annotations

from sidecar.parse.format_parser import LogFormat
from sidecar.parse.formats.pieces import CLOCK, DAY, FIRST_LEVEL, FRACTION, ISO, MESSAGE, MONTH, OFFSET, PID, ZONE
from sidecar.parse.row_templates import number_field, text_field
from sidecar.parse.time.date_shapes import local_time, utc_time

_LEVEL = r"(?P<level>(?i:trace|debug|verbose|silly|http|info|log|notice|warn|warning|error|fatal|crit|critical))"
_US_DAY = r"(?:0?[1-9]|1[0-2])/[0-3]?\d/\d{4}"
_US_CLOCK = r"(?:0?[1-9]|1[0-2]):[0-5]\d:[0-6]\d[ \u202f][AP]M"
_US_TIME = rf"(?P<time>{_US_DAY}, {_US_CLOCK})"
_NAME = r"(?P<logger>[^\]\n]++)"
_METEOR_TIME = r"\d{8}-[0-2]\d:[0-5]\d:[0-6]\d\.\d{3}\(-?\d{1,2}(?:\.\d{1,2})?\)"
_LEVELS = {
    "log": "info", "LOG": "info", "D": "debug", "I": "info", "W": "warn", "E": "error", "F": "fatal",
    "success": "info", "start": "info", "complete": "info", "pending": "info", "note": "info",
}  # fmt: skip


def _node_time(text: str, year: str, now: float) -> str:
    """Return a time of Meteor, whose zone is in hours, in UTC, and any other as `local_time` does."""
    text = text.replace("] [", " ")
    clock, bracket, hours = text.rstrip(")").partition("(")
    return utc_time(clock, 60 * float(hours), now) if bracket else local_time(text, year, now)


NODE = LogFormat(
    "loggers of Node.js",
    (
        # NestJS.
        rf"\[\w[^\]\n]{{0,40}}\] {PID} +- {_US_TIME} +{_LEVEL} +(?:\[{_NAME}\] )?{MESSAGE}",
        # bunyan's output for terminals; winston and Strapi; log4js; pino-pretty.
        rf"\[{ISO}{FRACTION}Z?\] +{_LEVEL}: (?P<logger>[^/ \n]++)/{PID} on (?P<machine>[^ :\n]++): {MESSAGE}",
        rf"\[?{ISO}{FRACTION}(?: ?{ZONE})?\]? +(?:\[{_NAME}\] )?{_LEVEL} *:[ \t]+{MESSAGE}",
        rf"\[{ISO}{FRACTION}\] \[{_LEVEL}\] (?P<logger>[\w.-]++) - {MESSAGE}",
        rf"\[(?P<time>(?:{DAY} )?{CLOCK}){FRACTION}(?: {ZONE})?\] {_LEVEL} \((?:(?P<logger>[^/) \n]++)/)?{PID}"
        rf"(?: on (?P<machine>[^)\n]++))?\): {MESSAGE}",
        # PM2, Node-RED, Homebridge, Zigbee2MQTT.
        rf"(?P<time>{DAY}T{CLOCK}): {FIRST_LEVEL}{MESSAGE}",
        rf"(?P<time>[0-3]?\d {MONTH} {CLOCK}) - \[{_LEVEL}\] {MESSAGE}",
        rf"\[{_US_TIME}\] (?:\[{_NAME}\] )?{MESSAGE}",
        rf"(?P<logger>[A-Za-z]\w*+):{_LEVEL} +{ISO}: {MESSAGE}",
        # The module `debug`, without a terminal.
        rf"{ISO}{FRACTION}Z (?P<logger>[a-zA-Z][\w-]*+(?::[a-zA-Z][\w-]*+)++) {MESSAGE}",
        # Verdaccio; Meteor.
        rf" {{0,3}}(?P<level>fatal|error|warn|http|info|debug|trace) *(?:--- |(?=(?:-->|<--) )){MESSAGE}",
        rf"(?P<level>[DIWEF])(?P<time>{_METEOR_TIME})[?!]? (?:\((?P<file>[\w./-]+\.js):(?P<line>\d{{1,9}})\) )?"
        rf"{MESSAGE}",
        # Overseerr; n8n; tslog; signale, as in Nginx Proxy Manager.
        rf"{ISO}{FRACTION}Z \[{_LEVEL}\]\[{_NAME}\]: {MESSAGE}",
        rf"{ISO}{FRACTION}Z \| {_LEVEL} +\| {MESSAGE}",
        rf"{ISO}{FRACTION}\t{_LEVEL}\t(?P<file>[\w./-]+\.[cm]?[jt]s):(?P<line>\d{{1,9}})\t{MESSAGE}",
        rf"\[(?P<time>{_US_DAY}\] \[{_US_CLOCK})\] \[(?P<logger>[^\]\n]*[^\] \n]) *\] \u203a [^ \n]++ {{1,3}}"
        rf"(?P<level>info|success|start|complete|pending|note|debug|warning|error|fatal) +{MESSAGE}",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        text_field("node.machine", "machine"),
        text_field("log.level", "level", lambda level: _LEVELS.get(level, level.lower())),
        text_field("log.logger", "logger"),
        text_field("log.origin.file.name", "file"),
        number_field("log.origin.file.line", "line"),
    ),
    to_iso=_node_time,
    examples=(
        "[Nest] 812  - 11/23/2026, 1:00:00 AM     LOG [NestFactory] Starting Nest application...",
        "[2026-11-23T01:00:00.123Z]  INFO: shop/812 on web-1: listening",
        "2026-11-23T01:00:00.123Z [shop] error: failed",
        "[2026-11-23T01:00:00.123] [WARN] shop - slow",
        "[01:00:00.123] INFO (812): listening",
        "2026-11-23T01:00:00: PM2 log: App [api:0] online",
        "23 Nov 01:00:00 - [info] Started flows",
        "[11/23/2026, 1:00:00 AM] [Hue] Lamp is on",
        "Zigbee2MQTT:info  2026-11-23 01:00:00: Connected to MQTT server",
        "2026-11-23T01:00:00.123Z express:router dispatching GET /",
        " http --> 200, req: 'GET https://registry.example/shop' (streaming)",
        "I20261123-02:00:00.123(1)? listening",
        "2026-11-23T01:00:00.123Z [info][Jobs]: Starting scheduled job",
        '2026-11-23T01:00:00.123Z | info     | Initializing n8n process { "file": "start.js" }',
        "2026-11-23 01:00:00.123\tINFO\tmain.ts:42\tstarted",
        "[11/23/2026] [1:00:00 AM] [Global   ] › ℹ  info      Using Sqlite: /data/database.sqlite",
    ),
)
"""The layouts of the loggers and programs that the comments name, as they write them to a file or a container log."""

_BEAM_LEVEL = r"(?P<level>debug|info|notice|warn|warning|error|critical|alert|emergency)"
_METADATA = r"(?P<extra>(?:[a-z_]\w*+=[^ \n]*+ )++)"

ELIXIR = LogFormat(
    "loggers of Elixir and Erlang",
    (
        rf"(?P<time>(?:{DAY}[T ])?{CLOCK}){FRACTION} {_METADATA}?\[{_BEAM_LEVEL}\] +{MESSAGE}",
        rf"(?P<time>{DAY}T{CLOCK}){FRACTION}(?P<zone>[+-]\d\d:\d\d) {_BEAM_LEVEL}: {MESSAGE}",
        # EMQX; CouchDB; Couchbase.
        rf"(?P<time>{DAY}T{CLOCK}){FRACTION}(?P<zone>{OFFSET}) \[{_BEAM_LEVEL}\] {MESSAGE}",
        rf"\[{_BEAM_LEVEL}\] (?P<time>{DAY}T{CLOCK}){FRACTION}Z (?P<node>[^ @\n]++@[^ \n]++) "
        rf"(?P<process><\d{{1,9}}\.\d{{1,9}}\.\d{{1,9}}>) (?:-{{1,10}}|(?P<extra>[^ \n]++)) {MESSAGE}",
        rf"\[(?P<logger>\w++):{_BEAM_LEVEL},(?P<time>{DAY}T{CLOCK}){FRACTION}(?P<zone>{OFFSET}),(?P<node>[^:\]\n]++):"
        rf"(?P<process>[^\]\n]++)\] ?{MESSAGE}",
    ),
    (
        text_field("message", "message"),
        text_field("process.name", "process"),
        text_field("erlang.node", "node"),
        text_field("log.level", "level"),
        text_field("log.logger", "logger"),
        text_field("log.extra", "extra", str.strip),
    ),
    examples=(
        "01:00:00.123 request_id=F4abc [info] GET /cart",
        "2026-11-23T01:00:00.123456+00:00 notice: application started",
        "2026-11-23T01:00:00.123456+00:00 [warning] clientid: c1, msg: authorization_failed",
        "[notice] 2026-11-23T01:00:00.123456Z nonode@nohost <0.812.0> 0a1b2c3d4e GET /shop 200 ok 12",
        "[ns_server:info,2026-11-23T01:00:00.123Z,ns_1@cb.local:<0.812.0>:menelaus:log:42]started",
    ),
)
"""The console of Elixir's Logger, also with metadata; Erlang's logger; EMQX, CouchDB and Couchbase. RabbitMQ has a
separate parser."""
