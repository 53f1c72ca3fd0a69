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
    "2": "critical", "3": "error", "4": "warning", "5": "notice", "6": "info", "7": "debug",
    "err": "error", "fail": "error", "crit": "critical", "ftl": "fatal", "pnc": "panic",
}  # fmt: skip


def _expand_level(level: str) -> str:
    """Return the level in full: `INF` and `inf` become `info`."""
    return _SHORT_LEVELS.get(level.lower(), level.lower())


_KLOG_CLOCK = r"(?P<time>(?:\d{4})?(?:0[1-9]|1[0-2])[0-3]\d [0-2]\d:[0-5]\d:[0-6]\d)"
_KLOG_TIME = rf"{_KLOG_CLOCK}\.(?P<fraction>\d{{1,9}})"

_KLOG_FILE = r"(?P<file>[^:\]\n ]++):(?P<line>\d{1,18})"

KLOG = LogFormat(
    "klog",
    (
        rf"(?P<level>[IWEF]){_KLOG_CLOCK}(?:\.(?P<fraction>\d{{1,9}}))? +{THREAD_ID} {_KLOG_FILE}\] {MESSAGE}",
        # PyTorch, with the rank; TensorFlow.
        rf"(?:\[rank\d{{1,9}}\]:)?\[(?P<level>[IWEF]){_KLOG_TIME} +(?:{THREAD_ID} )?{_KLOG_FILE}\] {MESSAGE}",
        rf"{ISO}\.(?P<fraction>\d{{1,9}}): (?P<level>[IWEF]) {_KLOG_FILE}\] {MESSAGE}",
        # Ray.
        rf"\[{ISO},(?P<fraction>\d{{3}}) (?P<level>[IWEF]) {PID} {THREAD_ID}\] (?:\(\w++\) )?{_KLOG_FILE}: {MESSAGE}",
        # SeaweedFS.
        rf"(?P<level>[IWEF]){_KLOG_TIME} (?P<file>[\w.-]+\.go):(?P<line>\d{{1,9}}) {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        number_field("process.thread.id", "thread_id"),
        text_field("log.level", "level", lambda letter: _KLOG_LEVELS[letter]),
        text_field("log.origin.file.name", "file"),
        number_field("log.origin.file.line", "line"),
    ),
    examples=(
        'I1123 01:00:00.123456    0007 main.go:42] "Started" addr="[::]:10250"',
        "[rank0]:[W1123 01:00:00.123456789 ProcessGroupNCCL.cpp:1250] Warning: slow",
        "2026-11-23 01:00:00.123456: I tensorflow/core/platform/cpu_feature_guard.cc:182] uses AVX2",
        "[2026-11-23 01:00:00,123 E 766 798] core_worker_process.cc:825: Failed to establish connection",
        "I1123 01:00:00.123456 master_server.go:142 [master] Volume Size Limit is 30000 MB",
    ),
)
"""`Lmmdd hh:mm:ss.uuuuuu threadid file:line] msg`: the header of k8s.io/klog, used by Kubernetes components, and
that of glog, which may have the year. PyTorch, TensorFlow and Ray write similar lines."""

_GO_LEVELS = {
    "T": "trace", "D": "debug", "I": "info", "N": "notice", "W": "warning", "E": "error", "C": "critical",
    "F": "fatal", "TRAC": "trace", "DEBU": "debug", "ERRO": "error", "FATA": "fatal", "PANI": "panic",
    "TRCE": "trace", "DBUG": "debug", "EROR": "error", "CRT": "critical", "NOTI": "notice",
}  # fmt: skip

_GO_LEVEL = r"(?P<level>(?i:trace|debug|info|warn|warning|error|dpanic|panic|fatal))"
_SHORT_LEVEL = r"(?P<level>TRC|DBG|INF|WRN|ERR|FTL|PNC)"
_GO_TIME = rf"(?P<time>\d{{4}}/[01]\d/[0-3]\d {CLOCK}){FRACTION}"
_ANY_GO_TIME = rf"(?P<time>\d{{4}}[-/][01]\d[-/][0-3]\d[T ]{CLOCK}){FRACTION}"
_FABRIC_LEVEL = r"(?P<level>DEBU|DEBUG|INFO|NOTI|WARN|ERRO|ERROR|CRIT|PANIC|FATAL)"
_CALLER = r"(?P<file>[\w./@-]+\.go):(?P<line>\d{1,9})"
_GO_LETTER = r"\[(?P<level>[TDIWECF])\]"
_OPTIONAL_LEVEL = (
    r"(?:(?=\[?[TDINWEFtdinwef])\[?(?P<level>TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL"
    r"|(?i:trace|debug|info|notice|warn|warning|error|fatal)(?=[\]:]))\]?(?: *+:)? +)?"
)

