"""Logs of Go, Ruby, PHP, Rust and .NET: the layouts of their usual loggers, and klog."""

from __future__ import annotations

from sidecar.parse.addresses import address_field
from sidecar.parse.format_parser import LogFormat
from sidecar.parse.formats.pieces import (
    CLOCK,
    DAY,
    FRACTION,
    ISO,
    MESSAGE,
    MONTH,
    PID,
    STATUS,
    THREAD_ID,
    WEEKDAY,
    ZONE,
    ZONE_NAME,
)  # fmt: skip
from sidecar.parse.row_templates import decimal_field, json_field, number_field, text_field
from sidecar.parse.time.date_shapes import local_time

_KLOG_LEVELS = {"I": "info", "W": "warning", "E": "error", "F": "fatal"}
_SHORT_LEVELS = {
    "trc": "trace", "trce": "trace", "vrb": "verbose", "dbg": "debug", "dbug": "debug", "inf": "info",
    "information": "info", "wrn": "warning",
    "err": "error", "fail": "error", "crit": "critical", "ftl": "fatal", "pnc": "panic",
}  # fmt: skip


def _expand_level(level: str) -> str:
    """Return the level in full: `INF` and `inf` become `info`."""
    return _SHORT_LEVELS.get(level.lower(), level.lower())


_KLOG_TIME = r"(?P<time>(?:\d{4})?(?:0[1-9]|1[0-2])[0-3]\d [0-2]\d:[0-5]\d:[0-6]\d)\.(?P<fraction>\d{1,9})"

KLOG = LogFormat(
    "klog",
    (rf"(?P<level>[IWEF]){_KLOG_TIME} +{THREAD_ID} (?P<file>[^:\]\n]++):(?P<line>\d{{1,18}})\] {MESSAGE}",),
    (
        text_field("message", "message"),
        number_field("process.thread.id", "thread_id"),
        text_field("log.level", "level", lambda letter: _KLOG_LEVELS[letter]),
        text_field("log.origin.file.name", "file"),
        number_field("log.origin.file.line", "line"),
    ),
    examples=('I1123 01:00:00.123456    0007 main.go:42] "Started" addr="[::]:10250"',),
)
"""`Lmmdd hh:mm:ss.uuuuuu threadid file:line] msg`: the header of k8s.io/klog, used by Kubernetes components, and
that of glog, which may have the year."""

_GO_LEVELS = {
    "D": "debug", "I": "info", "N": "notice", "W": "warning", "E": "error", "C": "critical", "F": "fatal",
    "TRAC": "trace", "DEBU": "debug", "ERRO": "error", "FATA": "fatal", "PANI": "panic",
}  # fmt: skip

_GO_LEVEL = r"(?P<level>(?i:trace|debug|info|warn|warning|error|dpanic|panic|fatal))"
_SHORT_LEVEL = r"(?P<level>TRC|DBG|INF|WRN|ERR|FTL|PNC)"
_GO_TIME = rf"(?P<time>\d{{4}}/[01]\d/[0-3]\d {CLOCK}){FRACTION}"
_CALLER = r"(?P<file>[\w./@-]+\.go):(?P<line>\d{1,9})"

_ZAP = rf"{ISO}{FRACTION}{ZONE}?\t{_GO_LEVEL}\t"
_ZAP_MESSAGE = r"(?P<message>[^\t\n]*+)(?:\t(?P<extra>\{[^\n]*+))?"
_ZAP_STACK = r"(?P<stack>\n.*+)"

