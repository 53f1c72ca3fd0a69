"""The named patterns of grok.

Names and meanings are those of the `ecs-v1` patterns of Logstash's `patterns-core`. The expressions are written
independently for the `regex` library. Repetitions are possessive or bounded where this does not change the matches.
Alternatives that cannot match fail at their first character.
"""

from __future__ import annotations

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_HEX = r"[0-9A-Fa-f]"
_GROUPS = rf"{_HEX}{{1,4}}"
_ATOM = r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]"

_REQUEST = r"%{WORD:[http][request][method]} %{NOTSPACE:[url][original]}(?: HTTP/%{NUMBER:[http][version]})?"

_BASIC = {
    "USERNAME": r"[a-zA-Z0-9._-]+",
    "USER": r"%{USERNAME}",
    "EMAILLOCALPART": rf"{_ATOM}{{1,64}}(?:\.{_ATOM}{{1,62}}){{0,63}}",
    "EMAILADDRESS": rf"{_ATOM}{{1,64}}+(?:\.{_ATOM}{{1,62}}+){{0,63}}+@%{{HOSTNAME}}",
    "INT": r"[+-]?\d+",
    "BASE10NUM": r"(?<![\d.+-])[+-]?(?:\d+(?:\.\d+)?|\.\d+)",
    "NUMBER": r"%{BASE10NUM}",
    "BASE16NUM": rf"(?<![0-9A-Fa-f])[+-]?(?:0x)?{_HEX}+",
    "BASE16FLOAT": rf"\b(?<![0-9A-Fa-f.])[+-]?(?:0x)?(?:{_HEX}+(?:\.{_HEX}*)?|\.{_HEX}+)\b",
    "POSINT": r"\b[1-9]\d*+\b",
    "NONNEGINT": r"\b\d++\b",
    "WORD": r"\b\w++",
    "NOTSPACE": r"\S+",
    "SPACE": r"\s*",
    "DATA": r".*?",
    "GREEDYDATA": r".*",
    "QUOTEDSTRING": r"""(?:"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'|`(?:[^`\\]|\\.)*+`)""",
    "QS": r"%{QUOTEDSTRING}",
    "UUID": rf"{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}",
    "URN": r"urn:[0-9A-Za-z][0-9A-Za-z-]{0,31}:[0-9A-Za-z()+,.:=@;$_!*'/?#%-]+",
}

_NETWORK = {
    "CISCOMAC": rf"(?:{_HEX}{{4}}\.){{2}}{_HEX}{{4}}",
    "WINDOWSMAC": rf"(?:{_HEX}{{2}}-){{5}}{_HEX}{{2}}",
    "COMMONMAC": rf"(?:{_HEX}{{2}}:){{5}}{_HEX}{{2}}",
    "MAC": r"(?:%{CISCOMAC}|%{WINDOWSMAC}|%{COMMONMAC})",
    "IPV4": rf"(?<![\d.])(?:{_OCTET}\.){{3}}{_OCTET}(?!\d)",
    "IPV6": (
        rf"(?={_HEX}{{0,4}}:)(?:(?:{_GROUPS}:){{6}}(?:{_OCTET}\.){{3}}{_OCTET}|(?:{_GROUPS}:){{7}}{_GROUPS}"
        rf"|(?:{_GROUPS}(?::{_GROUPS}){{0,6}})?::(?:(?:{_GROUPS}:){{0,5}}(?:{_OCTET}\.){{3}}{_OCTET}"
        rf"|{_GROUPS}(?::{_GROUPS}){{0,6}})?)(?:%\w+)?"
    ),
    "IP": r"(?:%{IPV6}|%{IPV4})",
    "HOSTNAME": r"\b[0-9A-Za-z][0-9A-Za-z_-]{0,62}+(?:\.[0-9A-Za-z][0-9A-Za-z_-]{0,62}+)*+(?:\.|\b)",
    "HOST": r"%{HOSTNAME}",
    "IPORHOST": r"(?:%{IP}|%{HOSTNAME})",
    "HOSTPORT": r"%{IPORHOST}:%{POSINT}",
    "UNIXPATH": r"(?:/[^/\s]*)+",
    "WINPATH": r"(?:[A-Za-z]:|\\)(?:\\[^\\?*]*)+",
    "PATH": r"(?:%{UNIXPATH}|%{WINPATH})",
    "TTY": r"/dev/(?:pts|tty(?:[pq])?)(?:\w+)?/?\d*",
    "URIPROTO": r"[A-Za-z](?:[A-Za-z0-9+.-]+)?",
    "URIHOST": r"%{IPORHOST}(?::%{POSINT})?",
    "URIPATH": r"(?:/[^\s?#]*)+",
    "URIQUERY": r"[^\s#]*",
    "URIPARAM": r"\?%{URIQUERY}",
    "URIPATHPARAM": r"%{URIPATH}(?:\?%{URIQUERY})?",
    "URI": r"%{URIPROTO}://(?:%{USER}(?::[^@\s]*)?@)?(?:%{URIHOST})?(?:%{URIPATH}(?:\?%{URIQUERY})?)?",
}