_ZAP = rf"{_ANY_GO_TIME}{ZONE}?\t{_GO_LEVEL}\t"
_ZAP_MESSAGE = r"(?P<message>[^\t\n]*+)(?:\t(?P<extra>\{[^\n]*+))?"
_ZAP_STACK = r"(?P<stack>\n.*+)"


def _go_time(text: str, year: str, now: float) -> str:
    """Return a time of geth or MinIO in ISO 8601, and any other as `local_time` does."""
    if " UTC " in text:
        clock, _, date = text.partition(" UTC ")
        iso = local_time(f"{date} {clock}", year, now)
        return f"{iso}Z" if iso else ""
    return local_time(text.replace("|", " "), year, now)


GO = LogFormat(
    "loggers of Go",
    (
        # zap's console, also with a stack in the lines after it.
        rf"{_ZAP}(?:\[?(?P<logger>[\w./-]++)\]?\t)?{_CALLER}\t{_ZAP_MESSAGE}",
        rf"{_ZAP}{_ZAP_MESSAGE}",
        rf"{_ZAP}(?:\[?(?P<logger>[\w./-]++)\]?\t)?{_CALLER}\t{_ZAP_MESSAGE}{_ZAP_STACK}",
        rf"{_ZAP}{_ZAP_MESSAGE}{_ZAP_STACK}",
        # Gin, NATS and the log package.
        rf"\[GIN\] (?P<time>\d{{4}}/[01]\d/[0-3]\d - {CLOCK}) \| *{STATUS} \| *(?P<took>[\d.]++"
        rf"(?:ns|[µu]s|ms|s|m\S*+)) \| *"
        rf'(?P<client>[^ |\n]++) \| *(?P<method>[A-Z]++) +"?(?P<path>[^"\n]*+)"?(?P<message>.*+)',
        rf"\[{PID}\] {_GO_TIME} \[(?P<level>[A-Z]{{3}})\] {MESSAGE}",
        # The log package, Gitea and Beego, which write the level as a letter.
        rf"{_GO_TIME} {_CALLER}: {MESSAGE}",
        rf"{_GO_TIME} {_CALLER}:(?P<function>[^ \n]++) {_GO_LETTER} {MESSAGE}",
        rf"{_GO_TIME} {_GO_LETTER} {MESSAGE}",
        # JuiceFS; AdGuard Home, with the process and the goroutine.
        rf"{_GO_TIME} (?P<process>[a-z]\w*+)\[{PID}\] <(?P<level>[A-Z]++)>: {MESSAGE}",
        rf"{_GO_TIME} {PID}#(?P<thread_id>\d{{1,18}}) \[(?P<level>[a-z]++)\] {MESSAGE}",
        rf"{_GO_TIME} {_OPTIONAL_LEVEL}{MESSAGE}",
        # zerolog's console, hclog, etcd's old format, logrus.
        rf"(?P<time>(?:{DAY}[T ])?{CLOCK}|(?:0?[1-9]|1[0-2]):[0-5]\d[AP]M){FRACTION}{ZONE}? {_SHORT_LEVEL} "
        rf"(?:{_CALLER} > )?{MESSAGE}",
        rf" {{0,8}}{ISO}{FRACTION}{ZONE}? \[(?P<level>TRACE|DEBUG|INFO|WARN|ERROR)\] +(?P<logger>[\w./-]++): "
        rf"{MESSAGE}",
        rf"{ISO}{FRACTION} (?P<level>[DINWEC]) \| (?:(?P<logger>[\w./-]++): )?{MESSAGE}",
        rf"(?P<level>TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[(?P<uptime>\d{{1,9}})\] {MESSAGE}",
        rf"(?P<level>TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[{ISO}{FRACTION}{ZONE}?\] {MESSAGE}",
        rf"\[GIN-(?P<level>debug)\] {MESSAGE}",
        # Telegraf; TiDB; Calico; the agent of Datadog; geth; sing-box.
        rf"{ISO}{FRACTION}{ZONE}? (?P<level>[DIWE])! (?:\[(?P<logger>[^\]\n]++)\] )?{MESSAGE}",
        rf"\[{_GO_TIME} {ZONE}\] \[{_GO_LEVEL}\] \[(?:(?P<file>[\w./@-]+\.\w++):(?P<line>\d{{1,9}})|<\w++>)\] "
        rf"{MESSAGE}",
        rf"{ISO}{FRACTION}{ZONE}? \[{_GO_LEVEL}\]\[{PID}\] (?:(?P<file>[\w./@-]+\.go) (?P<line>\d{{1,9}}): )?"
        rf"{MESSAGE}",
        rf"{ISO}{FRACTION} {ZONE} \| (?P<logger>[A-Z][A-Z-]*+) \| {_GO_LEVEL} \| \({_CALLER} in "
        rf"(?P<function>[^)\n]++)\) \| {MESSAGE}",
        rf"(?P<level>TRACE|DEBUG|INFO|WARN|ERROR|CRIT) *\[(?P<time>[01]\d-[0-3]\d\|{CLOCK}){FRACTION}\] {MESSAGE}",
        rf"(?P<zone>[+-]\d{{4}}) {ISO} {_GO_LEVEL} {MESSAGE}",
        # MinIO: an error is a block of lines.
        rf"API: (?P<logger>[^\n]++)\nTime: (?P<time>{CLOCK} UTC [01]\d/[0-3]\d/\d{{4}})\n(?P<message>.*+)",
        # zap's console with the name of the logger alone, as in Istio; CockroachDB.
        rf"{_ZAP}(?P<logger>[\w./-]++)\t{_ZAP_MESSAGE}",
        rf"(?P<level>[IWEF])(?P<time>\d\d[01]\d[0-3]\d {CLOCK}){FRACTION} {THREAD_ID} (?:\d{{1,3}}@)?"
        rf"(?P<file>[\w./-]+\.go):(?P<line>\d{{1,9}}) {MESSAGE}",
        # The log package with a prefix: a name, or a level.
        rf"\[?(?P<level>TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL)\]?:? +(?:\((?P<logger>[^)\n]++)\) )?"
        rf"{_GO_TIME} (?:{_CALLER}: )?{MESSAGE}",
        rf"(?:\[(?=[A-Za-z])|(?=[a-z]))(?P<logger>[\w./-]++)[\]:] {_GO_TIME} {_OPTIONAL_LEVEL}{MESSAGE}",
        # frp.
        rf"{ISO}{FRACTION} {_GO_LETTER} \[{_CALLER}\] {MESSAGE}",
        # oauth2-proxy; Mattermost; lnd; Erigon; Juju; Hyperledger Fabric 2 and 1.
        rf"\[{_GO_TIME}\] \[{_CALLER}\] {MESSAGE}",
        rf"(?P<level>debug|info|warn|error|panic|fatal|critical) +\[{ISO}{FRACTION} {ZONE}\] {MESSAGE}",
        rf"{ISO}{FRACTION} \[(?P<level>TRC|DBG|INF|WRN|ERR|CRT)\] (?P<logger>[A-Z]{{4}}): {MESSAGE}",
        rf"\[(?P<level>TRCE|DBUG|INFO|WARN|EROR|CRIT)\] +\[(?P<time>[01]\d-[0-3]\d\|{CLOCK}){FRACTION}\] {MESSAGE}",
        rf"{ISO} {_GO_LEVEL} (?P<logger>[a-z][\w.-]*+) {_CALLER} {MESSAGE}",
        rf"{ISO}{FRACTION} {ZONE} (?P<extra>[0-9a-f]{{3,8}}) {_FABRIC_LEVEL} "
        rf"\[(?P<logger>[\w.]++)\] (?P<function>\w++) -> {MESSAGE}",
        rf"{ISO}{FRACTION} {ZONE} \[(?P<logger>[\w.]++)\] (?P<function>\w++) -> {_FABRIC_LEVEL} "
        rf"(?P<extra>[0-9a-f]{{3,8}}) {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        text_field("process.name", "process"),
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
        text_field("log.origin.function", "function"),
        text_field("log.extra", "extra"),
    ),
    to_iso=_go_time,
    examples=(
        '2026-11-23T01:00:00.123+0100\tINFO\tshop/main.go:42\tlistening\t{"addr": ":8080"}',
        "2026-11-23T01:00:00.123Z\tinfo\tlistening",
        "2026-11-23T01:00:00.123Z\terror\tshop/db.go:17\tquery failed\nmain.query\n\t/app/db.go:17",
        "2026-11-23T01:00:00.123Z\terror\tquery failed\nmain.query\n\t/app/db.go:17",
        '[GIN] 2026/11/23 - 01:00:00 | 200 |     1.1ms |   192.0.2.1 | GET      "/ping"',
        "[1] 2026/11/23 01:00:00.123456 [INF] Server is ready",
        "2026/11/23 01:00:00 main.go:42: listening",
        "2026/11/23 01:00:00 ...eb/routing/logger.go:102:func1() [I] router: completed GET / for 203.0.113.7:0",
        "2026/11/23 01:00:00 [I] router: completed GET / for 203.0.113.7:0",
        "2026/11/23 01:00:00.123456 juicefs[812] <INFO>: Meta address: redis://redis:6379/1 [interface.go:491]",
        "2026/11/23 01:00:00.123456 1#42 [error] dnsproxy: upstream 192.0.2.53:53 failed",
        "2026/11/23 01:00:00 http: Server closed",
        "2026-11-23T01:00:00Z INF listening addr=:8080",
        "2026-11-23T01:00:00.123Z [INFO]  agent.server: started",
        "2026-11-23 01:00:00.123456 I | etcdserver: starting server",
        "INFO[0042] listening                                     addr=:8080",
        "INFO[2026-11-23T01:00:00Z] listening                     addr=:8080",
        "[GIN-debug] Listening and serving HTTP on :8080",
        "2026-11-23T01:00:00Z I! [inputs.cpu] Gathering took 12ms",
        '[2026/11/23 01:00:00.123 +00:00] [INFO] [server.go:42] ["server is running"] [addr=0.0.0.0:4000]',
        "2026-11-23 01:00:00.123 [INFO][812] felix/daemon.go 373: Successfully loaded configuration.",
        "2026-11-23 01:00:00 UTC | CORE | INFO | (pkg/collector/runner.go:42 in work) | Done running check",
        "INFO [11-23|01:00:00.123] Imported new chain segment               number=42 hash=0a1b",
        "+0000 2026-11-23 01:00:00 INFO inbound/tun[tun-in]: started at tun0",
        "API: SYSTEM()\nTime: 01:00:00 UTC 11/23/2026\nDeploymentID: 0a1b\nError: drive not found",
        "2026-11-23T01:00:00.123456Z\tinfo\tads\tPush debounce stable",
        "I261123 01:00:00.123456 812 1@server/node.go:42 ⋮ [n1] 7  node connected",
        "INFO: 2026/11/23 01:00:00 main.go:42: listening",
        "[nsqd] 2026/11/23 01:00:00.123456 INFO: TCP: listening on [::]:4150",
        "2026-11-23 01:00:00.123 [I] [server/service.go:152] frps tcp listen on 0.0.0.0:7000",
        "[2026/11/23 01:00:00] [oauthproxy.go:162] OAuthProxy configured for OpenID Connect Client ID: shop",
        'info  [2026-11-23 01:00:00.123 Z] Server is listening on [::]:8065          caller="app/server.go:884"',
        "2026-11-23 01:00:00.123 [INF] LTND: Version: 0.17.3-beta",
        "[INFO] [11-23|01:00:00.123] Starting Erigon on Ethereum mainnet",
        "2026-11-23 01:00:00 INFO juju.cmd supercommand.go:56 running jujud [3.1.6.0 0a1b gc go1.20]",
        "2026-11-23 01:00:00.123 UTC 0001 INFO [nodeCmd] serve -> Starting peer: Version: 2.5.4",
        "2026-11-23 01:00:00.123 UTC [nodeCmd] serve -> INFO 001 Starting peer: Version: 1.4.12",
    ),
)
"""The console encoders of zap and zerolog, hclog, logrus, the standard library, Gin, NATS, old etcd, and the programs
that the comments name. Logs of klog have a separate parser, those of slog and logrus without a terminal are logfmt or
JSON."""

