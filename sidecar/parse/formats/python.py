"""Logs of Python: the layouts of `logging` in manuals and frameworks, and of loguru, structlog and web servers."""

from __future__ import annotations

from sidecar.parse.addresses import address_field
from sidecar.parse.format_parser import LogFormat
from sidecar.parse.formats.pieces import (
    CLOCK,
    DAY,
    EXTRA,
    FRACTION,
    ISO,
    MESSAGE,
    MONTH,
    NO_LEVEL,
    NO_STATE,
    PID,
    PORT,
    STATUS,
    ZONE,
)  # fmt: skip
from sidecar.parse.row_templates import number_field, text_field

_LEVEL = (
    r"(?P<level>TRACE|DEBUG|INFO|SUCCESS|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE|CONFIG|FINE|FINER|FINEST)"
)
_SHORT_LEVELS = {
    "D": "debug", "I": "info", "W": "warning", "E": "error", "C": "critical",
    "WARNI": "warning", "CRITI": "critical", "CRIT": "critical", "ERRO": "error", "DEBG": "debug",
    "TRAC": "trace", "BLAT": "trace",
}  # fmt: skip
_ANY_LEVEL = r"(?P<level>(?i:trace|debug|info|success|notice|warn|warning|error|fatal|critical|exception))"
_REQUEST = r'"(?P<method>[A-Z]++) (?P<path>[^ "\n]++) HTTP/(?P<version>[\d.]{1,8})"'
_REASON = r"(?: (?:[A-Z][\w'-]*+|a)(?=[ \n]|$))*+"
"""The reason phrase of a status, such as `Not Found`."""