_TIMES = {
    "MONTH": (
        r"\b(?:[Jj](?:an(?:uary?|uar)?|un[ei]?|ul[yi]?)|[Ff]eb(?:ruary?|ruar)?|[Mm](?:(?:a|ä)?r(?:ch|z)?|a[yi])"
        r"|[Aa](?:pr(?:il)?|ug(?:ust)?)|[Ss]ep(?:t(?:ember)?)?|[Oo][ck]t(?:ober)?|[Nn]ov(?:ember)?"
        r"|[Dd]e[cz](?:ember)?)\b"
    ),
    "MONTHNUM": r"(?:0?[1-9]|1[0-2])",
    "MONTHNUM2": r"(?:0[1-9]|1[0-2])",
    "MONTHDAY": r"(?:0[1-9]|[12]\d|3[01]|[1-9])",
    "DAY": r"(?:Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)",
    "YEAR": r"(?:\d\d){1,2}",
    "HOUR": r"(?:2[0123]|[01]?\d)",
    "MINUTE": r"[0-5]\d",
    "SECOND": r"(?:60|[0-5]?\d)(?:[:.,]\d+)?",
    "TIME": r"(?<!\d)%{HOUR}:%{MINUTE}(?::%{SECOND})(?!\d)",
    "DATE_US": r"%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}",
    "DATE_EU": r"%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR}",
    "DATE": r"(?:%{DATE_US}|%{DATE_EU})",
    "ISO8601_TIMEZONE": r"(?:Z|[+-]%{HOUR}(?::?%{MINUTE}))",
    "ISO8601_SECOND": r"%{SECOND}",
    "TIMESTAMP_ISO8601": (
        r"%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?%{ISO8601_TIMEZONE}?"
    ),
    "DATESTAMP": r"%{DATE}[- ]%{TIME}",
    "TZ": r"(?:[APMCE][SD]T|UTC)",
    "DATESTAMP_RFC822": r"%{DAY} %{MONTH} %{MONTHDAY} %{YEAR} %{TIME} %{TZ}",
    "DATESTAMP_RFC2822": r"%{DAY}, %{MONTHDAY} %{MONTH} %{YEAR} %{TIME} %{ISO8601_TIMEZONE}",
    "DATESTAMP_OTHER": r"%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{TZ} %{YEAR}",
    "DATESTAMP_EVENTLOG": r"%{YEAR}%{MONTHNUM2}%{MONTHDAY}%{HOUR}%{MINUTE}%{SECOND}",
    "SYSLOGTIMESTAMP": r"%{MONTH} +%{MONTHDAY} %{TIME}",
    "HTTPDATE": r"%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} %{INT}",
}