_RUBY_LEVELS = {
    "T": "trace", "D": "debug", "I": "info", "N": "notice", "W": "warn", "E": "error", "F": "fatal", "C": "critical",
    "A": "unknown", "err": "error",
}  # fmt: skip
_RUBY_FILE = r"(?P<file>[\w./-]++):(?P<line>\d{1,9})"


def _ruby_time(text: str, year: str, now: float) -> str:
    """Return a time of Resque, in which the clock is first, in ISO 8601, and any other as `local_time` does."""
    clock, space, day = text.partition(" ")
    return local_time(f"{day} {clock}" if space and ":" in clock and "-" in day else text, year, now)


RUBY = LogFormat(
    "Ruby's Logger or Rails",
    (
        rf"(?P<letter>[DIWEFA]), \[{ISO}{FRACTION} #{PID}\] +(?P<level>DEBUG|INFO|WARN|ERROR|FATAL|ANY|UNKNOWN) -- "
        rf"(?P<logger>[^:\n]*+): ?{MESSAGE}",
        rf"(?P<message>Started (?P<method>[A-Z]++) \"(?P<path>[^\"\n]*+)\" for (?P<client>[^ \n]++) at {ISO} "
        rf"(?P<zone>[+-]\d{{4}})(?: [^\n]++)?)",
        rf"{ISO}{FRACTION}{ZONE}? pid={PID} tid=(?P<thread>\w++)(?: (?P<extra>(?:[\w.]++=[^ \n]*+ )*+)| )"
        rf"(?P<level>DEBUG|INFO|WARN|ERROR|FATAL): {MESSAGE}",
        rf"(?P<message>Completed {STATUS} (?:(?! in \d)[^\n])++ in \d[^\n]*+)",
        rf"{ISO}{FRACTION}{ZONE}? {PID} TID-(?P<thread>\w++)(?: (?P<extra>\w[^\n]*?))? "
        rf"(?P<level>DEBUG|INFO|WARN|ERROR|FATAL): {MESSAGE}",
        rf"\[{PID}\] (?:\[(?P<thread>[^\]\n]++)\] )?(?P<message>(?:Puma|\* |- |! |=== )[^\n]*+.*+)",
        # Sidekiq 8; Resque; Delayed Job; semantic_logger; Passenger.
        rf"(?P<level>DEBUG|INFO|WARN|ERROR|FATAL) +{ISO}{FRACTION}{ZONE} pid={PID} tid=(?P<thread>\w++)"
        rf"(?P<extra>(?: [\w.]++=[^ :\n]*+)*+): {MESSAGE}",
        rf"\*\* \[(?P<time>{CLOCK} {DAY})\] {PID}: {MESSAGE}",
        rf"{ISO}{ZONE}: \[Worker\((?:[^)\n]*? )?(?:host:[^ )\n]++ )?pid:{PID}\)\] {MESSAGE}",
        rf"{ISO}{FRACTION} (?P<level>[TDIWEF]) \[{PID}:(?P<thread>[^\] \n]++)(?: {_RUBY_FILE})?\] "
        rf"(?P<logger>[\w:]++) -- {MESSAGE}",
        rf"\[ (?P<level>[DINWEC]) {ISO}{FRACTION} {PID}/(?P<thread>\w++) {_RUBY_FILE} \]: {MESSAGE}",
        # Puppet; Fluentd.
        rf"{ISO} {ZONE} (?P<logger>[A-Z][^(\n]{{0,99}}) "
        rf"\((?P<level>debug|info|notice|warning|err|alert|emerg|crit)\): {MESSAGE}",
        rf"{ISO} {ZONE} \[(?P<level>trace|debug|info|warn|error|fatal)\]: {MESSAGE}",
        # Foreman; lograge with the id of the request.
        rf"{ISO} \[(?P<level>[DIWEFA])\|(?P<logger>\w++)\|(?P<extra>\w*+)\] {MESSAGE}",
        rf"\[(?P<request>[0-9a-f-]{{36}})\] (?P<message>method=(?P<method>[A-Z]++) path=(?P<path>[^ \n]++) "
        rf"(?:(?!status=)[^ \n]++ )*+status={STATUS}(?: [^\n]*+)?)",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        text_field("process.thread.name", "thread"),
        address_field("source.address", "client"),
        text_field("http.request.method", "method"),
        number_field("http.response.status_code", "status"),
        text_field("url.original", "path"),
        text_field("http.request.id", "request"),
        text_field("log.level", "level", lambda level: _RUBY_LEVELS.get(level, level.lower())),
        text_field("log.logger", "logger"),
        text_field("log.origin.file.name", "file"),
        number_field("log.origin.file.line", "line"),
        text_field("log.extra", "extra", str.strip),
    ),
    to_iso=_ruby_time,
    examples=(
        "I, [2026-11-23T01:00:00.123456 #1]  INFO -- shop: listening on 3000",
        'Started GET "/orders/42" for 203.0.113.7 at 2026-11-23 01:00:00 +0000',
        "2026-11-23T01:00:00.123Z pid=1 tid=abc class=ShipJob jid=0a1b INFO: start",
        "Completed 200 OK in 5ms (Views: 1.0ms | ActiveRecord: 0.4ms)",
        "2026-11-23T01:00:00.123Z 1 TID-abc ShipJob JID-0a1b INFO: start",
        "[1] * Listening on http://0.0.0.0:3000",
        "INFO  2026-11-23T01:00:00.123Z pid=812 tid=abc class=ShipJob jid=0a1b: start",
        "** [01:00:00 2026-11-23] 812: Checking default",
        "2026-11-23T01:00:00+0000: [Worker(host:web-1 pid:812)] Job ShipJob (id=42) RUNNING",
        "2026-11-23 01:00:00.123456 I [812:main] Shop -- listening",
        "[ N 2026-11-23 01:00:00.1234 812/T1 age/Wat/WatchdogMain.cpp:1373 ]: Starting Passenger watchdog...",
        "2026-11-23 01:00:00 +0000 Puppet (notice): Applied catalog in 1.23 seconds",
        "2026-11-23 01:00:00 +0000 [warn]: #0 failed to flush the buffer. retry_times=0",
        '2026-11-23T01:00:00 [I|app|0a1b2c3d] Started GET "/hosts" for 203.0.113.7 at 2026-11-23 01:00:00 +0000',
        "[0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d] method=GET path=/home format=html status=200 duration=12.34",
    ),
)
"""`Logger::Formatter`, the first and the last line that Rails writes for a request, Puma, and the programs that the
comments name."""

