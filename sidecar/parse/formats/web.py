"""Error logs of nginx and Apache, and access logs of HAProxy, Envoy, Squid, uWSGI and AWS."""

from __future__ import annotations

from sidecar.parse.addresses import address_field
from sidecar.parse.format_parser import LogFormat
from sidecar.parse.formats.pieces import (
    CLOCK,
    DAY,
    EXTRA,
    MESSAGE,
    MONTH,
    PID,
    PORT,
    STATUS,
    THREAD_ID,
    WEEKDAY,
    WORD,
)  # fmt: skip
from sidecar.parse.row_templates import decimal_field, json_field, number_field, text_field

NGINX_ERROR = LogFormat(
    "nginx's error log",
    (
        rf"(?P<time>\d{{4}}/[01]\d/[0-3]\d {CLOCK}) \[(?P<level>debug|info|notice|warn|error|crit|alert|emerg)\] "
        rf"{PID}#{THREAD_ID}: (?:\*(?P<connection>\d{{1,18}}) )?"
        r"(?P<message>(?:(?!, client: ).)*+(?:, client: (?P<client>[^,\n]++).*+)?)",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        number_field("process.thread.id", "thread_id"),
        address_field("source.address", "client"),
        number_field("nginx.error.connection_id", "connection"),
        text_field("log.level", "level"),
    ),
    examples=('2026/11/23 01:00:00 [error] 31#32: *5 open() "/a" failed (2: No), client: 203.0.113.7, server: _',),
)
"""ngx_log.c: `time [level] pid#tid: *connection message, client: …, server: …`."""

_APACHE_TIME = rf"\[{WEEKDAY} (?P<time>{MONTH} [ 0123]\d {CLOCK})(?:\.(?P<fraction>\d{{1,6}}))? (?P<year>\d{{4}})\] "
_APACHE_LEVEL = r"(?P<level>emerg|alert|crit|error|warn|notice|info|debug|trace[1-8])"
_APACHE_STATUS = r"(?:(?P<file>[\w./-]++\.c)\((?P<line>\d{1,9})\): )?(?:(?P<error>\(\d++\)[^:\[\n]++): )?"
_APACHE_CLIENT = (
    r"(?:\[(?:client|remote) (?P<client>[^\]\n: ]++|[0-9a-fA-F:.%]*[0-9a-fA-F](?=:\d{1,5}\])|[0-9a-fA-F:.%]++)"
    rf"(?::{PORT})?\] )?"
)

APACHE_ERROR = LogFormat(
    "Apache's error log",
    (
        _APACHE_TIME + rf"\[(?P<module>[a-z0-9_]*+):{_APACHE_LEVEL}\] \[pid {PID}(?::tid {THREAD_ID})?\] "
        rf"{_APACHE_STATUS}{_APACHE_CLIENT}(?:(?P<code>AH\d++): )?{MESSAGE}",
        _APACHE_TIME
        + rf"\[{_APACHE_LEVEL}\] (?:\[pid {PID}(?::tid {THREAD_ID})?\] )?{_APACHE_STATUS}{_APACHE_CLIENT}"
        rf"{MESSAGE}",
    ),
    (
        text_field("message", "message"),
        number_field("process.pid", "pid"),
        number_field("process.thread.id", "thread_id"),
        address_field("source.address", "client"),
        number_field("source.port", "port"),
        text_field("apache.error.code", "code"),
        text_field("apache.error.status", "error"),
        text_field("apache.error.module", "module"),
        text_field("log.level", "level"),
        text_field("log.origin.file.name", "file"),
        number_field("log.origin.file.line", "line"),
    ),
    examples=(
        "[Mon Nov 23 01:00:00.123456 2026] [core:error] [pid 35:tid 43] [client 203.0.113.7:5121] AH00128: File",
        "[Mon Nov 23 01:00:00 2026] [error] [client 203.0.113.7] File does not exist",
    ),
)
"""The default `ErrorLogFormat`, with and without thread ids, and the format of Apache 2.2. The group `error` is `%E`:
the error of the operating system, such as `(13)Permission denied`."""