_PROGRAMS = {
    "PROG": r"[\x21-\x5a\x5c\x5e-\x7e]+",
    "SYSLOGPROG": r"%{PROG:[process][name]}(?:\[%{POSINT:[process][pid]:int}\])?",
    "SYSLOGHOST": r"%{IPORHOST}",
    "SYSLOGFACILITY": (r"<%{NONNEGINT:[log][syslog][facility][code]:int}\.%{NONNEGINT:[log][syslog][priority]:int}>"),
    "SYSLOGBASE": (
        r"%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:[host][hostname]} %{SYSLOGPROG}:"
    ),
    "LOGLEVEL": (
        r"(?i:alert|trace|debug|notice|info(?:rmation)?|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe"
        r"|emerg(?:ency)?)"
    ),
    "HTTPDUSER": r"(?:%{EMAILADDRESS}|%{USER})",
    "HTTPD_COMMONLOG": (
        r"%{IPORHOST:[source][address]} (?:-|%{HTTPDUSER:[http][ident]}) (?:-|%{HTTPDUSER:[user][name]})"
        r' \[%{HTTPDATE:timestamp}\] "(?:' + _REQUEST + r'|%{DATA})" (?:-|%{INT:[http][response][status_code]:int})'
        r" (?:-|%{INT:[http][response][body][bytes]:int})"
    ),
    "HTTPD_COMBINEDLOG": (
        r'%{HTTPD_COMMONLOG} "(?:-|%{DATA:[http][request][referrer]})" "(?:-|%{DATA:[user_agent][original]})"'
    ),
    "COMMONAPACHELOG": r"%{HTTPD_COMMONLOG}",
    "COMBINEDAPACHELOG": r"%{HTTPD_COMBINEDLOG}",
    "JAVACLASS": r"(?:[a-zA-Z$_][a-zA-Z$_0-9]*\.)*[a-zA-Z$_][a-zA-Z$_0-9]*",
    "JAVAFILE": r"[a-zA-Z$_0-9. -]+",
    "JAVAMETHOD": r"(?:<(?:cl)?init>|[a-zA-Z$_][a-zA-Z$_0-9]*)",
    "JAVALOGMESSAGE": r".*",
}

_SYSLOG = {
    "SYSLOGBASE2": (
        r"(?:%{SYSLOGTIMESTAMP:timestamp}|%{TIMESTAMP_ISO8601:timestamp})(?: %{SYSLOGFACILITY})?"
        r"(?: %{SYSLOGHOST:[host][hostname]})?(?: %{SYSLOGPROG}:)?"
    ),
    "SYSLOGLINE": r"%{SYSLOGBASE2} %{GREEDYDATA:message}",
    "SYSLOGPAMSESSION": (
        r"%{SYSLOGBASE} (?=%{GREEDYDATA:message})%{WORD:[system][auth][pam][module]}"
        r"\(%{DATA:[system][auth][pam][origin]}\): session %{WORD:[system][auth][pam][session_state]}"
        r" for user %{USERNAME:[user][name]}"
    ),
    "CRON_ACTION": r"[A-Z ]+",
    "CRONLOG": (
        r"%{SYSLOGBASE} \(%{USER:[user][name]}\) %{CRON_ACTION:[system][cron][action]} \(%{GREEDYDATA:message}\)"
    ),
    "SYSLOG5424PRINTASCII": r"[\x21-\x7e]+",
    "SYSLOG5424PRI": r"<%{NONNEGINT:[log][syslog][priority]:int}>",
    "SYSLOG5424SD": r'(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*+")*+\])+',
    "SYSLOG5424BASE": (
        r"%{SYSLOG5424PRI}%{NONNEGINT:[system][syslog][version]} (?:-|%{TIMESTAMP_ISO8601:timestamp})"
        r" (?:-|%{SYSLOG5424PRINTASCII:[host][hostname]}) (?:-|%{SYSLOG5424PRINTASCII:[process][name]})"
        r" (?:-|%{POSINT:[process][pid]:int}) (?:-|%{SYSLOG5424PRINTASCII:[event][code]})"
        r" (?:-|%{SYSLOG5424SD:[system][syslog][structured_data]})"
    ),
    "SYSLOG5424LINE": r"%{SYSLOG5424BASE} %{GREEDYDATA:message}",
}