GO = LogFormat(
    "loggers of Go",
    (
        # zap's console, also with a stack in the lines after it.
        rf"{_ZAP}(?:(?P<logger>[\w./-]++)\t)?{_CALLER}\t{_ZAP_MESSAGE}",
        rf"{_ZAP}{_ZAP_MESSAGE}",
        rf"{_ZAP}(?:(?P<logger>[\w./-]++)\t)?{_CALLER}\t{_ZAP_MESSAGE}{_ZAP_STACK}",
        rf"{_ZAP}{_ZAP_MESSAGE}{_ZAP_STACK}",
        # Gin, NATS and the log package.
        rf"\[GIN\] (?P<time>\d{{4}}/[01]\d/[0-3]\d - {CLOCK}) \| *{STATUS} \| *(?P<took>[\d.]++"
        rf"(?:ns|[µu]s|ms|s|m\S*+)) \| *"
        rf'(?P<client>[^ |\n]++) \| *(?P<method>[A-Z]++) +"?(?P<path>[^"\n]*+)"?(?P<message>.*+)',
        rf"\[{PID}\] {_GO_TIME} \[(?P<level>[A-Z]{{3}})\] {MESSAGE}",
        rf"{_GO_TIME} {_CALLER}: {MESSAGE}",
        rf"{_GO_TIME} (?:\[?(?P<level>TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL)\]?:? +)?{MESSAGE}",
        # zerolog's console, hclog, etcd's old format, logrus.
        rf"(?P<time>(?:{DAY}T)?{CLOCK}|(?:0?[1-9]|1[0-2]):[0-5]\d[AP]M){FRACTION}{ZONE}? {_SHORT_LEVEL} {MESSAGE}",
        rf"{ISO}{FRACTION}{ZONE}? \[{_GO_LEVEL}\] +(?P<logger>[\w./-]++): {MESSAGE}",
        rf"{ISO}{FRACTION} (?P<level>[DINWEC]) \| (?:(?P<logger>[\w./-]++): )?{MESSAGE}",
        rf"(?P<level>TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[(?P<uptime>\d{{1,9}})\] {MESSAGE}",
        rf"(?P<level>TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[{ISO}{FRACTION}{ZONE}?\] {MESSAGE}",
        rf"\[GIN-(?P<level>debug)\] {MESSAGE}",
        # zap's console with the name of the logger alone, as in Istio; CockroachDB.
        rf"{_ZAP}(?P<logger>[\w./-]++)\t{_ZAP_MESSAGE}",
        rf"(?P<level>[IWEF])(?P<time>\d\d[01]\d[0-3]\d {CLOCK}){FRACTION} {THREAD_ID} (?:\d{{1,3}}@)?"
        rf"(?P<file>[\w./-]+\.go):(?P<line>\d{{1,9}}) {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        number_field("process.thread.id", "thread_id"),
        address_field("source.address", "client"),
        text_field("http.request.method", "method"),
        number_field("http.response.status_code", "status"),
        text_field("url.original", "path"),
        text_field("gin.duration", "took"),
        number_field("process.uptime", "uptime"),
        text_field("error.stack_trace", "stack", str.strip),
        text_field("log.level", "level", lambda level: _GO_LEVELS.get(level, _expand_level(level))),
        text_field("log.logger", "logger"),
        text_field("log.origin.file.name", "file"),
        number_field("log.origin.file.line", "line"),
        text_field("log.extra", "extra"),
    ),
    examples=(
        '2026-11-23T01:00:00.123+0100\tINFO\tshop/main.go:42\tlistening\t{"addr": ":8080"}',
        "2026-11-23T01:00:00.123Z\tinfo\tlistening",
        "2026-11-23T01:00:00.123Z\terror\tshop/db.go:17\tquery failed\nmain.query\n\t/app/db.go:17",
        "2026-11-23T01:00:00.123Z\terror\tquery failed\nmain.query\n\t/app/db.go:17",
        '[GIN] 2026/11/23 - 01:00:00 | 200 |     1.1ms |   192.0.2.1 | GET      "/ping"',
        "[1] 2026/11/23 01:00:00.123456 [INF] Server is ready",
        "2026/11/23 01:00:00 main.go:42: listening",
        "2026/11/23 01:00:00 http: Server closed",
        "2026-11-23T01:00:00Z INF listening addr=:8080",
        "2026-11-23T01:00:00.123Z [INFO]  agent.server: started",
        "2026-11-23 01:00:00.123456 I | etcdserver: starting server",
        "INFO[0042] listening                                     addr=:8080",
        "INFO[2026-11-23T01:00:00Z] listening                     addr=:8080",
        "[GIN-debug] Listening and serving HTTP on :8080",
        "2026-11-23T01:00:00.123456Z\tinfo\tads\tPush debounce stable",
        "I261123 01:00:00.123456 812 1@server/node.go:42 ⋮ [n1] 7  node connected",
    ),
)
"""The console encoders of zap and zerolog, hclog, logrus, the standard library, Gin, NATS and old etcd. Logs of
klog have a separate parser, those of slog and logrus without a terminal are logfmt or JSON."""