_REQUEST_LINE = (
    r'"(?:<BADREQ>|(?:(?P<method>[A-Z]++) )?(?P<url>[^" \n]*+(?: (?!HTTP/[\d.]{1,8}")[^" \n]*+)*+)'
    r'(?: HTTP/(?P<version>[\d.]{1,8}))?)"'
)
_HAPROXY_HEAD = (
    rf"(?:(?:<\d{{1,3}}>)?(?:{MONTH} [ 0-3]\d {CLOCK}|{DAY}T{CLOCK}[^ \n]*+)(?: (?P<host>[\w.:-]++))? "
    r"(?P<process>haproxy[\w.-]*+)\[(?P<pid>\d{1,18})\]: )?"
)
_HAPROXY_FROM = (
    rf"(?P<client>[0-9a-fA-F.:]+|unix):{PORT} \[(?P<time>[0-3]\d/{MONTH}/\d{{4}}:{CLOCK})"
    rf"(?:\.(?P<fraction>\d{{1,3}}))?\] "
    rf"(?P<frontend>{WORD}) (?P<backend>[^/ \n]++)/(?:<NOSRV>|(?P<server>{WORD})) "
)
_HAPROXY_LOAD = (
    r"(?P<state>[\w-]{2,4}) (?P<active>\d{1,9})/(?P<frontends>\d{1,9})/(?P<backends>\d{1,9})/(?P<servers>\d{1,9})"
    r"/\+?(?P<retries>\d{1,9}) (?P<server_queue>\d{1,9})/(?P<backend_queue>\d{1,9})"
)

HAPROXY = LogFormat(
    "HAProxy",
    (
        _HAPROXY_HEAD + _HAPROXY_FROM
        + r"(?:-1|(?P<request_ms>\d{1,9}))/(?:-1|(?P<queue_ms>\d{1,9}))/(?:-1|(?P<connect_ms>\d{1,9}))"
        + rf"/(?:-1|(?P<response_ms>\d{{1,9}}))/\+?(?P<total_ms>\d{{1,9}}) (?:-1|{STATUS}) \+?(?P<bytes>\d{{1,18}}) "
        + rf"{WORD} {WORD} {_HAPROXY_LOAD} (?P<captured>\{{[^\n\"]*+)?{_REQUEST_LINE}{EXTRA}",
        _HAPROXY_HEAD + _HAPROXY_FROM
        + r"(?:-1|(?P<queue_ms>\d{1,9}))/(?:-1|(?P<connect_ms>\d{1,9}))/\+?(?P<total_ms>\d{1,9}) \+?"
        r"(?P<bytes>\d{1,18}) "
        + _HAPROXY_LOAD + EXTRA,
        _HAPROXY_HEAD + rf"(?P<client>[0-9a-fA-F.:]+|unix):{PORT} \[(?P<time>[0-3]\d/{MONTH}/\d{{4}}:{CLOCK})"
        rf"(?:\.(?P<fraction>\d{{1,3}}))?\] (?P<frontend>[^/ \n]++)/(?P<bind>[^: \n]++): {MESSAGE}",
        rf"(?:<\d{{1,3}}>)?(?P<time>{MONTH} [ 0-3]?\d {CLOCK}|{DAY}T{CLOCK})(?:\.(?P<fraction>\d{{1,9}}))?"
        rf"(?P<zone>Z|[+-]\d\d:?\d\d)?"
        rf"(?: (?P<host>[\w.:-]++))? (?P<process>haproxy[\w.-]*+)\[{PID}\]: {MESSAGE}",
        rf"\[(?P<level>NOTICE|WARNING|ALERT)\] +(?:\d{{3}}/\d{{6}} )?\({PID}\) : {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        text_field("process.name", "process"),
        number_field("process.pid", "pid"),
        address_field("source.address", "client"),
        number_field("source.port", "port"),
        text_field("http.request.method", "method"),
        text_field("http.version", "version"),
        number_field("http.response.status_code", "status"),
        number_field("haproxy.bytes_read", "bytes"),
        text_field("url.original", "url"),
        text_field("haproxy.frontend_name", "frontend"),
        text_field("haproxy.bind_name", "bind"),
        text_field("haproxy.backend_name", "backend"),
        text_field("haproxy.server_name", "server"),
        number_field("haproxy.http.request.time_wait_ms", "request_ms"),
        number_field("haproxy.total_waiting_time_ms", "queue_ms"),
        number_field("haproxy.connection_wait_time_ms", "connect_ms"),
        number_field("haproxy.http.request.time_wait_without_data_ms", "response_ms"),
        number_field("haproxy.total_time_ms", "total_ms"),
        text_field("haproxy.termination_state", "state"),
        number_field("haproxy.connections.active", "active"),
        number_field("haproxy.connections.frontend", "frontends"),
        number_field("haproxy.connections.backend", "backends"),
        number_field("haproxy.connections.server", "servers"),
        number_field("haproxy.connections.retries", "retries"),
        number_field("haproxy.server_queue", "server_queue"),
        number_field("haproxy.backend_queue", "backend_queue"),
        text_field("haproxy.captured_headers", "captured", str.strip),
        text_field("log.level", "level", str.lower),
        text_field("log.syslog.hostname", "host"),
        text_field("log.extra", "extra"),
    ),
    examples=(
        "Nov 23 01:00:00 edge haproxy[812]: 203.0.113.7:51234 [23/Nov/2026:01:00:00.123] https~ app/app1 "
        "0/0/1/12/13 200 4812"
        ' - - ---- 12/12/3/1/0 0/0 "GET /cart HTTP/1.1"',
        "203.0.113.7:51234 [23/Nov/2026:01:00:00.123] mysql db/db1 0/1/5012 4812 -- 12/12/3/1/0 0/0",
        "203.0.113.7:51234 [23/Nov/2026:01:00:00.123] https/1: SSL handshake failure",
        "Nov 23 01:00:00 edge haproxy[812]: Server app/app1 is DOWN, reason: Layer4 connection problem",
        "[NOTICE]   (1) : New worker (8) forked",
    ),
)  # fmt: skip
"""`option httplog` and `option tcplog`, with or without a syslog header, and messages of HAProxy. The timestamp is
the time at which the request or connection was accepted."""