_SERVERS = {
    "HTTPDERROR_DATE": r"%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{YEAR}",
    "HTTPD20_ERRORLOG": (
        r"\[%{HTTPDERROR_DATE:timestamp}\] \[%{LOGLEVEL:[log][level]}\]"
        r" (?:\[client %{IPORHOST:[source][address]}\] )?%{GREEDYDATA:message}"
    ),
    "HTTPD24_ERRORLOG": (
        r"\[%{HTTPDERROR_DATE:timestamp}\] \[%{WORD:[apache][error][module]}?:%{LOGLEVEL:[log][level]}\]"
        r" \[pid %{POSINT:[process][pid]:int}(?::tid %{INT:[process][thread][id]:int})?\]"
        r"(?: \(%{POSINT:[apache][error][proxy][error][code]}\)%{DATA:[apache][error][proxy][error][message]}:)?"
        r"(?: [\w./-]+\.c\(\d+\):)?(?: \[client %{IPORHOST:[source][address]}(?::%{POSINT:[source][port]:int})?\])?"
        r"(?: (?=AH\d+: )%{WORD:[error][code]}:)? %{GREEDYDATA:message}"
    ),
    "HTTPD_ERRORLOG": r"(?:%{HTTPD20_ERRORLOG}|%{HTTPD24_ERRORLOG})",
    "JAVATHREAD": r"[A-Z]{2}-Processor\d+",
    "JAVASTACKTRACEPART": (
        r"\s*at %{JAVACLASS:[java][log][origin][class][name]}\.%{JAVAMETHOD:[log][origin][function]}"
        r"\(%{JAVAFILE:[log][origin][file][name]}(?::%{INT:[log][origin][file][line]:int})?\)"
    ),
    "CATALINA7_DATESTAMP": r"%{MONTH} %{MONTHDAY}, %{YEAR} %{HOUR}:%{MINUTE}:%{SECOND} [AP]M",
    "CATALINA8_DATESTAMP": r"%{MONTHDAY}-%{MONTH}-%{YEAR} %{HOUR}:%{MINUTE}:%{SECOND}",
    "CATALINA_DATESTAMP": r"(?:%{CATALINA8_DATESTAMP}|%{CATALINA7_DATESTAMP})",
    "CATALINA7_LOG": (
        r"%{CATALINA7_DATESTAMP:timestamp} %{JAVACLASS:[java][log][origin][class][name]}"
        r"(?: %{JAVAMETHOD:[log][origin][function]})?\s+(?:%{LOGLEVEL:[log][level]}: )?%{JAVALOGMESSAGE:message}"
    ),
    "CATALINA8_LOG": (
        r"%{CATALINA8_DATESTAMP:timestamp} %{LOGLEVEL:[log][level]}"
        r" \[%{DATA:[java][log][origin][thread][name]}\] %{JAVACLASS:[java][log][origin][class][name]}"
        r"\.%{JAVAMETHOD:[log][origin][function]} %{JAVALOGMESSAGE:message}"
    ),
    "CATALINALOG": r"(?:%{CATALINA8_LOG}|%{CATALINA7_LOG})",
    "HAPROXYTIME": r"%{HOUR}:%{MINUTE}:%{SECOND}",
    "HAPROXYDATE": r"%{MONTHDAY}/%{MONTH}/%{YEAR}:%{HAPROXYTIME}",
    "REDISTIMESTAMP": r"%{MONTHDAY} %{MONTH}(?: %{YEAR})? %{TIME}",
    "RUBY_LOGLEVEL": r"(?:DEBUG|INFO|WARN|ERROR|FATAL|ANY|UNKNOWN)",
    "NAGIOSTIME": r"\[%{NUMBER:timestamp}\]",
}


def _perhaps(*references: str) -> str:
    """Return a pattern of values that are separated by blanks. Each value may be a dash instead."""
    return " ".join(f"(?:-|{reference})" for reference in references)


def _waits(*fields: str) -> str:
    """Return a pattern of HAProxy's timers in milliseconds. A timer is -1 if its phase was not reached."""
    return "/".join(f"(?:-1|%{{INT:[haproxy]{field}:int}})" for field in fields)


