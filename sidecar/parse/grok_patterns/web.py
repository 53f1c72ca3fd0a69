"""Patterns of web servers and proxies: Apache, HAProxy, Squid, and the load balancers, CloudFront and S3 of AWS."""

from __future__ import annotations

from sidecar.parse.grok_patterns.naming import PatternFamily

_QUOTED = r'[^"\\\n]*+(?:\\.[^"\\\n]*+)*+'
_REQUEST_LINE = "%{WORD:method} %{NOTSPACE:url}(?: HTTP/%{NUMBER:version})?"

_HTTPD = {
    "HTTPDUSER": "(?:%{EMAILADDRESS}|%{USER})",
    "HTTPDERROR_DATE": "%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{YEAR}",
    "HTTPD_COMMONLOG": (
        r"%{IPORHOST:client} (?<any_identity>-|%{HTTPDUSER:identity}) (?<any_user>-|%{HTTPDUSER:user})"
        rf' \[%{{HTTPDATE:timestamp}}\] "(?:{_REQUEST_LINE}|(?<bad_request>{_QUOTED}))"'
        " (?:-|%{INT:status}) (?:-|%{INT:bytes})"
    ),
    "HTTPD_COMBINEDLOG": (
        rf'%{{HTTPD_COMMONLOG}} (?<quoted_referrer>"(?:-|(?<referrer>{_QUOTED}))")'
        rf' (?<quoted_agent>"(?:-|(?<agent>{_QUOTED}))")'
    ),
    "COMMONAPACHELOG": "%{HTTPD_COMMONLOG}",
    "COMBINEDAPACHELOG": "%{HTTPD_COMBINEDLOG}",
    "HTTPD20_ERRORLOG": (
        r"\[%{HTTPDERROR_DATE:timestamp}\] \[%{LOGLEVEL:level}\] (?:\[client %{IPORHOST:client}\] )?"
        "%{GREEDYDATA:message}"
    ),
    "HTTPD24_ERRORLOG": (
        r"\[%{HTTPDERROR_DATE:timestamp}\] \[%{WORD:module}?:%{LOGLEVEL:level}\]"
        r" \[pid %{POSINT:pid}(?::tid %{INT:tid})?\](?: \(%{POSINT:proxy_code}\)(?<proxy_message>[^:\n]*+):)?"
        r"(?: [\w./-]{1,200}\.c\(\d++\):)?(?: \[client %{IPORHOST:client}(?::%{POSINT:client_port})?\])?"
        r"(?: (?<code>AH\d++):)? %{GREEDYDATA:message}"
    ),
    "HTTPD_ERRORLOG": "(?:%{HTTPD20_ERRORLOG}|%{HTTPD24_ERRORLOG})",
}

_HEX_GROUPS = "[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4})"
_ADDRESS = (
    r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(?= )"
    r"|[0-9A-Za-z][0-9A-Za-z_-]{0,62}+(?:\.[0-9A-Za-z][0-9A-Za-z_-]{0,62}+)*+(?<!-)"
    rf"|{_HEX_GROUPS}{{7}}|(?:{_HEX_GROUPS}{{0,6}})?::(?:{_HEX_GROUPS}{{0,6}})?"
)
_USUAL_TIME = (
    "(?:0[1-9]|[12][0-9]|3[01])/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/[0-9]{4}"
    ":(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9] [+-][0-9]{4}"
)
_USUAL_QUOTED = r'"(?:-(?=")|(?<{}>[^"\\\n]*+))"'
_COMMON_LAYOUT = (
    rf"(?<client>{_ADDRESS}) (?<any_identity>-) (?<any_user>-(?= )|(?<user>[a-zA-Z0-9._-]++))"
    rf' \[(?<timestamp>[^\]\n]++)\] "(?<method>[A-Z]++) (?<url>[!#-\[\]-~]++) HTTP/(?<version>[0-9](?:\.[0-9])?)"'
    " (?<status>[0-9]++) (?:-|(?<bytes>[0-9]++))"
)
_COMBINED_LAYOUT = (
    f"{_COMMON_LAYOUT} (?<quoted_referrer>{_USUAL_QUOTED.format('referrer')})"
    f" (?<quoted_agent>{_USUAL_QUOTED.format('agent')})"
)
_HTTPD_LAYOUTS = {
    "HTTPD_COMMONLOG": _COMMON_LAYOUT, "COMMONAPACHELOG": _COMMON_LAYOUT,
    "HTTPD_COMBINEDLOG": _COMBINED_LAYOUT, "COMBINEDAPACHELOG": _COMBINED_LAYOUT,
}  # fmt: skip
"""The request has a method, a URL and a version, and the user is a plain name. The separators occur in no value, so a
line can be divided in only one way."""