SQUID = LogFormat(
    "Squid",
    (
        rf"(?P<time>[1-9]\d{{8,9}})\.(?P<fraction>\d{{3}}) +(?P<took>-?\d{{1,18}}) (?P<client>{WORD}) "
        rf"(?P<result>[A-Z_]++)/"
        rf"(?:000|{STATUS}) (?P<bytes>\d{{1,18}}) (?:-|(?P<method>[A-Z]++)|NONE) (?P<url>{WORD}) (?:-|"
        rf"(?P<user>{WORD})) "
        rf"(?P<hierarchy>[A-Z_]++)/(?:-|(?P<peer>{WORD})) (?:-|(?P<type>{WORD})){EXTRA}",
        # cache.log.
        rf"(?P<time>\d{{4}}/[01]\d/[0-3]\d {CLOCK})(?: (?P<process>kid\d{{1,4}}))?\| "
        rf"(?:(?P<level>WARNING|ERROR|FATAL): )?{MESSAGE}",
    ),
    (
        text_field("message", "message"),
        text_field("process.name", "process"),
        address_field("source.address", "client"),
        text_field("user.name", "user"),
        text_field("http.request.method", "method"),
        number_field("http.response.status_code", "status"),
        number_field("http.response.bytes", "bytes"),
        text_field("http.response.mime_type", "type"),
        text_field("url.original", "url"),
        address_field("destination.address", "peer"),
        text_field("squid.result_code", "result"),
        text_field("squid.hierarchy_code", "hierarchy"),
        json_field("squid.duration_ms", "took", lambda digits: str(int(digits))),
        text_field("log.level", "level", str.lower),
        text_field("log.extra", "extra"),
    ),
    examples=(
        "1795395600.123     87 203.0.113.7 TCP_MISS/200 4812 GET http://www.example.com/ - "
        "HIER_DIRECT/192.0.2.10 text/html",
        "2026/11/23 01:00:00 kid1| WARNING: no_suid: setuid(0): (1) Operation not permitted",
    ),
)
"""The native format of Squid's access log, `logformat squid`, and `cache.log`."""

_ENVOY_COUNTS = r"(?P<received>\d{1,18}) (?P<sent>\d{1,18}) (?P<total_ms>\d{1,9}) (?:-|(?P<service_ms>\d{1,9})) "
_QUOTED = r'"(?:-|(?P<{0}>[^"\n]*+))"'