_HAPROXY_FROM = (
    r"%{IP:[source][address]}:%{INT:[source][port]:int} \[%{HAPROXYDATE:[haproxy][request_date]}\]"
    r" %{NOTSPACE:[haproxy][frontend_name]} %{NOTSPACE:[haproxy][backend_name]}"
    r"/(?:<NOSRV>|%{NOTSPACE:[haproxy][server_name]})"
)
_HAPROXY_LOAD = (
    "/".join(f"%{{INT:[haproxy][connections][{of}]:int}}" for of in ("active", "frontend", "backend", "server"))
    + r"/\+?%{INT:[haproxy][connections][retries]:int}"
    + r" %{INT:[haproxy][server_queue]:int}/%{INT:[haproxy][backend_queue]:int}"
)
_HAPROXY_SYSLOG = (
    r"(?:%{SYSLOGTIMESTAMP:timestamp}|%{TIMESTAMP_ISO8601:timestamp}) %{IPORHOST:[host][hostname]} %{SYSLOGPROG}: "
)

_TRAFFIC = {
    "HAPROXYCAPTUREDREQUESTHEADERS": r"%{DATA:[haproxy][http][request][captured_headers]}",
    "HAPROXYCAPTUREDRESPONSEHEADERS": r"%{DATA:[haproxy][http][response][captured_headers]}",
    "HAPROXYHTTPREQUESTLINE": f"(?:<BADREQ>|{_REQUEST})",
    "HAPROXYHTTPBASE": (
        _HAPROXY_FROM
        + " "
        + _waits(
            "[http][request][time_wait_ms]", "[total_waiting_time_ms]", "[connection_wait_time_ms]",
            "[http][request][time_wait_without_data_ms]",
        )
        + r"/\+?%{INT:[haproxy][total_time_ms]:int} (?:-1|%{INT:[http][response][status_code]:int})"
        + r" \+?%{INT:[source][bytes]:int} "
        + _perhaps(
            "%{NOTSPACE:[haproxy][http][request][captured_cookie]}",
            "%{NOTSPACE:[haproxy][http][response][captured_cookie]}",
        )
        + rf" %{{NOTSPACE:[haproxy][termination_state]}} {_HAPROXY_LOAD}"
        + r"(?: \{%{HAPROXYCAPTUREDREQUESTHEADERS}\}(?: \{%{HAPROXYCAPTUREDRESPONSEHEADERS}\})?)?"
        + r'(?: "%{HAPROXYHTTPREQUESTLINE}"?)?'
    ),
    "HAPROXYHTTP": _HAPROXY_SYSLOG + "%{HAPROXYHTTPBASE}",
    "HAPROXYTCP": (
        f"{_HAPROXY_SYSLOG}{_HAPROXY_FROM} "
        + _waits("[total_waiting_time_ms]", "[connection_wait_time_ms]")
        + r"/\+?%{INT:[haproxy][total_time_ms]:int} \+?%{INT:[source][bytes]:int}"
        + rf" %{{NOTSPACE:[haproxy][termination_state]}} {_HAPROXY_LOAD}"
    ),
    "SQUID3": (
        r"%{NUMBER:timestamp}\s+%{NUMBER:[squid][request][duration]:int} %{IP:[source][ip]}"
        r" %{WORD:[event][action]}/%{INT:[http][response][status_code]:int}"
        r" %{INT:[http][response][bytes]:int} %{WORD:[http][request][method]} %{NOTSPACE:[url][original]}"
        r" (?:-|%{NOTSPACE:[user][name]}) %{WORD:[squid][hierarchy_code]}/(?:-|%{IPORHOST:[destination][address]})"
        r" (?:-|%{NOTSPACE:[squid][request][content_type]})"
    ),
    "S3_REQUEST_LINE": _REQUEST,
    "S3_ACCESS_LOG": (
        r"%{WORD:[aws][s3access][bucket_owner]} %{NOTSPACE:[aws][s3access][bucket]} \[%{HTTPDATE:timestamp}\] "
        + _perhaps("%{IP:[client][ip]}", "%{NOTSPACE:[client][user][id]}")
        + " %{NOTSPACE:[aws][s3access][request_id]} %{NOTSPACE:[aws][s3access][operation]} "
        + _perhaps(
            "%{NOTSPACE:[aws][s3access][key]}", '"%{S3_REQUEST_LINE:[aws][s3access][request_uri]}"',
            "%{INT:[http][response][status_code]:int}", "%{NOTSPACE:[aws][s3access][error_code]}",
            "%{INT:[aws][s3access][bytes_sent]:int}", "%{INT:[aws][s3access][object_size]:int}",
            "%{INT:[aws][s3access][total_time]:int}", "%{INT:[aws][s3access][turn_around_time]:int}",
        )
        + r' "(?:-|%{DATA:[http][request][referrer]})" "(?:-|%{DATA:[user_agent][original]})" '
        + _perhaps("%{NOTSPACE:[aws][s3access][version_id]}")
        + "(?: "
        + _perhaps(
            *(
                f"%{{NOTSPACE:[aws][s3access][{name}]}}"
                for name in (
                    "host_id", "signature_version", "cipher_suite", "authentication_type", "host_header",
                    "tls_version",
                )
            )
        )
        + ")?"
    ),
    "MONGO_LOG": r"%{SYSLOGTIMESTAMP:timestamp} \[%{WORD:[mongodb][component]}\] %{GREEDYDATA:message}",
    "MONGO3_SEVERITY": r"\w",
    "MONGO3_COMPONENT": r"(?:\w+|-)",
    "MONGO3_LOG": (
        r"%{TIMESTAMP_ISO8601:timestamp} %{MONGO3_SEVERITY:[log][level]} %{MONGO3_COMPONENT:[mongodb][component]}\s+"
        r"(?:\[%{DATA:[mongodb][context]}\] )?%{GREEDYDATA:message}"
    ),
    "POSTGRESQL": (
        r"%{DATESTAMP:timestamp} %{TZ:[event][timezone]} %{DATA:[user][name]}"
        r" %{GREEDYDATA:[postgresql][log][connection_id]} %{POSINT:[process][pid]:int}"
    ),
}  # fmt: skip