_HTTPD_CHECKS = {"timestamp": _USUAL_TIME}

_HTTPD_FIELDS = {
    "client": ("source.address", "clientip"),
    "client_port": ("source.port:int", "clientport"),
    "any_identity": (None, "ident"),
    "identity": ("apache.access.user.identity", None),
    "any_user": (None, "auth"),
    "user": ("user.name", None),
    "method": ("http.request.method", "verb"),
    "url": ("url.original", "request"),
    "version": ("http.version", "httpversion"),
    "bad_request": (None, "rawrequest"),
    "status": ("http.response.status_code:int", "response"),
    "bytes": ("http.response.body.bytes:int", "bytes"),
    "quoted_referrer": (None, "referrer"),
    "referrer": ("http.request.referrer", None),
    "quoted_agent": (None, "agent"),
    "agent": ("user_agent.original", None),
    "level": ("log.level", "loglevel"),
    "module": ("apache.error.module", "module"),
    "pid": ("process.pid:int", "pid"),
    "tid": ("process.thread.id:int", "tid"),
    "proxy_code": ("apache.error.proxy.error.code", "proxy_errorcode"),
    "proxy_message": ("apache.error.proxy.error.message", "proxy_message"),
    "code": ("error.code", "errorcode"),
}


def _numbers(*fields: str, separator: str = "/") -> str:
    return separator.join(f"%{{INT:{field}}}" for field in fields)


def _timers(*fields: str) -> str:
    """Return a pattern of HAProxy's timers in milliseconds. A timer is -1 if its phase was not reached."""
    return "/".join(f"(?<any_{field}>-1|%{{INT:{field}}})" for field in fields)


_SYSLOG_HEAD = "(?:%{SYSLOGTIMESTAMP:timestamp}|%{TIMESTAMP_ISO8601:timestamp_iso}) %{IPORHOST:host} %{SYSLOGPROG}: "
_HAPROXY_FROM = (
    r"%{IP:client}:%{INT:client_port} \[%{HAPROXYDATE:date}\] %{NOTSPACE:frontend}"
    " (?<backend>[^ /]++)/(?<any_server><NOSRV>|%{NOTSPACE:server})"
)
_HAPROXY_LOAD = (
    f"{_numbers('active', 'frontend_connections', 'backend_connections', 'server_connections')}"
    r"/(?<any_retries>\+?%{INT:retries}) %{INT:server_queue}/%{INT:backend_queue}"
)
_USER_INFO = r"(?:%{USER:url_user}(?::[^@\s]{0,99}+)?@)?"

_HAPROXY = {
    "HAPROXYTIME": r"%{HOUR:hour}:%{MINUTE:minute}:(?<second>60|[0-5]?\d)(?!\d)",
    "HAPROXYDATE": "%{MONTHDAY:day}/%{MONTH:month}/%{YEAR:year}:%{HAPROXYTIME:clock}(?:[.]%{INT:milliseconds})?",
    "HAPROXYCAPTUREDREQUESTHEADERS": "%{DATA:request_headers}",
    "HAPROXYCAPTUREDRESPONSEHEADERS": "%{DATA:response_headers}",
    "HAPROXYURI": (
        rf"(?:%{{URIPROTO:scheme}}://)?{_USER_INFO}(?<any_host>%{{IPORHOST:domain}}(?::%{{POSINT:url_port}})?)?"
        r"(?<path_and_query>%{URIPATH:path}(?:\?%{URIQUERY:query})?)?"
    ),
    "HAPROXYHTTPREQUESTLINE": "(?:<BADREQ>|%{WORD:method} %{HAPROXYURI:url}(?: HTTP/%{NUMBER:version})?)",
    "HAPROXYHTTPBASE": (
        f"{_HAPROXY_FROM} {_timers('request_ms', 'queue_ms', 'connect_ms', 'response_ms')}/%{{NOTSPACE:total_ms}}"
        " (?:-1|%{INT:status}) (?<any_bytes>%{INT:bytes}) (?<any_request_cookie>-|%{NOTSPACE:request_cookie})"
        f" (?<any_response_cookie>-|%{{NOTSPACE:response_cookie}}) %{{NOTSPACE:state}} {_HAPROXY_LOAD}"
        r"(?: \{%{HAPROXYCAPTUREDREQUESTHEADERS}\}(?: \{%{HAPROXYCAPTUREDRESPONSEHEADERS}\})?)?"
        '(?: "%{HAPROXYHTTPREQUESTLINE}"?)?'
    ),
    "HAPROXYHTTP": _SYSLOG_HEAD + "%{HAPROXYHTTPBASE}",
    "HAPROXYTCP": (
        f"{_SYSLOG_HEAD}{_HAPROXY_FROM} {_timers('queue_ms', 'connect_ms')}/%{{NOTSPACE:total_ms}}"
        f" (?<any_bytes>%{{INT:bytes}}) %{{NOTSPACE:state}} {_HAPROXY_LOAD}"
    ),
}