RUBY = LogFormat(
    "Ruby's Logger or Rails",
    (
        rf"(?P<letter>[DIWEFA]), \[{ISO}{FRACTION} #{PID}\] +(?P<level>DEBUG|INFO|WARN|ERROR|FATAL|ANY|UNKNOWN) -- "
        rf"(?P<logger>[^:\n]*+): ?{MESSAGE}",
        rf"(?P<message>Started (?P<method>[A-Z]++) \"(?P<path>[^\"\n]*+)\" for (?P<client>[^ \n]++) at {ISO} "
        rf"(?P<zone>[+-]\d{{4}}))",
        rf"{ISO}{FRACTION}{ZONE}? pid={PID} tid=(?P<thread>\w++)(?: (?P<extra>(?:[\w.]++=[^ \n]*+ )*+)| )"
        rf"(?P<level>DEBUG|INFO|WARN|ERROR|FATAL): {MESSAGE}",
        rf"(?P<message>Completed {STATUS} (?:(?! in \d)[^\n])++ in \d[^\n]*+)",
        rf"{ISO}{FRACTION}{ZONE}? {PID} TID-(?P<thread>\w++)(?: (?P<extra>\w[^\n]*?))? "
        rf"(?P<level>DEBUG|INFO|WARN|ERROR|FATAL): {MESSAGE}",
        rf"\[{PID}\] (?:\[(?P<thread>[^\]\n]++)\] )?(?P<message>(?:Puma|\* |- |! |=== )[^\n]*+.*+)",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        text_field("process.thread.name", "thread"),
        address_field("source.address", "client"),
        text_field("http.request.method", "method"),
        number_field("http.response.status_code", "status"),
        text_field("url.original", "path"),
        text_field("log.level", "level", str.lower),
        text_field("log.logger", "logger"),
        text_field("log.extra", "extra", str.strip),
    ),
    examples=(
        "I, [2026-11-23T01:00:00.123456 #1]  INFO -- shop: listening on 3000",
        'Started GET "/orders/42" for 203.0.113.7 at 2026-11-23 01:00:00 +0000',
        "2026-11-23T01:00:00.123Z pid=1 tid=abc class=ShipJob jid=0a1b INFO: start",
        "Completed 200 OK in 5ms (Views: 1.0ms | ActiveRecord: 0.4ms)",
        "2026-11-23T01:00:00.123Z 1 TID-abc ShipJob JID-0a1b INFO: start",
        "[1] * Listening on http://0.0.0.0:3000",
    ),
)
"""`Logger::Formatter`, the first and the last line that Rails writes for a request, Sidekiq and Puma."""

_PHP_TIME = rf"\[(?P<time>[0-3]\d-{MONTH}-\d{{4}} {CLOCK}){FRACTION}(?: {ZONE_NAME})?\]"

