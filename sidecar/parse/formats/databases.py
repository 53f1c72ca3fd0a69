"""Logs of PostgreSQL, MySQL, MariaDB, Redis, MongoDB and ClickHouse."""

from __future__ import annotations

from sidecar.parse.addresses import address_field
from sidecar.parse.format_parser import LogFormat
from sidecar.parse.formats.pieces import CLOCK, DAY, ISO, MESSAGE, MONTH, PID, PORT, THREAD_ID
from sidecar.parse.row_templates import decimal_field, number_field, text_field

_SEVERITY = (
    r"(?P<level>DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC"
    r"|STATEMENT|DETAIL|HINT|QUERY|CONTEXT|LOCATION)"
)
_POSTGRESQL_TIME = (
    rf"(?P<time>{DAY} {CLOCK})(?:\.(?P<fraction>\d{{1,6}}))? (?P<zone>[A-Z][A-Za-z]{{0,4}}|[+-]\d\d(?::?\d\d)?)"
)
_REPORT = rf"{_SEVERITY}: {{2}}(?! ){MESSAGE}"
_PID = r"\[(?P<pid>\d{1,18})(?:-\d++)?\](?:-\d++)?:?"

POSTGRESQL = LogFormat(
    "PostgreSQL",
    (
        rf"{_POSTGRESQL_TIME} {_PID} (?:\[[^\]\n]*+\] )?(?:(?P<user>[^@ =\n]++)@(?P<database>[^ \n]++) )?"
        rf"{_SEVERITY}: +{MESSAGE}",
        rf"{_POSTGRESQL_TIME}:(?:\[local\]|(?P<client>[^(\[\] \n]*?))(?:\({PORT}\))?:(?P<user>[^@ \n]*+)@"
        rf"(?P<database>[^: \n]*+):"
        rf"{_PID}{_SEVERITY}: +{MESSAGE}",
        rf"{_POSTGRESQL_TIME} {_PID} (?:\[[^\]\n]*+\] )?user=(?P<user>[^, \n]*+),db=(?P<database>[^, \n]*+)"
        r"(?:,app=(?P<app>[^,\n]*?))?(?:,client=(?:\[local\]|(?P<client>[^,( \n]*+))(?:\(" + PORT + r"\))?)?"
        rf"(?P<extra>,[^ \n]*+)? {_SEVERITY}: +{MESSAGE}",
        rf"< {_POSTGRESQL_TIME} >{_SEVERITY}: +{MESSAGE}",
        _REPORT,
        rf"{_POSTGRESQL_TIME} {_PID} (?P<extra>(?:(?!{_SEVERITY.replace('?P<level>', '?:')}: )[^\n]){{1,200}}?) "
        rf"{_SEVERITY}: +{MESSAGE}",
        # The user before the time, the time as a number, no process id.
        rf"(?P<user>[^@ \n]++)@(?P<database>[^ \n]++) {_POSTGRESQL_TIME}(?: {_PID})? {_REPORT}",
        rf"(?P<extra>\w[^\n:]{{0,99}}?) {_POSTGRESQL_TIME}(?: {_PID})? {_REPORT}",
        rf"(?P<time>1\d{{9}})\.(?P<fraction>\d{{3}}) {_PID} (?:(?P<user>[^@ =\n]++)@(?P<database>[^ \n]++) )?"
        rf"{_REPORT}",
        rf"{_POSTGRESQL_TIME} (?P<extra>[^\n\[:]{{1,200}}?) {_REPORT}",
        # PgBouncer, Pgpool-II and pgBackRest.
        rf"{_POSTGRESQL_TIME} {_PID} (?P<level>NOISE|DEBUG|LOG|WARNING|ERROR|FATAL) "
        rf"(?:(?P<extra>[CS]-0x[0-9a-f]{{1,16}}): (?P<database>[^ /\n]++)/(?P<user>[^ @\n]++)@"
        rf"(?P<client>[^ \n]+?):{PORT} )?{MESSAGE}",
        rf"(?P<time>{DAY} {CLOCK})(?:\.(?P<fraction>\d{{1,6}}))?: (?P<extra>[^\n:]{{1,99}}?) pid (?P<pid>\d{{1,18}})"
        rf": {_REPORT}",
        rf"{ISO}\.(?P<fraction>\d{{3}}) (?P<process>P\d\d) +(?P<level>ERROR|WARN|INFO|DETAIL|DEBUG|TRACE): {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        text_field("process.name", "process"),
        number_field("process.pid", "pid"),
        text_field("user.name", "user"),
        address_field("source.address", "client"),
        number_field("source.port", "port"),
        text_field("postgresql.log.database", "database"),
        text_field("postgresql.log.application_name", "app"),
        text_field("log.level", "level", str.lower),
        text_field("log.extra", "extra"),
    ),
    examples=(
        '2026-11-23 01:00:00.123 UTC [12] shop@orders ERROR:  duplicate key "a"',
        "2026-11-23 01:00:00 UTC:203.0.113.7(52314):shop@orders:[12]:LOG:  connection authorized",
        "2026-11-23 01:00:00 UTC [12]: user=shop,db=orders,app=psql,client=203.0.113.7 LOG:  duration: 1.2 ms",
        "< 2026-11-23 01:00:00.123 UTC >LOG:  checkpoint starting: time",
        "LOG:  database system was shut down at 2026-11-23 00:59:00 UTC",
        "2026-11-23 01:00:00 UTC [12] 203.0.113.7 shop LOG:  checkpoint starting: time",
        "shop@orders 2026-11-23 01:00:00.123 UTC [12] LOG:  statement: select 1",
        "shop orders psql 2026-11-23 01:00:00 UTC [12] ERROR:  no such table",
        "1795395600.123 [12] shop@orders LOG:  checkpoint starting: time",
        "2026-11-23 01:00:00 UTC 203.0.113.7(52314) shop orders LOG:  connection received",
        "2026-11-23 01:00:00.123 UTC [12] LOG C-0x55d0: orders/shop@203.0.113.7:52314 login attempt: tls=no",
        "2026-11-23 01:00:00.123: child pid 12: LOG:  new connection received",
        "2026-11-23 01:00:00.123 P00 DETAIL: backup file /data/base/1/1259 (8KB, 0.42%)",
    ),
)
"""The default `log_line_prefix = '%m [%p] '`, also with `%u@%d ` or a line number, as in old Debian releases; the
prefix of Amazon RDS, the one for pgBadger, that of old packages of Red Hat, and none. For any other prefix, its text
around the time is kept in `log.extra`. Also PgBouncer, Pgpool-II and pgBackRest."""