_HAPROXY_FIELDS = {
    "timestamp": ("timestamp", "syslog_timestamp"),
    "timestamp_iso": ("timestamp", "timestamp8601"),
    "host": ("host.hostname", "syslog_server"),
    "client": ("source.address", "client_ip"),
    "client_port": ("source.port:int", "client_port"),
    "date": ("haproxy.request_date", "accept_date"),
    "hour": (None, "haproxy_hour"),
    "minute": (None, "haproxy_minute"),
    "second": (None, "haproxy_second"),
    "day": (None, "haproxy_monthday"),
    "month": (None, "haproxy_month"),
    "year": (None, "haproxy_year"),
    "clock": (None, "haproxy_time"),
    "milliseconds": (None, "haproxy_milliseconds"),
    "frontend": ("haproxy.frontend_name", "frontend_name"),
    "backend": ("haproxy.backend_name", "backend_name"),
    "any_server": (None, "server_name"),
    "server": ("haproxy.server_name", None),
    "any_request_ms": (None, "time_request"),
    "request_ms": ("haproxy.http.request.time_wait_ms:int", None),
    "any_queue_ms": (None, "time_queue"),
    "queue_ms": ("haproxy.total_waiting_time_ms:int", None),
    "any_connect_ms": (None, "time_backend_connect"),
    "connect_ms": ("haproxy.connection_wait_time_ms:int", None),
    "any_response_ms": (None, "time_backend_response"),
    "response_ms": ("haproxy.http.request.time_wait_without_data_ms:int", None),
    "total_ms": ("haproxy.total_time_ms", "time_duration"),
    "status": ("http.response.status_code:int", "http_status_code"),
    "any_bytes": (None, "bytes_read"),
    "bytes": ("source.bytes:int", None),
    "any_request_cookie": (None, "captured_request_cookie"),
    "request_cookie": ("haproxy.http.request.captured_cookie", None),
    "any_response_cookie": (None, "captured_response_cookie"),
    "response_cookie": ("haproxy.http.response.captured_cookie", None),
    "state": ("haproxy.termination_state", "termination_state"),
    "active": ("haproxy.connections.active:int", "actconn"),
    "frontend_connections": ("haproxy.connections.frontend:int", "feconn"),
    "backend_connections": ("haproxy.connections.backend:int", "beconn"),
    "server_connections": ("haproxy.connections.server:int", "srvconn"),
    "any_retries": (None, "retries"),
    "retries": ("haproxy.connections.retries:int", None),
    "server_queue": ("haproxy.server_queue:int", "srv_queue"),
    "backend_queue": ("haproxy.backend_queue:int", "backend_queue"),
    "request_headers": ("haproxy.http.request.captured_headers", "captured_request_headers"),
    "response_headers": ("haproxy.http.response.captured_headers", "captured_response_headers"),
    "scheme": ("url.scheme", "http_proto"),
    "url_user": ("url.username", "http_user"),
    "any_host": (None, "http_host"),
    "domain": ("url.domain", None),
    "url_port": ("url.port:int", "port"),
    "path_and_query": (None, "http_request"),
    "path": ("url.path", None),
    "query": ("url.query", None),
    "method": ("http.request.method", "http_verb"),
    "url": ("url.original", None),
    "version": ("http.version", "http_version"),
}