PHP = LogFormat(
    "PHP's error log or Monolog",
    (
        rf"{_PHP_TIME} PHP (?P<level>[A-Z][A-Za-z ]{{1,30}}): +{MESSAGE}",
        rf"{_PHP_TIME} (?P<level>DEBUG|NOTICE|WARNING|ERROR|ALERT): (?:\[pool (?P<logger>[^\]\n]++)\] )?{MESSAGE}",
        rf"{_PHP_TIME} {MESSAGE}",
        # The built-in web server.
        rf"\[{WEEKDAY} (?P<time>{MONTH} [ 0123]\d {CLOCK}) (?P<year>\d{{4}})\] {MESSAGE}",
        rf"\[{ISO}{FRACTION}{ZONE}?\] (?P<logger>[\w.-]+)"
        rf"\.(?P<level>DEBUG|INFO|NOTICE|WARNING|ERROR|CRITICAL|ALERT|EMERGENCY): "
        rf"{MESSAGE}",
    ),
    (
        text_field("message", "message"),
        text_field("log.level", "level", str.lower),
        text_field("log.logger", "logger"),
    ),
    examples=(
        "[23-Nov-2026 01:00:00 Europe/Berlin] PHP Warning:  Undefined variable $x in /var/www/a.php on line 3",
        "[23-Nov-2026 01:00:00] NOTICE: fpm is running, pid 1",
        "[23-Nov-2026 01:00:00 UTC] out of stock",
        "[Mon Nov 23 01:00:00 2026] 127.0.0.1:40112 [200]: GET /",
        '[2026-11-23 01:00:00] local.ERROR: no stock {"order":42} []',
    ),
)
"""`error_log` of PHP and PHP-FPM, and Monolog's `LineFormatter`, which Laravel and Symfony use. The context and extra
data of Monolog stay in the message."""

_RUST_LEVEL = r"(?P<level>TRACE|DEBUG|INFO|WARN|ERROR)"
_RUST_THREAD = r"(?P<thread>[^ :\n]++)"
_RUST_THREAD_ID = rf"ThreadId\({THREAD_ID}\)"
_RUST_PLACE = r"(?:(?P<file>[\w./@-]+\.rs):(?P<line>\d{1,9}):)?"
_RUST_TARGET = rf"(?P<logger>\w++(?:::\w++)*+):(?: {_RUST_PLACE})?"
_RUST_PATH = rf"(?P<logger>\w++(?:::\w++)++):(?: {_RUST_PLACE})?"

RUST = LogFormat(
    "env_logger or tracing of Rust",
    (
        rf"\[{ISO}{FRACTION}{ZONE}? {_RUST_LEVEL} +(?P<logger>[\w:./-]++)\] {MESSAGE}",
        rf"\[{ISO}{FRACTION}{ZONE}? {_RUST_LEVEL} *\] {MESSAGE}",
        rf"{ISO}{FRACTION}{ZONE} +{_RUST_LEVEL} (?P<extra>(?:[\w.:-]++\{{[^}}\n]*+\}}:)++) {_RUST_TARGET} {MESSAGE}",
        rf"{ISO}{FRACTION}{ZONE} +{_RUST_LEVEL} {_RUST_TARGET} {MESSAGE}",
        rf"\[(?P<time>{DAY}\]\[{CLOCK})\]\[(?P<logger>[\w:]++)\]\[{_RUST_LEVEL}\] {MESSAGE}",
        rf"{ISO}{FRACTION}{ZONE} {_RUST_LEVEL} (?P<logger>[\w:]++) - {MESSAGE}",
        # tracing with the name of the thread, its number, or both; Linkerd writes its uptime.
        rf"{ISO}{FRACTION}{ZONE} +{_RUST_LEVEL} +(?:{_RUST_THREAD} +)?{_RUST_THREAD_ID} {_RUST_TARGET} {MESSAGE}",
        rf"{ISO}{FRACTION}{ZONE} +{_RUST_LEVEL} +{_RUST_THREAD} +{_RUST_PATH} {MESSAGE}",
        rf"\[ *(?P<uptime>\d{{1,9}}\.\d{{1,9}})s\] +{_RUST_LEVEL} (?:{_RUST_THREAD_ID} )?{_RUST_TARGET} {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        text_field("process.thread.name", "thread"),
        number_field("process.thread.id", "thread_id"),
        decimal_field("process.uptime", "uptime"),
        text_field("log.level", "level", str.lower),
        text_field("log.logger", "logger"),
        text_field("log.origin.file.name", "file"),
        number_field("log.origin.file.line", "line"),
        text_field("log.extra", "extra"),
    ),
    to_iso=lambda time, year, now: local_time(time.replace("][", "T"), year, now),
    examples=(
        "[2026-11-23T01:00:00Z INFO  shop::web] listening on 0.0.0.0:8080",
        "[2026-11-23T01:00:00Z ERROR] order 42 failed",
        "2026-11-23T01:00:00.123456Z  INFO request{id=7}: shop::web: accepted",
        "2026-11-23T01:00:00.123456Z  INFO shop::web: listening",
        "[2026-11-23][01:00:00][shop::web][INFO] listening",
        "2026-11-23T01:00:00.123456+00:00 INFO shop::web - listening",
        "2026-11-23T01:00:00.123456Z  INFO main ThreadId(01) shop::web: src/web.rs:42: listening",
        "2026-11-23T01:00:00.123456Z  INFO tokio-runtime-worker shop::web: listening",
        "[   123.456789s]  INFO ThreadId(01) linkerd_app: listening",
    ),
)
"""env_logger, the `fmt` layer of tracing, fern and log4rs."""