_MYSQL_LEVEL = r"\[(?P<level>[A-Z][A-Za-z]*)\]"

MYSQL = LogFormat(
    "MySQL's error log",
    (
        rf"{ISO}(?:\.(?P<fraction>\d{{1,6}}))?(?P<zone>Z|[+-]\d\d:?\d\d) {THREAD_ID} {_MYSQL_LEVEL}"
        rf"(?: \[(?P<code>[A-Z]+-\d+)\] \[(?P<subsystem>[^\]\n]*+)\])? {MESSAGE}",
        rf"(?P<time>{DAY} [ 012]\d:[0-5]\d:[0-6]\d) {THREAD_ID} {_MYSQL_LEVEL} {MESSAGE}",
        rf"(?P<time>{DAY} {CLOCK})(?P<zone>[+-]\d\d:\d\d) {_MYSQL_LEVEL} \[Entrypoint\]: {MESSAGE}",
        rf"(?P<time>\d\d[01]\d[0-3]\d +\d?\d:[0-5]\d:[0-6]\d) +{_MYSQL_LEVEL} {MESSAGE}",
        rf"(?P<time>\d\d[01]\d[0-3]\d +\d?\d:[0-5]\d:[0-6]\d) +{MESSAGE}",
        rf"(?P<time>{DAY} [ 012]\d:[0-5]\d:[0-6]\d) (?:(?P<thread_hex>[0-9a-f]{{6,16}})|{THREAD_ID}) {MESSAGE}",
        # The general query log.
        rf"{ISO}\.(?P<fraction>\d{{1,6}})(?P<zone>Z|[+-]\d\d:?\d\d)\t *{THREAD_ID} "
        rf"(?P<command>[A-Z][a-zA-Z]++(?: [a-zA-Z]++){{0,2}}+)(?:\t{MESSAGE})?",
        # MySQL Router.
        rf"{ISO} (?P<subsystem>[a-z]\w*+) (?P<level>SYSTEM|FATAL|ERROR|WARNING|NOTE|INFO|DEBUG) "
        rf"\[(?P<thread_hex>[0-9a-f]{{6,16}})\] {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        number_field("process.thread.id", "thread_id"),
        text_field("process.thread.name", "thread_hex"),
        text_field("mysql.error.code", "code"),
        text_field("mysql.error.subsystem", "subsystem"),
        text_field("mysql.command", "command"),
        text_field("log.level", "level", str.lower),
    ),
    examples=(
        "2026-11-23T01:00:00.123456Z 0 [System] [MY-010116] [Server] mysqld starting as process 1",
        "2026-11-23  1:00:00 0 [Note] InnoDB: ready",
        "2026-11-23 01:00:00+00:00 [Note] [Entrypoint]: Switching to dedicated user 'mysql'",
        "261123 19:26:00 [Warning] IP address '192.0.2.7' could not be resolved",
        "261123 19:26:00  InnoDB: Starting shutdown...",
        "2026-11-23 01:00:00 7f1c2a InnoDB: page cleaner took 4012ms",
        "2026-11-23T01:00:00.123456Z\t    9 Query\tselect 1",
        "2026-11-23 01:00:00 routing INFO [7f1c2a3b4c5d] [routing:shop_rw] started",
    ),
)
"""`time thread [label] [err_code] [subsystem] msg`, from "The Error Log" in its manual; MySQL 5.7 has no code and
no subsystem. MariaDB writes `yyyy-mm-dd hh:mm:ss thread [type] msg` in local time, with hours padded by a space;
MySQL and MariaDB 5.5 write `yymmdd hh:mm:ss [type] msg`, and InnoDB of 5.6 a thread in hexadecimal digits. Also
the general query log."""