_PHP_TIME = rf"\[(?P<time>[0-3]\d-{MONTH}-\d{{4}} {CLOCK}){FRACTION}(?: {ZONE_NAME})?\]"

PHP = LogFormat(
    "PHP's error log or Monolog",
    (
        rf"{_PHP_TIME} PHP (?P<level>[A-Z][A-Za-z ]{{1,30}}): +{MESSAGE}",
        rf"{_PHP_TIME} (?P<level>DEBUG|NOTICE|WARNING|ERROR|ALERT): (?:\[pool (?P<logger>[^\]\n]++)\] )?{MESSAGE}",
        rf"{_PHP_TIME}:? {MESSAGE}",
        # The built-in web server.
        rf"\[{WEEKDAY} (?P<time>{MONTH} [ 0123]\d {CLOCK}) (?P<year>\d{{4}})\] {MESSAGE}",
        rf"\[{ISO}{FRACTION}{ZONE}?\] (?P<logger>[\w.-]+)"
        rf"\.(?P<level>DEBUG|INFO|NOTICE|WARNING|ERROR|CRITICAL|ALERT|EMERGENCY): "
        rf"{MESSAGE}",
        # CodeIgniter; Yii; Swoole; CakePHP; Laminas.
        rf"(?P<level>EMERGENCY|ALERT|CRITICAL|ERROR|WARNING|NOTICE|INFO|DEBUG) - {ISO} --> {MESSAGE}",
        rf"{ISO} \[(?:-|(?P<client>[^\]\n]++))\]\[(?:-|(?P<user>[^\]\n]++))\]\[[^\]\n]*+\]"
        rf"\[(?P<level>error|warning|info|trace|profile)\]\[(?P<logger>[^\]\n]*+)\] {MESSAGE}",
        rf"\[{ISO}{FRACTION} [#$^*%@]{PID}\.\d{{1,9}}\]\t(?P<level>[A-Z]++)\t{MESSAGE}",
        rf"{ISO} (?P<level>(?i:emergency|alert|critical|error|warning|notice|info|debug)): {MESSAGE}",
        rf"{ISO}{ZONE} (?P<level>EMERG|ALERT|CRIT|ERR|WARN|NOTICE|INFO|DEBUG) \(\d\): {MESSAGE}",
        # TYPO3.
        rf"{WEEKDAY}, (?P<time>[0-3]\d {MONTH} \d{{4}} {CLOCK}) {ZONE} "
        rf"\[(?P<level>EMERGENCY|ALERT|CRITICAL|ERROR|WARNING|NOTICE|INFO|DEBUG)\] "
        rf"request=\"(?P<request>[^\"\n]*+)\" component=\"(?P<logger>[^\"\n]*+)\": {MESSAGE}",
        # Matomo.
        rf"(?P<level>EMERGENCY|ALERT|CRITICAL|ERROR|WARNING|NOTICE|INFO|VERBOSE|DEBUG) +"
        rf"\[{ISO}(?: {ZONE})?\] {PID} {{2}}{MESSAGE}",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        address_field("source.address", "client"),
        text_field("user.id", "user"),
        text_field("http.request.id", "request"),
        text_field("log.level", "level", _expand_level),
        text_field("log.logger", "logger"),
    ),
    examples=(
        "[23-Nov-2026 01:00:00 Europe/Berlin] PHP Warning:  Undefined variable $x in /var/www/a.php on line 3",
        "[23-Nov-2026 01:00:00] NOTICE: fpm is running, pid 1",
        "[23-Nov-2026 01:00:00 UTC] out of stock",
        "[Mon Nov 23 01:00:00 2026] 127.0.0.1:40112 [200]: GET /",
        '[2026-11-23 01:00:00] local.ERROR: no stock {"order":42} []',
        "ERROR - 2026-11-23 01:00:00 --> Severity: Notice --> Undefined variable: x /var/www/a.php 3",
        r"2026-11-23 01:00:00 [203.0.113.7][42][-][error][yii\db\Exception] SQLSTATE[HY000]",
        "[2026-11-23 01:00:00 #812.0]\tINFO\tServer is reload all workers now",
        "2026-11-23 01:00:00 Error: Controller class Cart could not be found.",
        "2026-11-23T01:00:00+00:00 ERR (3): no stock",
        'Mon, 23 Nov 2026 01:00:00 +0000 [ERROR] request="0a1b" component="TYPO3.CMS.Core": no stock',
        "INFO      [2026-11-23 01:00:00] 812  Starting archiver for Matomo",
    ),
)
"""`error_log` of PHP and PHP-FPM; Monolog's `LineFormatter`, which Laravel and Symfony use; the frameworks that the
comments name. The context and extra data of Monolog stay in the message."""