_NET_LEVEL = r"(?P<level>trce|dbug|info|warn|fail|crit)"
_SERILOG_LEVEL = r"(?P<level>VRB|DBG|INF|WRN|ERR|FTL|Verbose|Debug|Information|Warning|Error|Fatal)"
_NLOG_LEVEL = r"(?P<level>(?i:trace|debug|info|warn|error|fatal))"

DOTNET = LogFormat(
    "loggers of .NET",
    (
        rf"(?:{ISO}{FRACTION}{ZONE}? )?{_NET_LEVEL}: (?P<logger>[^\[\n]++)\[(?P<event>-?\d{{1,10}})"
        rf"\]\s{{1,8}}{MESSAGE}",
        rf"{ISO}{FRACTION} ?{ZONE}? \[{_SERILOG_LEVEL}\] {MESSAGE}",
        rf"\[(?P<time>(?:{DAY}[T ])?{CLOCK}){FRACTION}(?: ?{ZONE})? {_SERILOG_LEVEL}\] {MESSAGE}",
        rf"{ISO}{FRACTION}\|(?:(?P<event>\d{{1,10}})\|)?{_NLOG_LEVEL}\|(?P<logger>[^|\n]*+)\|{MESSAGE}",
        rf"{ISO}{FRACTION} \[(?P<thread>[^\]\n]++)\] {_NLOG_LEVEL} +(?P<logger>[^ \n]++)"
        rf"(?: \[(?P<extra>[^\]\n]*+)\])? - {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        text_field("process.thread.name", "thread"),
        json_field("dotnet.event_id", "event", lambda number: str(int(number))),
        text_field("log.level", "level", _expand_level),
        text_field("log.logger", "logger"),
        text_field("log.extra", "extra"),
    ),
    examples=(
        "info: Microsoft.Hosting.Lifetime[14] Now listening on: http://[::]:8080",
        "2026-11-23 01:00:00.123 +01:00 [INF] Now listening on: http://[::]:8080",
        "[01:00:00 INF] Now listening on: http://[::]:8080",
        "2026-11-23 01:00:00.1234|INFO|Shop.Orders|order accepted",
        "2026-11-23 01:00:00,123 [1] INFO  Shop.Orders [(null)] - order accepted",
    ),
)
"""Microsoft.Extensions.Logging's console, in one line or, with the preset `dotnet`, in two; Serilog's file and
console sinks; NLog's default layout; log4net."""