_TOMCAT = {
    "TOMCATLEGACY_DATESTAMP": (
        r"%{YEAR}-%{MONTHNUM}-%{MONTHDAY} %{HOUR}:%{MINUTE}:%{SECOND}(?: %{ISO8601_TIMEZONE})?"
    ),
    "TOMCAT50_DATESTAMP": r"%{TOMCATLEGACY_DATESTAMP}",
    "TOMCAT50_LOG": (
        r"%{TOMCAT50_DATESTAMP:timestamp}(?: %{LOGLEVEL:[log][level]})? [^\[]*+\[%{DATA:[tomcat][context][name]}\]"
        r"(?:%{JAVACLASS:[java][log][origin][class][name]}: %{JAVAMETHOD:[log][origin][function]}\([^)]*+\))?"
        r"(?:: %{JAVALOGMESSAGE:message})?"
    ),
    "TOMCAT6_LOG": r"%{CATALINA7_LOG}",
    "TOMCAT7_LOG": r"%{CATALINA7_LOG}",
    "TOMCAT8_LOG": r"%{CATALINA8_LOG}",
    "TOMCATLEGACY_LOG": (
        r"%{TOMCATLEGACY_DATESTAMP:timestamp} \| %{LOGLEVEL:[log][level]} \| "
        r"%{JAVACLASS:[java][log][origin][class][name]} - %{JAVALOGMESSAGE:message}"
    ),
    "TOMCAT_DATESTAMP": r"(?:%{CATALINA8_DATESTAMP}|%{CATALINA7_DATESTAMP}|%{TOMCATLEGACY_DATESTAMP})",
    "TOMCATLOG": r"(?:%{TOMCAT8_LOG}|%{TOMCAT7_LOG}|%{TOMCATLEGACY_LOG}|%{TOMCAT50_LOG})",
}