_RUST_LEVEL = r"(?P<level>TRACE|DEBUG|INFO|WARN|ERROR)"
_RUST_THREAD = r"(?P<thread>[^ :\n]++)"
_RUST_THREAD_ID = rf"ThreadId\({THREAD_ID}\)"
_RUST_FILE = r"(?P<file>[\w./@-]+\.rs):(?P<line>\d{1,9})"
_RUST_PLACE = rf"(?:{_RUST_FILE}:)?"
_RUST_CLOCK = rf"(?P<time>(?:{DAY}T)?{CLOCK}){FRACTION}{ZONE}?"
_RUST_TARGET = rf"(?P<logger>\w++(?:::\w++)*+):(?: {_RUST_PLACE})?"
_RUST_PATH = rf"(?P<logger>\w++(?:::\w++)++):(?: {_RUST_PLACE})?"

RUST = LogFormat(
    "env_logger or tracing of Rust",
    (
        rf"\[{ISO}{FRACTION}{ZONE}? {_RUST_LEVEL} +(?P<logger>[\w:./-]++)\] {MESSAGE}",
        rf"\[{ISO}{FRACTION}{ZONE}? {_RUST_LEVEL} *\] {MESSAGE}",
        rf"{ISO}{FRACTION}{ZONE} +{_RUST_LEVEL} (?P<extra>(?:[\w.:-][\w.: -]*+\{{[^}}\n]*+\}}:)++) "
        rf"{_RUST_TARGET} {MESSAGE}",
        rf"{ISO}{FRACTION}{ZONE} +{_RUST_LEVEL} {_RUST_TARGET} {MESSAGE}",
        rf"\[(?P<time>{DAY}(?:\]\[| ){CLOCK}){FRACTION}\]\[(?P<logger>[\w:]++)\]\[{_RUST_LEVEL}\] {MESSAGE}",
        rf"{ISO}{FRACTION}{ZONE} {_RUST_LEVEL} (?P<logger>\w++(?:::\w++)*+) - {MESSAGE}",
        # tracing with the name of the thread, its number, or both; Linkerd writes its uptime.
        rf"{ISO}{FRACTION}{ZONE} +{_RUST_LEVEL} +(?:{_RUST_THREAD} +)?{_RUST_THREAD_ID} {_RUST_TARGET} {MESSAGE}",
        rf"{ISO}{FRACTION}{ZONE} +{_RUST_LEVEL} +{_RUST_THREAD} +{_RUST_PATH} {MESSAGE}",
        rf"\[ *(?P<uptime>\d{{1,9}}\.\d{{1,9}})s\] +{_RUST_LEVEL} (?:{_RUST_THREAD_ID} )?{_RUST_TARGET} {MESSAGE}",
        # simplelog, which writes the thread, the target and the place only for some levels; flexi_logger.
        rf"{_RUST_CLOCK} \[{_RUST_LEVEL} *\] \({THREAD_ID}\) (?P<logger>\w++(?:::\w++)*+): "
        rf"(?:\[{_RUST_FILE}\] )?{MESSAGE}",
        rf"{_RUST_CLOCK} \[{_RUST_LEVEL} *\] (?P<logger>\w++(?:::\w++)++): (?:\[{_RUST_FILE}\] )?{MESSAGE}",
        rf"(?P<time>{CLOCK}) \[{_RUST_LEVEL} *\] {MESSAGE}",
        rf"(?:\[{ISO}{FRACTION} {ZONE}\] )?{_RUST_LEVEL} +\[(?P<logger>\w++(?:::\w++)++)\] (?:{_RUST_FILE}: )?"
        rf"{MESSAGE}",
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
        "01:00:00 [TRACE] (2) shop::web: [src/web.rs:42] polled",
        "2026-11-23T01:00:00.123456Z [WARN] shop::db: slow",
        "01:00:00 [INFO] listening on 8080",
        "[2026-11-23 01:00:00.123456 +00:00] INFO [shop::web] src/web.rs:42: listening",
    ),
)
"""env_logger, the `fmt` layer of tracing, fern, log4rs, simplelog and flexi_logger."""