_SQUID = {
    "SQUID3_STATUS": "(?<any_status>%{POSINT:status}|0(?:00)?)",
    "SQUID3": (
        r"%{NUMBER:timestamp}\s{1,20}%{NUMBER:duration}\s%{IP:client}\s%{WORD:result}/%{SQUID3_STATUS}\s%{INT:bytes}"
        r"\s%{WORD:method}\s%{NOTSPACE:url}\s(?<any_user>-|%{NOTSPACE:user})\s%{WORD:hierarchy}/(?:-|%{IPORHOST:server})"
        r"\s(?<any_type>-|%{NOTSPACE:type})"
    ),
}

_SQUID_FIELDS = {
    "any_status": (None, "status_code"),
    "status": ("http.response.status_code:int", None),
    "duration": ("squid.request.duration:int", "duration"),
    "client": ("source.ip", "client_address"),
    "result": ("event.action", "cache_result"),
    "bytes": ("http.response.bytes:int", "bytes"),
    "method": ("http.request.method", "request_method"),
    "url": ("url.original", "url"),
    "any_user": (None, "user"),
    "user": ("user.name", None),
    "hierarchy": ("squid.hierarchy_code", "hierarchy_code"),
    "server": ("destination.address", "server"),
    "any_type": (None, "content_type"),
    "type": ("http.response.mime_type", None),
}


def _optional(*values: str) -> str:
    """Return a pattern of values that are separated by blanks. Each value may be a dash instead."""
    return " ".join(f"(?:-|{value})" for value in values)


def _tabs(*values: str) -> str:
    return r"\t".join(values)


def _text(field: str) -> str:
    """Return a pattern of a value between tabs, which may be a dash instead."""
    return rf"(?<any_{field}>-|(?<{field}>[^\t\n]*+))"


_AWS = {
    "S3_REQUEST_LINE": f"(?:{_REQUEST_LINE}|(?<bad_request>{_QUOTED}))",
    "S3_ACCESS_LOG": (
        r"%{WORD:owner} %{NOTSPACE:bucket} \[%{HTTPDATE:timestamp}\] (?:-|%{IP:s3_client})"
        " (?<any_requester>-|%{NOTSPACE:requester}) %{NOTSPACE:request_id} %{NOTSPACE:operation} "
        "(?<any_key>-|%{NOTSPACE:key}) "
        + _optional(
            '"%{S3_REQUEST_LINE:request_uri}"', "%{INT:status}", "%{NOTSPACE:error}", "%{INT:bytes_sent}",
            "%{INT:object_size}", "%{INT:total_ms}", "%{INT:turn_ms}",
        )
        + f' (?:-|(?<quoted_referrer>"(?:-|(?<referrer>{_QUOTED}))"))'
        f' (?:-|(?<quoted_agent>"(?:-|(?<agent>{_QUOTED}))"))'
        " (?:-|%{NOTSPACE:version_id})(?: "
        + _optional(
            *(f"%{{NOTSPACE:{name}}}" for name in
              ("host_id", "signature", "s3_cipher", "authentication", "host_header", "tls_version"))
        )
        + ")?"
    ),
    "ELB_URIHOST": "%{IPORHOST:domain}(?::%{POSINT:url_port})?",
    "ELB_URIPATHQUERY": r"%{URIPATH:path}(?<any_query>\?%{URIQUERY:query})?",
    "ELB_URIPATHPARAM": "%{ELB_URIPATHQUERY}",
    "ELB_URI": rf"%{{URIPROTO:scheme}}://{_USER_INFO}%{{ELB_URIHOST:any_host}}?%{{ELB_URIPATHQUERY}}?",
    "ELB_REQUEST_LINE": (
        f"(?:%{{WORD:method}} %{{ELB_URI:url}}(?: HTTP/%{{NUMBER:version}})?|(?<bad_request>{_QUOTED}))"
    ),
    "ELB_V1_HTTP_LOG": (
        "%{TIMESTAMP_ISO8601:timestamp} %{NOTSPACE:balancer} %{IP:client}:%{INT:client_port}"
        " (?:-|%{IP:backend}:%{INT:backend_port}) "
        + " ".join(
            f"(?=%{{NUMBER:any_{name}}})(?:-1|%{{NUMBER:{name}}})"
            for name in ("request_s", "backend_s", "response_s")
        )
        + ' (?:-|%{INT:status}) (?:-|%{INT:backend_status}) %{INT:received} %{INT:sent} "%{ELB_REQUEST_LINE}"'
        f'(?: "(?:-|(?<elb_agent>{_QUOTED}))" (?:-|%{{NOTSPACE:cipher}}) (?:-|%{{NOTSPACE:ssl_protocol}}))?'
    ),
    "ELB_ACCESS_LOG": "%{ELB_V1_HTTP_LOG}",
    "CLOUDFRONT_ACCESS_LOG": (
        _tabs(
            r"(?<timestamp>%{YEAR}-%{MONTHNUM}-%{MONTHDAY}\t%{TIME})", "%{WORD:edge}", "(?:-|%{INT:edge_bytes})",
            "%{IPORHOST:edge_client}", "%{WORD:edge_method}", "%{HOSTNAME:edge_host}", "%{NOTSPACE:edge_path}",
            "(?=%{INT:any_edge_status})(?:000|%{INT:edge_status})", _text("edge_referrer"), _text("edge_agent"),
            _text("edge_query"), _text("cookie"), "%{WORD:edge_result}", "%{NOTSPACE:edge_request}",
            "%{HOSTNAME:header_host}", "%{URIPROTO:edge_protocol}", "(?:-|%{INT:edge_received})",
            "%{NUMBER:edge_took}", _text("forwarded"), _text("edge_ssl"), _text("edge_cipher"),
            "%{WORD:edge_response}",
        )
        + r"(?:\t"
        + _tabs(
            "(?:-|HTTP/%{NUMBER:edge_version})", _text("fle_status"), _text("fle_fields"), "%{INT:edge_port}",
            "%{NUMBER:first_byte}", _text("detailed_result"), _text("edge_type"), "(?:-|%{INT:edge_size})",
            "(?:-|%{INT:range_start})", "(?:-|%{INT:range_end})",
        )
        + ")?"
    ),
}  # fmt: skip

