"""The named patterns of grok.

Names and meanings are those of Logstash's `patterns-core` in its form for the Elastic Common Schema. The expressions
are written independently for the `regex` library. Repetitions are possessive or bounded where that matches the same,
and alternatives that cannot match fail at their first character.
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
    "WINPATH": r"(?:[A-Za-z]:|\\)(?:\\[^\\?*\s]*)+",
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
        r"\b(?:J(?:an(?:uary)?|une?|uly?)|Feb(?:ruary)?|Ma(?:r(?:ch)?|y)|A(?:pr(?:il)?|ug(?:ust)?)"
        r"|Sep(?:t(?:ember)?)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b"
    ),
    "MONTHNUM": r"(?:0?[1-9]|1[0-2])",
    "MONTHNUM2": r"(?:0[1-9]|1[0-2])",
    "MONTHDAY": r"(?:0[1-9]|[12]\d|3[01]|[1-9])",
    "DAY": r"(?:Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)",
    "YEAR": r"(?:\d\d){1,2}",
    "HOUR": r"(?:2[0123]|[01]?\d)",
    "MINUTE": r"[0-5]\d",
    "SECOND": r"(?:[0-5]?\d|60)(?:[:.,]\d+)?",
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
        r"%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:[log][syslog][hostname]} %{SYSLOGPROG}:"
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
        r"(?: %{SYSLOGHOST:[log][syslog][hostname]})?(?: %{SYSLOGPROG}:)?"
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
        r"%{SYSLOG5424PRI}%{NONNEGINT:[log][syslog][version]} (?:-|%{TIMESTAMP_ISO8601:timestamp})"
        r" (?:-|%{SYSLOG5424PRINTASCII:[log][syslog][hostname]}) (?:-|%{SYSLOG5424PRINTASCII:[process][name]})"
        r" (?:-|%{SYSLOG5424PRINTASCII:[log][syslog][procid]}) (?:-|%{SYSLOG5424PRINTASCII:[log][syslog][msgid]})"
        r" (?:-|%{SYSLOG5424SD:[log][syslog][structured_data]})"
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
        r"(?: \[client %{IPORHOST:[source][address]}(?::%{POSINT:[source][port]:int})?\])?"
        r"(?: (?=AH\d+: )%{WORD:[apache][error][code]}:)? %{GREEDYDATA:message}"
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
    """Return a pattern of adjacent values, each of which may be a dash."""
    return " ".join(f"(?:-|{reference})" for reference in references)


def _waits(*fields: str) -> str:
    """Return a pattern of HAProxy's timers in milliseconds; -1 if a phase was not reached."""
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
        r" %{WORD:[squid][cache_result_code]}/%{INT:[http][response][status_code]:int}"
        r" %{INT:[http][response][body][bytes]:int} %{WORD:[http][request][method]} %{NOTSPACE:[url][original]}"
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
            "%{INT:[event][duration]:int}", "%{INT:[aws][s3access][turn_around_time]:int}",
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

PATTERNS = {**_BASIC, **_NETWORK, **_TIMES, **_PROGRAMS, **_SYSLOG, **_SERVERS, **_TRAFFIC}
"""Each pattern by its name."""