ENVOY = LogFormat(
    "Envoy's access log",
    (
        rf'\[(?P<time>{DAY}T{CLOCK})\.(?P<fraction>\d{{1,9}})(?P<zone>Z)\] "(?:-|(?P<method>[A-Z]++)) '
        rf'(?:-|(?P<url>[^" \n]++)) (?:-|HTTP/(?P<version>[\d.]{{1,8}}))" (?:0|{STATUS}) '
        r"(?:-|(?P<flags>[A-Z][A-Za-z,]*+)) "
        rf'(?:(?:-|(?P<details>[^ "\n]++)) (?:-|(?P<termination>[^ "\n]++)) {_QUOTED.format("failure")} )?'
        + _ENVOY_COUNTS
        + " ".join(_QUOTED.format(name) for name in ("forwarded", "agent", "request", "host", "upstream"))
        + EXTRA,
    ),
    (
        text_field("http.request.method", "method"),
        text_field("http.request.id", "request"),
        number_field("http.request.bytes", "received"),
        text_field("http.version", "version"),
        number_field("http.response.status_code", "status"),
        number_field("http.response.bytes", "sent"),
        text_field("url.original", "url"),
        text_field("url.domain", "host"),
        text_field("user_agent.original", "agent"),
        text_field("envoy.response_flags", "flags"),
        text_field("envoy.response_code_details", "details"),
        text_field("envoy.termination_details", "termination"),
        text_field("envoy.transport_failure", "failure"),
        text_field("envoy.forwarded_for", "forwarded"),
        text_field("envoy.upstream_host", "upstream"),
        number_field("envoy.duration_ms", "total_ms"),
        number_field("envoy.upstream_service_time_ms", "service_ms"),
        text_field("log.extra", "extra"),
    ),
    examples=(
        '[2026-11-23T01:00:00.123Z] "GET /cart HTTP/1.1" 503 UF,URX upstream_reset_before_response_started - "-" 0 '
        '91 12 - "203.0.113.7" "curl/8.5" "0a1b-1" "shop.example" "192.0.2.7:8080" outbound|80||shop - default',
    ),
)
"""The default access log of Envoy and that of Istio. Istio's names and addresses after the upstream host are kept in
`log.extra`."""

UWSGI = LogFormat(
    "uWSGI",
    (
        rf"\[pid: {PID}\|app: (?:-|(?P<app>\d{{1,9}}))\|req: (?:-|\d{{1,18}})/(?P<request>\d{{1,18}})\] "
        rf"(?P<client>{WORD})? ?\((?P<user>[^)\n]*+)\) \{{(?P<variables>\d{{1,9}}) vars in \d{{1,9}} bytes\}} "
        rf"\[{WEEKDAY} (?P<time>{MONTH} [ 0123]\d {CLOCK}) (?P<year>\d{{4}})\] "
        r"(?P<method>[A-Z]++) (?P<url>[^\n]*?) => "
        r"generated (?P<sent>\d{1,18}) bytes in (?P<took>\d{1,18}) (?P<unit>msecs|micros) (?:via \w++\(\) )?"
        rf"\(HTTP/(?P<version>[\d.]{{1,8}}) {STATUS}\) (?P<extra>[^\n]++)",
    ),
    (
        number_field("process.pid", "pid"),
        address_field("source.address", "client"),
        text_field("user.name", "user"),
        text_field("http.request.method", "method"),
        text_field("http.version", "version"),
        number_field("http.response.status_code", "status"),
        number_field("http.response.body.bytes", "sent"),
        text_field("url.original", "url"),
        number_field("uwsgi.app", "app"),
        number_field("uwsgi.request", "request"),
        number_field("uwsgi.duration", "took"),
        text_field("uwsgi.duration_unit", "unit"),
        text_field("log.extra", "extra"),
    ),
    examples=(
        "[pid: 812|app: 0|req: 7/42] 203.0.113.7 () {40 vars in 612 bytes} [Mon Nov 23 01:00:00 2026] GET /cart => "
        "generated 4812 bytes in 13 msecs (HTTP/1.1 200) 4 headers in 128 bytes (1 switches on core 0)",
    ),
)
"""The default request log of uWSGI. Its other messages have no common layout."""

_SECONDS = r"(?:-1|(?P<{0}>\d{{1,9}}(?:\.\d{{1,9}})?))"
_ELB_REST = (
    rf"(?P<client>[^ \n]+):{PORT} (?:-|(?P<target>[^ \n]+):(?P<target_port>\d{{1,5}})) "
    + " ".join(_SECONDS.format(name) for name in ("request_s", "target_s", "response_s"))
    + rf" (?:-|{STATUS}) (?:-|(?P<target_status>\d{{3}})) (?P<received>\d{{1,18}}) (?P<sent>\d{{1,18}}) "
    r'"(?:-|(?P<method>[A-Z]++)) (?P<url>[^ "\n]*+) ?(?:HTTP/(?P<version>[\d.]{1,8})|-) ?"'
    r'(?: "(?:-|(?P<agent>[^"\n]*+))")?' + EXTRA
)