_AWS = {
    "ELB_URIPATHQUERY": r"%{URIPATH:[url][path]}(?:\?%{URIQUERY:[url][query]})?",
    "ELB_URIPATHPARAM": r"%{ELB_URIPATHQUERY}",
    "ELB_URI": (
        r"%{URIPROTO:[url][scheme]}://(?:%{USER:[url][username]}(?::[^@\s]*+)?@)?"
        r"(?:%{IPORHOST:[url][domain]}(?::%{POSINT:[url][port]:int})?)?%{ELB_URIPATHQUERY}?"
    ),
    "ELB_REQUEST_LINE": (
        r"(?:%{WORD:[http][request][method]} %{ELB_URI:[url][original]}(?: HTTP/%{NUMBER:[http][version]})?|%{DATA})"
    ),
    "ELB_V1_HTTP_LOG": (
        r"%{TIMESTAMP_ISO8601:timestamp} %{NOTSPACE:[aws][elb][name]} %{IP:[source][ip]}:%{INT:[source][port]:int}"
        r" (?:-|%{IP:[aws][elb][backend][ip]}:%{INT:[aws][elb][backend][port]:int}) "
        + " ".join(
            f"(?:-1|%{{NUMBER:[aws][elb][{name}_processing_time][sec]:float}})"
            for name in ("request", "backend", "response")
        )
        + r" (?:-|%{INT:[http][response][status_code]:int})"
        r" (?:-|%{INT:[aws][elb][backend][http][response][status_code]:int}) %{INT:[http][request][body][bytes]:int}"
        r' %{INT:[http][response][body][bytes]:int} "%{ELB_REQUEST_LINE}"'
        r'(?: "(?:-|%{DATA:[user_agent][original]})" (?:-|%{NOTSPACE:[tls][cipher]})'
        r" (?:-|%{NOTSPACE:[aws][elb][ssl_protocol]}))?"
    ),
    "ELB_ACCESS_LOG": r"%{ELB_V1_HTTP_LOG}",
    "CLOUDFRONT_ACCESS_LOG": (
        r"(?P<timestamp>%{YEAR}-%{MONTHNUM}-%{MONTHDAY}\t%{TIME})\t%{WORD:[aws][cloudfront][x_edge_location]}\t"
        r"(?:-|%{INT:[destination][bytes]:int})\t%{IPORHOST:[source][ip]}\t%{WORD:[http][request][method]}\t"
        r"%{HOSTNAME:[url][domain]}\t%{NOTSPACE:[url][path]}\t(?:000|%{INT:[http][response][status_code]:int})\t"
        r"(?:-|%{DATA:[http][request][referrer]})\t%{DATA:[user_agent][original]}\t(?:-|%{DATA:[url][query]})\t"
        r"(?:-|%{DATA:[aws][cloudfront][http][request][cookie]})\t%{WORD:[aws][cloudfront][x_edge_result_type]}\t"
        r"%{NOTSPACE:[aws][cloudfront][x_edge_request_id]}\t%{HOSTNAME:[aws][cloudfront][http][request][host]}\t"
        r"%{URIPROTO:[network][protocol]}\t(?:-|%{INT:[source][bytes]:int})"
        r"\t%{NUMBER:[aws][cloudfront][time_taken]:float}"
        r"\t(?:-|%{IP:[network][forwarded_ip]})\t(?:-|%{DATA:[aws][cloudfront][ssl_protocol]})\t"
        r"(?:-|%{NOTSPACE:[tls][cipher]})\t%{WORD:[aws][cloudfront][x_edge_response_result_type]}"
    ),
}