PYTHON = LogFormat(
    "Python's logging",
    (
        rf"{ISO}{FRACTION} +- +(?P<logger>[^ \n]++) +- +{_LEVEL} +- +{MESSAGE}",
        rf"{ISO}{FRACTION} +\[?{_LEVEL}\]? +{NO_STATE}(?P<logger>[^ :\n]++): {MESSAGE}",
        rf"{_LEVEL}:(?P<logger>[^ :\n]++):{MESSAGE}",
        # uvicorn: requests, and other messages.
        rf"{_LEVEL}: +(?P<client>[0-9a-fA-F.:\[\]]+?):{PORT} - {_REQUEST} {STATUS}{_REASON}{EXTRA}",
        rf"{_LEVEL}: {{4,9}}{MESSAGE}",
        # gunicorn.
        rf"\[{ISO} {ZONE}\] \[{PID}\] \[{_LEVEL}\] {MESSAGE}",
        # Celery.
        rf"\[{ISO}{FRACTION}: {_LEVEL}/(?P<process>[^\]\n]++)\] {MESSAGE}",
        # Flask, Airflow.
        rf"\[{ISO}{FRACTION}\] {_LEVEL} in (?P<logger>[\w.]++): {MESSAGE}",
        rf"\[(?P<time>{DAY}(?:, |[T ]){CLOCK}){FRACTION}(?: ?{ZONE})?\] \{{(?P<file>[\w./-]++):"
        rf"(?P<line>\d{{1,9}})\}} {_LEVEL} - {MESSAGE}",
        # Django's development server.
        rf"\[(?P<time>[0-3]\d/{MONTH}/\d{{4}} {CLOCK})\] "
        rf"(?P<message>{_REQUEST} {STATUS} (?:\d{{1,18}}|-)(?: [^\n]++)?)",
        # loguru.
        rf"{ISO}{FRACTION} \| {_LEVEL} *\| (?P<logger>[\w.<>]++):(?P<function>[\w.<>]++):(?P<line>\d{{1,9}}) - "
        rf"{MESSAGE}",
        # structlog's console.
        rf"{ISO}{FRACTION}Z? \[{_ANY_LEVEL} *\] (?P<message>(?:[^\n]*?\S)?) {{2,}}+(?:\[(?P<logger>[\w.]++)\] *)?"
        rf"(?P<extra>[\w.]++=[^\n]++)",
        rf"{ISO}{FRACTION}Z? \[{_ANY_LEVEL} *\] {MESSAGE}",
        # Odoo, with the name of the database; OpenStack, also with the file name at the beginning of the line.
        rf"{ISO}{FRACTION} {PID} {_LEVEL} (?P<database>[^ .\n]++) "
        rf"(?P<logger>(?:odoo|openerp|werkzeug|\w++\.)[\w.]*+): {MESSAGE}",
        rf"(?:[\w-]++\.log\S{{0,40}} )?{ISO}{FRACTION} {PID} {_LEVEL} (?P<logger>[\w.]++) {MESSAGE}",
        # Django's manual and tutorials, IPython and Tornado.
        rf"{_LEVEL} {ISO}{FRACTION} (?P<logger>[\w.]++) {PID} (?P<thread>\d{{1,18}}) {MESSAGE}",
        rf"\[(?P<time>[0-3]\d/{MONTH}/\d{{4}} {CLOCK})\] {_LEVEL} \[(?P<logger>[\w.]++)(?::(?P<line>\d{{1,9}}))?\] "
        rf"{MESSAGE}",
        rf"\[(?P<level>[DIWEC]) (?P<time>(?:\d\d[01]\d[0-3]\d|{DAY}) {CLOCK}){FRACTION} (?P<logger>\w++)"
        rf"(?::(?P<line>\d{{1,9}}))?\] {MESSAGE}",
        # BASIC_FORMAT with a time in front.
        rf"{ISO}{FRACTION}:{_LEVEL}:(?:(?P<logger>[\w.]++):)?{MESSAGE}",
        # Home Assistant; Fail2ban; Salt.
        rf"{ISO}{FRACTION} {_LEVEL} \((?P<thread_name>[^)\n]++)\) \[(?P<logger>[\w.]++)\] {MESSAGE}",
        rf"{ISO}{FRACTION} (?P<logger>[\w.]++) *\[{PID}\]: {_LEVEL} +{MESSAGE}",
        rf"{ISO}{FRACTION} \[(?P<logger>[\w.-]++) *:(?P<line>\d{{1,9}}) *\]\[{_LEVEL} *\]"
        rf"(?:\[{PID}\])? {MESSAGE}",
        # Synapse and Dagster; cloud-init; Ansible; Twisted; Prefect; vLLM; Deluge; Alembic.
        rf"{ISO}{FRACTION}(?: {ZONE})? - (?P<logger>[^ \n]++) - (?:(?P<line>\d{{1,9}}) - )?{_LEVEL} - {MESSAGE}",
        rf"{ISO}{FRACTION} - (?P<file>[\w.-]+\.py)\[{_LEVEL}\]: {MESSAGE}",
        rf"{ISO}{FRACTION} p={PID} u=(?P<user>[^ \n]++) (?:n=(?P<logger>[^ \n]++) )?\| {MESSAGE}",
        rf"(?P<time>{DAY}T{CLOCK})(?P<zone>[+-]\d{{4}}) "
        r"\[(?:-|(?P<logger>\w++(?:[.,][^\]#\n]++|(?=#))))(?:#(?P<level>debug|info|warn|error|critical))?\] "
        rf"{MESSAGE}",
        rf"(?P<time>{CLOCK}){FRACTION} \| {_LEVEL} *\| (?P<logger>[^|\n]+?) - {MESSAGE}",
        rf"{_LEVEL} (?P<time>[01]\d-[0-3]\d {CLOCK}) \[?(?P<file>[\w./-]+\.py):(?P<line>\d{{1,9}})\] {MESSAGE}",
        rf"(?P<time>{CLOCK}){FRACTION} \[{_LEVEL} *\]\[(?P<logger>[\w.]++) *:(?P<line>\d{{1,9}}) *\] {MESSAGE}",
        rf"{_LEVEL} {{1,6}}\[(?P<logger>[a-z]\w*+(?:\.\w++)++)\] {MESSAGE}",
        # Pyramid, which cuts levels after five letters.
        rf"{ISO}{FRACTION} (?P<level>DEBUG|INFO|WARNI|ERROR|CRITI) +\[(?P<logger>[\w.]++):(?P<line>\d{{1,9}})\]"
        rf"\[(?P<thread_name>[^\]\n]++)\] {MESSAGE}",
        # Barman; the name in brackets, as in Paperless and Liquibase; dbt; loggers of R.
        rf"{ISO}{FRACTION} \[{PID}\] (?P<logger>[\w.]++) {_LEVEL}: {MESSAGE}",
        rf"\[{ISO}{FRACTION}\] \[?{_LEVEL}(?: *\])? \[(?P<logger>[\w.]++)\] {MESSAGE}",
        rf"(?P<time>{CLOCK}){FRACTION} \[{_ANY_LEVEL} *\] \[(?P<thread_name>[^\]\n]++)\]: {MESSAGE}",
        rf"{_LEVEL} +\[{ISO}{FRACTION}\] {MESSAGE}",
        # Time, name, level without dashes; time, level, message, with dashes and without.
        rf"{ISO}{FRACTION} +{NO_LEVEL}\[?(?P<logger>[\w.]++)\]? +\[?{_LEVEL}(?: *+\])?:? +{MESSAGE}",
        rf"\[?{ISO}{FRACTION}\]? +- +{_LEVEL} +- +{MESSAGE}",
        rf"\[?{ISO}{FRACTION}{ZONE}?\]? +\[?{_LEVEL}(?: *+\])?:? +(?:- +)?{MESSAGE}",
        # Supervisor; level and message, as in Luigi; RQ.
        rf"{ISO}{FRACTION} (?P<level>CRIT|ERRO|DEBG|TRAC|BLAT) {MESSAGE}",
        rf"{_LEVEL}: (?! ){MESSAGE}",
        rf"(?P<time>{CLOCK}) (?!\[|[AP]M\b){NO_LEVEL}{MESSAGE}",
        # SABnzbd; Frigate; Ray.
        rf"{ISO}{FRACTION}::{_LEVEL}::\[(?P<logger>[\w.]++):(?P<line>\d{{1,9}})\] {MESSAGE}",
        rf"\[{ISO}{FRACTION}\] (?P<logger>[\w.-]++) +{_LEVEL} *: {MESSAGE}",
        rf"{ISO}{FRACTION}\t{_LEVEL} (?P<file>[\w./-]+\.py):(?P<line>\d{{1,9}}) -- {MESSAGE}",
        # VDSM of oVirt.
        rf"(?P<thread_name>[^:\n]++)::{_LEVEL}::{ISO}{FRACTION}::(?P<file>\w++)::(?P<line>\d{{1,9}})::"
        rf"(?P<logger>[\w.]++)::\((?P<function>\w++)\) {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        text_field("log.level", "level", lambda level: _SHORT_LEVELS.get(level, level.lower())),
        text_field("log.logger", "logger"),
        number_field("process.pid", "pid"),
        number_field("process.thread.id", "thread"),
        text_field("process.thread.name", "thread_name"),
        text_field("process.name", "process"),
        text_field("user.name", "user"),
        text_field("odoo.database", "database"),
        address_field("source.address", "client", lambda client: client.strip("[]")),
        number_field("source.port", "port"),
        text_field("http.request.method", "method"),
        text_field("http.version", "version"),
        number_field("http.response.status_code", "status"),
        text_field("url.original", "path"),
        text_field("log.origin.file.name", "file"),
        number_field("log.origin.file.line", "line"),
        text_field("log.origin.function", "function"),
        text_field("log.extra", "extra"),
    ),
    examples=(
        "2026-11-23 01:00:00,123 - shop.db - WARNING - slow",
        "2026-11-23 01:00:00 [INFO] shop.db: connected",
        "ERROR:root:boom",
        'INFO:     203.0.113.7:51234 - "GET /health HTTP/1.1" 200 OK',
        "INFO:     Started server process [1]",
        "[2026-11-23 01:00:00 +0000] [7] [INFO] Booting worker with pid: 7",
        "[2026-11-23 01:00:00,123: INFO/MainProcess] Task orders.ship received",
        "[2026-11-23 01:00:00,123] INFO in app: hello",
        "[2026-11-23T01:00:00.123+0000] {taskinstance.py:1157} INFO - Dependencies all met",
        '[23/Nov/2026 01:00:00] "GET /admin/ HTTP/1.1" 200 5678',
        "2026-11-23 01:00:00.123 | INFO     | shop.db:connect:42 - connected",
        "2026-11-23 01:00:00 [info     ] order accepted                 [shop.orders] order=42 items=3",
        "2026-11-23 01:00:00 [info     ] order accepted",
        "2026-11-23 01:00:00,123 812 INFO shop odoo.modules.loading: loading 42 modules...",
        "2026-11-23 01:00:00.008 25746 INFO nova.osapi_compute.wsgi.server [req-38101a0b] GET /v2 status: 200",
        "INFO 2026-11-23 01:00:00,123 views 812 140223 order accepted",
        "[23/Nov/2026 01:00:00] INFO [shop.views:42] order accepted",
        "[I 2026-11-23 01:00:00.123 ServerApp] Kernel started",
        "2026-11-23 01:00:00,123:INFO:order accepted",
        "2026-11-23 01:00:00.123 WARNING (MainThread) [homeassistant.loader] We found a custom integration",
        "2026-11-23 01:00:00,123 fail2ban.actions        [812]: NOTICE  [sshd] Ban 203.0.113.7",
        "2026-11-23 01:00:00,123 [salt.loader      :42  ][INFO    ][812] loaded",
        "2026-11-23 01:00:00,123 - synapse.http - 460 - INFO - GET-42 - Processed request: 0.012sec",
        "2026-11-23 01:00:00,123 - util.py[DEBUG]: Running command ['mount']",
        "2026-11-23 01:00:00,123 p=812 u=ann n=ansible | PLAY [all] ****",
        "2026-11-23T01:00:00+0000 [twisted.web.server.Site#info] Starting factory",
        "01:00:00.123 | INFO    | Flow run 'red-cat' - Created task run",
        "INFO 11-23 01:00:00 [api_server.py:42] vLLM API server version 0.8",
        "01:00:00 [INFO    ][deluge.core.daemon               :155 ] Deluge daemon starting",
        "INFO  [alembic.runtime.migration] Context impl PostgresqlImpl.",
        "2026-11-23 01:00:00,123 WARNI [shop.views:42][waitress-0] slow",
        "2026-11-23 01:00:00,123 [812] barman.wal_archiver INFO: Found 1 xlog segments",
        "[2026-11-23 01:00:00,123] [INFO] [paperless.consumer] Consuming a.pdf",
        "01:00:00.123456 [info ] [MainThread]: Running with dbt=1.7.4",
        "ERROR [2026-11-23 01:00:00] failed: no data",
        "2026-11-23 01:00:00,123 shop.db WARNING slow",
        "2026-11-23 01:00:00,123 - ERROR - could not connect",
        "2026-11-23 01:00:00,123 ERROR could not connect: timeout",
        "2026-11-23 01:00:00,123 CRIT Supervisor is running as root",
        "INFO: Informed scheduler that task   Ship__99914b932b   has status   PENDING",
        "01:00:00 default: shop.ship(42) (0a1b-2c3d)",
        "2026-11-23 01:00:00,123::ERROR::[newswrapper:178] Failed to connect: no route",
        "[2026-11-23 01:00:00] frigate.app                    INFO    : Starting Frigate (0.14.1)",
        "2026-11-23 01:00:00,123\tINFO worker.py:1724 -- Started a local Ray instance.",
        "Thread-15::DEBUG::2026-11-23 01:00:00,123::clientIF::54::vds::(wrapper) [192.0.2.7]::call getCapabilities",
    ),
)
"""`logging.BASIC_FORMAT`; the format of Python's logging HOWTO, with ` - ` between time, name, level and message;
time, level and name before a colon; and the layouts that the comments name."""
