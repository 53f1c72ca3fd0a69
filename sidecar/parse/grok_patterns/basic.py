"""General patterns: numbers, texts, addresses, paths, times and levels.

Repetitions are possessive or bounded where this does not change the matches. Alternatives that cannot match fail at
their first character.
"""

from __future__ import annotations

from sidecar.parse.grok_patterns.naming import PatternFamily

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_HEX = r"[0-9A-Fa-f]"
_GROUPS = rf"{_HEX}{{1,4}}"
_ATOM = r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]"

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
    "URN": rf"urn:[0-9A-Za-z][0-9A-Za-z-]{{0,31}}:(?:%{_HEX}{{2}}|[0-9A-Za-z()+,.:=@;$_!*'/?#-])+",
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
    "URIHOST": r"%{IPORHOST}(?::%{POSINT:url_port})?",
    "URIPATH": r"/[^\s?\"<>|\\^`\[\]]*",
    "URIQUERY": r"[^\s\"\\^`]*",
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
    "ISO8601_HOUR": r"(?:2[0123]|[01]\d)",
    "ISO8601_SECOND": r"%{SECOND}",
    "TIMESTAMP_ISO8601": (
        r"%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?%{ISO8601_TIMEZONE}?"
    ),
    "DATE_YMD": r"%{YEAR}[./-]%{MONTHNUM2}[./-]%{MONTHDAY}",
    "TIMESTAMP_YMD": r"%{DATE_YMD} %{TIME}",
    "DATESTAMP": r"%{DATE}[- ]%{TIME}",
    "TZ": r"(?:[APMCE][SD]T|UTC)",
    "DATESTAMP_RFC822": r"%{DAY} %{MONTH} %{MONTHDAY} %{YEAR} %{TIME} %{TZ}",
    "DATESTAMP_RFC2822": r"%{DAY}, %{MONTHDAY} %{MONTH} %{YEAR} %{TIME} %{ISO8601_TIMEZONE}",
    "DATESTAMP_OTHER": r"%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{TZ} %{YEAR}",
    "DATESTAMP_EVENTLOG": r"%{YEAR}%{MONTHNUM2}%{MONTHDAY}%{HOUR}%{MINUTE}%{SECOND}",
    "SYSLOGTIMESTAMP": r"%{MONTH} +%{MONTHDAY} %{TIME}",
    "HTTPDATE": r"%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} %{INT}",
}

_LEVELS = {
    "LOGLEVEL": (
        r"(?i:alert|trace|debug|notice|info(?:rmation)?|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe"
        r"|emerg(?:ency)?)"
    ),
}

BASIC = (PatternFamily({**_BASIC, **_NETWORK, **_TIMES, **_LEVELS}, {"url_port": (None, "port")}),)