_MORE_SERVERS = {
    "REDISLOG": r"\[%{POSINT:[process][pid]:int}\] %{REDISTIMESTAMP:timestamp} \*",
    "REDISMONLOG": (
        r"%{NUMBER:timestamp} \[%{INT:[redis][database][id]} %{IP:[client][ip]}:%{POSINT:[client][port]:int}\]"
        r' "%{WORD:[redis][command][name]}"\s?%{GREEDYDATA:[redis][command][args]}'
    ),
    "MONGO_WORDDASH": r"\b[\w-]++\b",
    "MONGO_QUERY": r"\{ .*?(?= ntoreturn:)",
    "MONGO_SLOWQUERY": (
        r"%{WORD:[mongodb][profile][op]} "
        r"%{MONGO_WORDDASH:[mongodb][database]}\.%{MONGO_WORDDASH:[mongodb][collection]}"
        r" %{WORD}: %{MONGO_QUERY:[mongodb][query][original]} "
        + " ".join(
            f"{name}:%{{NONNEGINT:[mongodb][profile][{name}]:int}}" for name in ("ntoreturn", "ntoskip", "nscanned")
        )
        + r".*? nreturned:%{NONNEGINT:[mongodb][profile][nreturned]:int}"
        r".*? %{INT:[mongodb][profile][duration]:int}ms"
    ),
    "SQUID3_STATUS": r"(?:%{POSINT:[http][response][status_code]:int}|000)",
    "BIND9_TIMESTAMP": r"%{MONTHDAY}-%{MONTH}-%{YEAR} %{TIME}",
    "BIND9_DNSTYPE": r"(?:A|AAAA|ANY|CAA|CNAME|DNSKEY|DS|HTTPS|MX|NAPTR|NS|PTR|SOA|SPF|SRV|SVCB|TXT)",
    "BIND9_CATEGORY": r"[a-z][a-z-]*+",
    "BIND9_QUERYLOGBASE": (
        r"client(?: @0x[0-9A-Fa-f]++)? %{IP:[client][ip]}#%{POSINT:[client][port]:int}"
        r" \(%{DATA:[bind][log][question][name]}\): query: %{NOTSPACE:[dns][question][name]}"
        r" %{WORD:[dns][question][class]} %{BIND9_DNSTYPE:[dns][question][type]}"
        r"(?: %{NOTSPACE:[bind][log][question][flags]})? \(%{IP:[server][ip]}\)"
    ),
    "BIND9_QUERYLOG": (
        r"%{BIND9_TIMESTAMP:timestamp} %{BIND9_CATEGORY:[bind][log][category]}: %{LOGLEVEL:[log][level]}:"
        r" %{BIND9_QUERYLOGBASE}"
    ),
    "BIND9": r"%{BIND9_QUERYLOG}",
    "MAVEN_VERSION": r"(?:\d+\.){0,2}(?:\*|\d+)(?:[.-](?:RELEASE|SNAPSHOT))?",
    "MCOLLECTIVE": (
        r"., \[%{TIMESTAMP_ISO8601:timestamp} #%{POSINT:[process][pid]:int}\]%{SPACE}%{LOGLEVEL:[log][level]}"
    ),
    "MCOLLECTIVEAUDIT": r"%{TIMESTAMP_ISO8601:timestamp}:",
}

_RUBY = {
    "RUBY_LOGGER": (
        r"[DFEWIA], \[%{TIMESTAMP_ISO8601:timestamp} #%{POSINT:[process][pid]:int}\] *%{RUBY_LOGLEVEL:[log][level]}"
        r" -- +%{DATA:[process][name]}: %{GREEDYDATA:message}"
    ),
    "RUUID": rf"{_HEX}{{32}}",
    "RCONTROLLER": r"%{RCLASS:[rails][controller][class]}#%{WORD:[rails][controller][action]}",
    "RCLASS": r"[^\s#]++",
    "RAILS3HEAD": (
        r'Started %{WORD:[http][request][method]} "%{URIPATHPARAM:[url][original]}" for '
        r"%{IPORHOST:[source][address]} at "
        r"(?P<timestamp>%{YEAR}-%{MONTHNUM}-%{MONTHDAY} %{HOUR}:%{MINUTE}:%{SECOND} %{ISO8601_TIMEZONE})"
    ),
    "RPROCESSING": (
        r"\W*Processing by %{RCONTROLLER} as %{NOTSPACE:[rails][request][format]}"
        r"(?:\W*Parameters: \{%{DATA:[rails][request][params]}\}\W*)?"
    ),
    "RAILS3PROFILE": (
        r"(?:\((?:Views: %{NUMBER:[rails][request][duration][view]:float}ms \| )?"
        r"ActiveRecord: %{NUMBER:[rails][request][duration][active_record]:float}ms)?"
    ),
    "RAILS3FOOT": (
        r"Completed %{POSINT:[http][response][status_code]:int}%{DATA} in"
        r" %{NUMBER:[rails][request][duration][total]:float}ms %{RAILS3PROFILE}%{GREEDYDATA}"
    ),
    "RAILS3": (r"%{RAILS3HEAD}(?:%{RPROCESSING})?(?:(?s:.*?)%{RAILS3FOOT})?"),
}

PATTERNS = {
    **_BASIC, **_NETWORK, **_TIMES, **_PROGRAMS, **_SYSLOG, **_SERVERS, **_TRAFFIC, **_TOMCAT, **_AWS,
    **_MORE_SERVERS, **_RUBY,
}  # fmt: skip
"""All patterns by name."""
