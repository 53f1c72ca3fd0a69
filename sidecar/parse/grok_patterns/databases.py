"""Patterns of MongoDB, Redis, PostgreSQL and BIND."""

from __future__ import annotations

from sidecar.parse.grok_patterns.naming import PatternFamily

_DATABASES = {
    "MONGO_LOG": r"%{SYSLOGTIMESTAMP:timestamp} \[%{WORD:component}\] %{GREEDYDATA:message}",
    "MONGO_WORDDASH": r"\b[\w-]++\b",
    "MONGO_QUERY": r"\{ (?:(?! query: \{).){0,4096}?\}(?= ntoreturn:)",
    "MONGO_SLOWQUERY": (
        r"%{WORD:operation} %{MONGO_WORDDASH:database}\.%{MONGO_WORDDASH:collection} %{WORD}: %{MONGO_QUERY:query}"
        " %{WORD}:%{NONNEGINT:ntoreturn} %{WORD}:%{NONNEGINT:ntoskip} %{WORD}:%{NONNEGINT:nscanned}"
        ".{0,1024}? nreturned:%{NONNEGINT:nreturned}.{0,1024}? %{INT:took_ms}ms"
    ),
    "MONGO3_SEVERITY": r"\w",
    "MONGO3_COMPONENT": r"(?:\w++|-)",
    "MONGO3_LOG": (
        r"%{TIMESTAMP_ISO8601:timestamp} %{MONGO3_SEVERITY:severity}"
        r" (?<any_component>-|%{MONGO3_COMPONENT:component3})\s{1,20}(?:\[(?<context>[^\]\n]{0,1024}+)\] )?"
        r"%{GREEDYDATA:message}"
    ),
    "REDISTIMESTAMP": r"%{MONTHDAY} %{MONTH}(?: %{YEAR}(?= ))? %{TIME}",
    "REDISLOG": r"\[%{POSINT:pid}\] %{REDISTIMESTAMP:timestamp} \*",
    "REDISMONLOG": (
        r'%{NUMBER:timestamp} \[%{INT:number} %{IP:client}:%{POSINT:port}\] "%{WORD:command}"'
        r"\s?%{GREEDYDATA:arguments}"
    ),
    "POSTGRESQL": (
        r"%{DATESTAMP:timestamp} %{TZ:timezone} (?<user>[^ \n]{0,1024}+) (?<connection>.{0,200}) %{POSINT:pid}"
    ),
}

_DATABASE_FIELDS = {
    "component": ("mongodb.component", "component"),
    "operation": ("mongodb.profile.op", None),
    "database": ("mongodb.database", "database"),
    "collection": ("mongodb.collection", "collection"),
    "query": ("mongodb.query.original", "query"),
    "ntoreturn": ("mongodb.profile.ntoreturn:int", "ntoreturn"),
    "ntoskip": ("mongodb.profile.ntoskip:int", "ntoskip"),
    "nscanned": ("mongodb.profile.nscanned:int", "nscanned"),
    "nreturned": ("mongodb.profile.nreturned:int", "nreturned"),
    "took_ms": ("mongodb.profile.duration:int", "duration"),
    "severity": ("log.level", "severity"),
    "any_component": (None, "component"),
    "component3": ("mongodb.component", None),
    "context": ("mongodb.context", "context"),
    "pid": ("process.pid:int", "pid"),
    "number": ("redis.database.id", "database"),
    "client": ("client.ip", "client"),
    "port": ("client.port:int", "port"),
    "command": ("redis.command.name", "command"),
    "arguments": ("redis.command.args", "params"),
    "timezone": ("event.timezone", None),
    "user": ("user.name", "user_id"),
    "connection": ("postgresql.log.connection_id", "connection_id"),
}

_BIND = {
    "BIND9_TIMESTAMP": "%{MONTHDAY}-%{MONTH}-%{YEAR} %{TIME}",
    "BIND9_DNSTYPE": (
        "(?:A|AAAA|ANY|CAA|CDNSKEY|CDS|CERT|CNAME|CSYNC|DLV|DNAME|DNSKEY|DS|HINFO|HTTPS|LOC|MX|NAPTR|NS|NSEC|NSEC3"
        r"|OPENPGPKEY|PTR|RP|RRSIG|SIG|SMIMEA|SOA|SPF|SRV|SVCB|TSIG|TXT|URI)\b"
    ),
    "BIND9_CATEGORY": "[a-z][a-z-]*+",
    "BIND9_QUERYLOGBASE": (
        r"client(?: @0x[0-9A-Fa-f]++)? %{IP:client}#%{POSINT:port} \((?<asked>[^)\n]{0,1024}+)\)"
        r": query: %{NOTSPACE:name} %{WORD:class}"
        r" (?<any_type>%{BIND9_DNSTYPE:type}(?: %{NOTSPACE:flags})?) \(%{IP:server}\)"
    ),
    "BIND9_QUERYLOG": (
        "%{BIND9_TIMESTAMP:timestamp} %{BIND9_CATEGORY:category}: %{LOGLEVEL:level}: %{BIND9_QUERYLOGBASE}"
    ),
    "BIND9": "%{BIND9_QUERYLOG}",
}

_BIND_FIELDS = {
    "client": ("client.ip", "clientip"),
    "port": ("client.port:int", "clientport"),
    "asked": ("bind.log.question.name", "query"),
    "name": ("dns.question.name", "query"),
    "class": ("dns.question.class", None),
    "any_type": (None, "querytype"),
    "type": ("dns.question.type", None),
    "flags": ("bind.log.question.flags", None),
    "server": ("server.ip", "dns"),
    "level": ("log.level", "loglevel"),
    # Logstash spells it this way.
    "category": ("bing.log.category", None),
}

DATABASES = (
    PatternFamily(_DATABASES, _DATABASE_FIELDS),
    PatternFamily(_BIND, _BIND_FIELDS),
)