_NET_LEVEL = r"(?P<level>trce|dbug|info|warn|fail|crit)"
_SERILOG_LEVEL = r"(?P<level>VRB|DBG|INF|WRN|ERR|FTL|Verbose|Debug|Information|Warning|Error|Fatal)"
_NLOG_LEVEL = r"(?P<level>(?i:trace|debug|info|warn|error|fatal))"
_ULS_LEVEL = (
    r"(?P<level>Critical|Unexpected|Monitorable|High|Medium|Verbose(?:Ex)?|Information|Warning|Error|Exception"
    r"|Assert)"
)


def _net_time(text: str, year: str, now: float) -> str:
    """Return a time of SharePoint, which has the month first, in ISO 8601, and any other as `local_time` does."""
    if text[2:3] == "/":
        text = f"{text[6:10]}-{text[:5].replace('/', '-')}{text[10:]}"
    return local_time(text, year, now)


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
        # The console formatter for systemd; Serilog with the thread, as in Jellyfin.
        rf"<(?P<level>[2-7])>(?P<logger>[\w.+`]++)\[(?P<event>-?\d{{1,10}})\] {MESSAGE}",
        rf"\[(?P<time>(?:{DAY}[T ])?{CLOCK}){FRACTION}(?: ?{ZONE})?\] \[{_SERILOG_LEVEL}\] "
        rf"\[(?P<thread>\d{{1,9}})\] (?:(?P<logger>[\w.]++): )?{MESSAGE}",
        # Emby.
        rf"{ISO}{FRACTION} (?P<level>Debug|Info|Warn|Error|Fatal) (?P<logger>[\w.]++): {MESSAGE}",
        # ULS of SharePoint; a star marks the rest of the previous message.
        rf"(?P<time>[01]\d/[0-3]\d/\d{{4}} {CLOCK}){FRACTION}\*? *\t(?P<process>[^\t\n(]*[^\t\n( ]) *"
        r"\((?:[^\t\n:)]++:)?0x(?P<pid_hex>[0-9A-Fa-f]{1,8})\) *\t0x(?P<thread_hex>[0-9A-Fa-f]{1,8}) *\t"
        rf"(?P<area>[^\t\n]*)\t(?P<logger>[^\t\n]*)\t(?P<code>[^\t\n]*)\t{_ULS_LEVEL} *\t"
        r"(?P<message>[^\t\n]*)(?:\t(?P<correlation>[0-9a-fA-F-]{36})?(?P<extra>[^\n]*))?",
    ),
    (
        text_field("message", "message", str.rstrip),
        text_field("process.name", "process"),
        json_field("process.pid", "pid_hex", lambda digits: str(int(digits, 16))),
        text_field("process.thread.name", "thread"),
        json_field("process.thread.id", "thread_hex", lambda digits: str(int(digits, 16))),
        text_field("sharepoint.area", "area", str.strip),
        text_field("sharepoint.correlation_id", "correlation"),
        text_field("event.code", "code", str.strip),
        json_field("dotnet.event_id", "event", lambda number: str(int(number))),
        text_field("log.level", "level", _expand_level),
        text_field("log.logger", "logger", str.rstrip),
        text_field("log.extra", "extra", str.strip),
    ),
    examples=(
        "info: Microsoft.Hosting.Lifetime[14] Now listening on: http://[::]:8080",
        "2026-11-23 01:00:00.123 +01:00 [INF] Now listening on: http://[::]:8080",
        "[01:00:00 INF] Now listening on: http://[::]:8080",
        "2026-11-23 01:00:00.1234|INFO|Shop.Orders|order accepted",
        "2026-11-23 01:00:00,123 [1] INFO  Shop.Orders [(null)] - order accepted",
        "<6>Shop.Orders[0] order accepted",
        "[01:00:00] [INF] [12] Main: Jellyfin version: 10.9",
        "2026-11-23 01:00:00.123 Info Main: Application path: /app/emby",
        "11/23/2026 01:00:00.12 \tw3wp.exe (0x1A2C)      \t0x0B0C\tSharePoint Foundation         \tDatabase       \t"
        "8acb\tHigh     \tSlow query                                        \t0a1b2c3d-1111-2222-3333-444455556666",
    ),
    to_iso=_net_time,
)
"""Microsoft.Extensions.Logging's console, in one line or, with the preset `dotnet`, in two; Serilog's file and
console sinks; NLog's default layout; log4net; the Unified Logging Service of SharePoint."""