_AWS_FIELDS = {
    "method": ("http.request.method", "verb"),
    "version": ("http.version", "httpversion"),
    "url": ("url.original", "request"),
    "bad_request": (None, "rawrequest"),
    "status": ("http.response.status_code:int", "response:int"),
    "owner": ("aws.s3access.bucket_owner", "owner"),
    "bucket": ("aws.s3access.bucket", "bucket"),
    "s3_client": ("client.ip", "clientip"),
    "any_requester": (None, "requester"),
    "requester": ("client.user.id", None),
    "request_id": ("aws.s3access.request_id", "request_id"),
    "operation": ("aws.s3access.operation", "operation"),
    "any_key": (None, "key"),
    "key": ("aws.s3access.key", None),
    "request_uri": ("aws.s3access.request_uri", None),
    "error": ("aws.s3access.error_code", "error_code"),
    "bytes_sent": ("aws.s3access.bytes_sent:int", "bytes:int"),
    "object_size": ("aws.s3access.object_size:int", "object_size:int"),
    "total_ms": ("aws.s3access.total_time:int", "request_time_ms:int"),
    "turn_ms": ("aws.s3access.turn_around_time:int", "turnaround_time_ms:int"),
    "quoted_referrer": (None, "referrer"),
    "referrer": ("http.request.referrer", None),
    "quoted_agent": (None, "agent"),
    "agent": ("user_agent.original", None),
    "version_id": ("aws.s3access.version_id", "version_id"),
    "host_id": ("aws.s3access.host_id", None),
    "signature": ("aws.s3access.signature_version", None),
    "s3_cipher": ("tls.cipher", None),
    "authentication": ("aws.s3access.authentication_type", None),
    "host_header": ("aws.s3access.host_header", None),
    "tls_version": ("aws.s3access.tls_version", None),
    "domain": ("url.domain", None),
    "url_port": ("url.port:int", "port"),
    "path": ("url.path", "path"),
    "any_query": (None, "params"),
    "query": ("url.query", None),
    "scheme": ("url.scheme", "proto"),
    "url_user": ("url.username", None),
    "any_host": (None, "urihost"),
    "balancer": ("aws.elb.name", "elb"),
    "client": ("source.ip", "clientip"),
    "client_port": ("source.port:int", "clientport:int"),
    "backend": ("aws.elb.backend.ip", "backendip"),
    "backend_port": ("aws.elb.backend.port:int", "backendport:int"),
    "any_request_s": (None, "request_processing_time:float"),
    "any_backend_s": (None, "backend_processing_time:float"),
    "any_response_s": (None, "response_processing_time:float"),
    "request_s": ("aws.elb.request_processing_time.sec:float", None),
    "backend_s": ("aws.elb.backend_processing_time.sec:float", None),
    "response_s": ("aws.elb.response_processing_time.sec:float", None),
    "backend_status": ("aws.elb.backend.http.response.status_code:int", "backend_response:int"),
    "received": ("http.request.body.bytes:int", "received_bytes:int"),
    "sent": ("http.response.body.bytes:int", "bytes:int"),
    "elb_agent": ("user_agent.original", None),
    "cipher": ("tls.cipher", None),
    "ssl_protocol": ("aws.elb.ssl_protocol", None),
    "edge": ("aws.cloudfront.x_edge_location", "x_edge_location"),
    "edge_bytes": ("destination.bytes:int", "sc_bytes:int"),
    "edge_client": ("source.ip", "clientip"),
    "edge_method": ("http.request.method", "cs_method"),
    "edge_host": ("url.domain", "cs_host"),
    "edge_path": ("url.path", "cs_uri_stem"),
    "any_edge_status": (None, "sc_status:int"),
    "edge_status": ("http.response.status_code:int", None),
    "any_edge_referrer": (None, "referrer"),
    "edge_referrer": ("http.request.referrer", None),
    "any_edge_agent": (None, "agent"),
    "edge_agent": ("user_agent.original", None),
    "any_edge_query": (None, "cs_uri_query"),
    "edge_query": ("url.query", None),
    "any_cookie": (None, "cookies"),
    "cookie": ("aws.cloudfront.http.request.cookie", None),
    "edge_result": ("aws.cloudfront.x_edge_result_type", "x_edge_result_type"),
    "edge_request": ("aws.cloudfront.x_edge_request_id", "x_edge_request_id"),
    "header_host": ("aws.cloudfront.http.request.host", "x_host_header"),
    "edge_protocol": ("network.protocol", "cs_protocol"),
    "edge_received": ("source.bytes:int", "cs_bytes:int"),
    "edge_took": ("aws.cloudfront.time_taken:float", "time_taken:float"),
    "any_forwarded": (None, "x_forwarded_for"),
    "forwarded": ("network.forwarded_ip", None),
    "any_edge_ssl": (None, "ssl_protocol"),
    "edge_ssl": ("aws.cloudfront.ssl_protocol", None),
    "any_edge_cipher": (None, "ssl_cipher"),
    "edge_cipher": ("tls.cipher", None),
    "edge_response": ("aws.cloudfront.x_edge_response_result_type", "x_edge_response_result_type"),
    "edge_version": ("http.version", None),
    "any_fle_status": (None, None),
    "any_fle_fields": (None, None),
    "fle_status": ("aws.cloudfront.fle_status", None),
    "fle_fields": ("aws.cloudfront.fle_encrypted_fields", None),
    "edge_port": ("source.port:int", None),
    "first_byte": ("aws.cloudfront.time_to_first_byte:float", None),
    "any_detailed_result": (None, None),
    "detailed_result": ("aws.cloudfront.x_edge_detailed_result_type", None),
    "any_edge_type": (None, None),
    "edge_type": ("http.request.mime_type", None),
    "edge_size": ("aws.cloudfront.http.request.size:int", None),
    "range_start": ("aws.cloudfront.http.request.range.start:int", None),
    "range_end": ("aws.cloudfront.http.request.range.end:int", None),
}

WEB = (
    PatternFamily(_HTTPD, _HTTPD_FIELDS, layouts=_HTTPD_LAYOUTS, checks=_HTTPD_CHECKS),
    PatternFamily(_HAPROXY, _HAPROXY_FIELDS),
    PatternFamily(_SQUID, _SQUID_FIELDS),
    PatternFamily(_AWS, _AWS_FIELDS),
)