_ISO_LINE = rf"# Time: (?P<time>{DAY}T{CLOCK})(?:\.(?P<fraction>\d{{1,9}}))?(?P<zone>Z|[+-]\d\d:\d\d)[ \t]*\n"
_NUMBER = r"(?:0|[1-9]\d{0,17})"
_SECONDS = _NUMBER + r"\.\d{1,18}"
_HEAD = (
    r"# User@Host: (?P<user>[^\[\n]*)\[[^\]\n]*\] @ +(?P<host>[^\s\[]*) ?\[(?P<address>[^\]\n]*)\]"
    r"(?:[ \t]+Id:[ \t]+(?P<id>\d{1,18}))?[ \t]*\n"
    r"(?:# (?:Thread_id: (?P<thread>\d{1,18}) +)?Schema: (?P<schema>\S*)[^\n]*\n)?"
    rf"# Query_time: (?P<took>{_SECONDS}) +Lock_time: (?P<lock>{_SECONDS})"
    rf" +Rows_sent: (?P<sent>\d{{1,18}}) +Rows_examined: (?P<examined>\d{{1,18}})(?:[ \t]+(?P<extra>[^\n]++))?\n"
    r"(?:#[^\n]*\n)*+(?:use (?P<database>[^;\n]*);\n)?"
)

MYSQL_SLOW = LogFormat(
    "MySQL's slow query log",
    (
        _ISO_LINE + _HEAD + r"(?:SET timestamp=\d+(?:\.\d+)?;\n)?(?P<message>.*)",
        r"(?:# Time: [^\n]*\n)?" + _HEAD
        + r"SET timestamp=(?P<time>[1-9]\d{8,9})(?:\.(?P<fraction>\d{1,9}))?;\n(?P<message>.*)",
    ),
    (
        text_field("message", "message"),
        text_field("user.name", "user", str.strip),
        text_field("source.domain", "host"),
        address_field("source.address", "address"),
        number_field("process.thread.id", "id"),
        number_field("mysql.slow.thread_id", "thread"),
        text_field("mysql.slow.schema", "schema"),
        text_field("mysql.slow.database", "database"),
        decimal_field("mysql.slow.query_time", "took"),
        decimal_field("mysql.slow.lock_time", "lock"),
        number_field("mysql.slow.rows_sent", "sent"),
        number_field("mysql.slow.rows_examined", "examined"),
        text_field("log.extra", "extra", str.strip),
    ),
    examples=(
        "# Time: 2026-11-23T01:00:00.123456Z\n# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id:    42\n"
        "# Query_time: 2.500310  Lock_time: 0.000123 Rows_sent: 1  Rows_examined: 100000\nSELECT 1;",
        "# User@Host: shop[shop] @ web-1 [192.0.2.7]\n# Thread_id: 42  Schema: orders  QC_hit: No\n"
        "# Query_time: 2.500310  Lock_time: 0.000123  Rows_sent: 1  Rows_examined: 100000\n"
        "SET timestamp=1795395600;\nSELECT 1;",
    ),
)  # fmt: skip
"""Slow query logs of MySQL 5.7 and later, MariaDB and Percona Server ("The Slow Query Log" in their manuals).

An event has several lines: `# Time:` (MySQL: always; MariaDB: when the second changed), `# User@Host:`, `#
Query_time:`, optional lines with `#`, `use`, `SET timestamp`, and the statement. The multiline preset `mysql_slow`
joins them. The timestamp is `# Time:` if that is ISO 8601, otherwise `SET timestamp`. Durations of queries and
locks stay in seconds, with the digits of the log."""