AWS_ELB = LogFormat(
    "load balancers of AWS",
    (
        rf"(?P<type>https?|h2|grpcs|wss?) (?P<time>{DAY}T{CLOCK})\.(?P<fraction>\d{{1,9}})(?P<zone>Z) "
        rf"(?P<name>{WORD}) {_ELB_REST}",
        rf"(?P<time>{DAY}T{CLOCK})\.(?P<fraction>\d{{1,9}})(?P<zone>Z) (?P<name>{WORD}) {_ELB_REST}",
    ),
    (
        address_field("source.address", "client"),
        number_field("source.port", "port"),
        address_field("destination.address", "target"),
        number_field("destination.port", "target_port"),
        text_field("http.request.method", "method"),
        number_field("http.request.bytes", "received"),
        text_field("http.version", "version"),
        number_field("http.response.status_code", "status"),
        number_field("http.response.bytes", "sent"),
        text_field("url.original", "url"),
        text_field("user_agent.original", "agent"),
        text_field("aws.elb.type", "type"),
        text_field("aws.elb.name", "name"),
        decimal_field("aws.elb.request_processing_time", "request_s"),
        decimal_field("aws.elb.target_processing_time", "target_s"),
        decimal_field("aws.elb.response_processing_time", "response_s"),
        number_field("aws.elb.target_status_code", "target_status"),
        text_field("log.extra", "extra"),
    ),
    examples=(
        "https 2026-11-23T01:00:00.123456Z app/shop/50dc6c495c0c9188 203.0.113.7:51234 192.0.2.80:80 0.001 "
        "0.012 0.000 200 200"
        ' 34 4812 "GET https://shop.example:443/cart HTTP/2.0" "curl/8.5.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.3',
        "2026-11-23T01:00:00.123456Z shop 203.0.113.7:51234 192.0.2.80:80 0.001 0.012 0.000 200 200 34 4812"
        ' "GET https://shop.example:443/cart HTTP/1.1" "curl/8.5.0" - -',
    ),
)
"""Access logs of Application and Classic Load Balancers. Processing times stay in seconds. The text after the user
agent is kept in `log.extra`."""

AWS_S3 = LogFormat(
    "access logs of Amazon S3",
    (
        rf"(?P<owner>{WORD}) (?P<bucket>{WORD}) \[(?P<time>[0-3]\d/{MONTH}/\d{{4}}:{CLOCK}) (?P<zone>[+-]\d{{4}})\] "
        rf"(?:-|(?P<client>{WORD})) (?:-|(?P<user>{WORD})) (?P<id>{WORD}) (?P<operation>[A-Z][A-Z0-9._]*+) (?:-|"
        rf"(?P<key>{WORD})) "
        rf"(?:-|{_REQUEST_LINE}) (?:-|{STATUS}) (?:-|(?P<error>{WORD})) (?:-|(?P<sent>\d{{1,18}})) (?:-|"
        rf"(?P<size>\d{{1,18}})) "
        r'(?:-|(?P<total_ms>\d{1,18})) (?:-|(?P<turn_ms>\d{1,18})) (?:-|"(?:-|(?P<referrer>[^"\n]*+))") '
        rf'(?:-|"(?:-|(?P<agent>[^"\n]*+))"){EXTRA}',
    ),
    (
        address_field("source.address", "client"),
        text_field("user.name", "user"),
        text_field("http.request.method", "method"),
        text_field("http.request.referrer", "referrer"),
        text_field("http.version", "version"),
        number_field("http.response.status_code", "status"),
        text_field("url.original", "url"),
        text_field("user_agent.original", "agent"),
        text_field("aws.s3access.bucket_owner", "owner"),
        text_field("aws.s3access.bucket", "bucket"),
        text_field("aws.s3access.request_id", "id"),
        text_field("aws.s3access.operation", "operation"),
        text_field("aws.s3access.key", "key"),
        text_field("aws.s3access.error_code", "error"),
        number_field("aws.s3access.bytes_sent", "sent"),
        number_field("aws.s3access.object_size", "size"),
        number_field("aws.s3access.total_time", "total_ms"),
        number_field("aws.s3access.turn_around_time", "turn_ms"),
        text_field("log.extra", "extra"),
    ),
    examples=(
        "79a59df900b949e5 shop-logs [23/Nov/2026:01:00:00 +0000] 203.0.113.7 79a59df900b949e5 3E57427F3EXAMPLE "
        "REST.GET.OBJECT"
        ' cart.json "GET /shop-logs/cart.json HTTP/1.1" 200 - 4812 4812 70 10 "-" "aws-cli/2.15" - host-id SigV4',
    ),
)
"""Server access logs ("Amazon S3 server access log format"). The text after the user agent is kept in `log.extra`."""