_REDIS_LEVELS = {".": "debug", "-": "verbose", "*": "notice", "#": "warning"}
_REDIS_ROLES = {"X": "sentinel", "C": "child", "S": "replica", "M": "master"}
_REDIS_TIME = rf"(?P<time>[0-3]?\d {MONTH} (?:\d{{4}} )?{CLOCK})(?:\.(?P<fraction>\d{{3}}))?"

REDIS = LogFormat(
    "Redis",
    (
        rf"{PID}:(?P<role>[XCSM]) {_REDIS_TIME} (?P<level>[.*#-]) {MESSAGE}",
        rf"\[{PID}\] {_REDIS_TIME} (?P<level>[.*#-]) {MESSAGE}",
        rf"{PID}:signal-handler \((?P<time>[1-9]\d{{9}})\) {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        text_field("redis.log.role", "role", lambda role: _REDIS_ROLES[role]),
        text_field("log.level", "level", lambda level: _REDIS_LEVELS[level]),
    ),
    examples=(
        "1:M 23 Nov 2026 01:00:00.123 * Ready to accept connections tcp",
        "[1] 23 Nov 01:00:00.123 * The server is now ready to accept connections on port 6379",
        "1:signal-handler (1795395600) Received SIGTERM scheduling shutdown...",
    ),
)
"""`pid:role time level message` of server.c in Redis and Valkey; the format of Redis 2; lines of signal handlers."""

_MONGODB_LEVELS = {"F": "fatal", "E": "error", "W": "warning", "I": "info", "D": "debug"}

MONGODB = LogFormat(
    "MongoDB until 4.2",
    (
        rf"{ISO}\.(?P<fraction>\d{{3}})(?P<zone>Z|[+-]\d\d:?\d\d) (?P<level>[FEWI]|D[1-5]?) +"
        rf"(?P<component>[A-Z][A-Z_-]*+|-) +"
        rf"\[(?P<thread>[^\]\n]++)\] {MESSAGE}",
        rf"{ISO}\.(?P<fraction>\d{{3}})(?P<zone>Z|[+-]\d\d:?\d\d) \[(?P<thread>[^\]\n]++)\] {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        text_field("process.thread.name", "thread"),
        text_field("mongodb.component", "component"),
        text_field("log.level", "level", lambda level: _MONGODB_LEVELS[level[0]]),
    ),
    examples=(
        "2026-11-23T01:00:00.123+0000 I NETWORK  [listener] waiting for connections on port 27017",
        "2026-11-23T01:00:00.123+0000 [initandlisten] MongoDB starting : pid=1",
    ),
)
"""The text log of versions before 4.4. Since 4.4 MongoDB writes JSON, with the time in `t.$date`."""

CLICKHOUSE = LogFormat(
    "ClickHouse",
    (
        rf"(?P<time>\d{{4}}\.[01]\d\.[0-3]\d {CLOCK})\.(?P<fraction>\d{{1,9}}) \[ {THREAD_ID} \] "
        rf"\{{(?P<query>[^}}\n]*+)\}} <(?P<level>[A-Z][a-z]{{1,20}})> (?:(?P<logger>[^:\n]{{1,200}}?): )?{MESSAGE}",
    ),
    (
        text_field("message", "message"),
        number_field("process.thread.id", "thread_id"),
        text_field("clickhouse.query_id", "query"),
        text_field("log.level", "level", str.lower),
        text_field("log.logger", "logger"),
    ),
    examples=("2026.11.23 01:00:00.123456 [ 812 ] {5f2d-1a} <Information> executeQuery: Read 4 rows in 0.001 sec.",),
)
"""`clickhouse-server.log`."""
