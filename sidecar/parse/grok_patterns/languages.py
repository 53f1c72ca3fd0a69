"""Patterns of Java, Tomcat, Maven, Ruby, Rails and MCollective."""

from __future__ import annotations

from sidecar.parse.grok_patterns.naming import PatternFamily

_IDENTIFIER = "[a-zA-Z$_][a-zA-Z$_0-9]*+"
_MESSAGE = "%{JAVALOGMESSAGE:message_text}"

_JAVA = {
    "JAVACLASS": r"(?:[a-zA-Z$_][a-zA-Z$_0-9]*\.)*[a-zA-Z$_][a-zA-Z$_0-9]*",
    "JAVAFILE": "[a-zA-Z$_0-9. -]+",
    "JAVAMETHOD": f"(?:<(?:cl)?init>|{_IDENTIFIER})",
    "JAVALOGMESSAGE": ".*",
    "JAVATHREAD": r"[A-Z]{2}-Processor\d+",
    "JAVASTACKTRACEPART": (
        r"\s{0,99}at %{JAVACLASS:class}\.%{JAVAMETHOD:method}\(%{JAVAFILE:file}(?::%{INT:line})?\)"
    ),
    "CATALINA7_DATESTAMP": "%{MONTH} %{MONTHDAY}, %{YEAR} %{HOUR}:%{MINUTE}:%{SECOND} [AP]M",
    "CATALINA8_DATESTAMP": "%{MONTHDAY}-%{MONTH}-%{YEAR} %{HOUR}:%{MINUTE}:%{SECOND}",
    "CATALINA_DATESTAMP": "(?:%{CATALINA8_DATESTAMP}|%{CATALINA7_DATESTAMP})",
    "CATALINA7_LOG": (
        r"%{CATALINA7_DATESTAMP:timestamp} %{JAVACLASS:class}(?: %{JAVAMETHOD:method})?\s{1,9}"
        f"(?:%{{LOGLEVEL:level}}: )?{_MESSAGE}"
    ),
    "CATALINA8_LOG": (
        rf"%{{CATALINA8_DATESTAMP:timestamp}} %{{LOGLEVEL:level}} \[(?<thread>[^\]\n]{{0,1024}}+)\]"
        rf" %{{JAVACLASS:class}}\.%{{JAVAMETHOD:method}}? {_MESSAGE}"
    ),
    "CATALINALOG": "(?:%{CATALINA8_LOG}|%{CATALINA7_LOG})",
    "TOMCATLEGACY_DATESTAMP": "%{YEAR}-%{MONTHNUM}-%{MONTHDAY} %{HOUR}:%{MINUTE}:%{SECOND}(?: %{ISO8601_TIMEZONE})?",
    "TOMCAT50_DATESTAMP": "%{TOMCATLEGACY_DATESTAMP}",
    "TOMCAT50_LOG": (
        r"%{TOMCAT50_DATESTAMP:timestamp}(?: %{LOGLEVEL:level})? [^\[]{0,200}+\[(?<context>[^\]\n]{0,1024}+)\]"
        rf"(?:%{{JAVACLASS:class}}: %{{JAVAMETHOD:method}}\([^)]{{0,1024}}+\))?(?:: {_MESSAGE})?"
    ),
    "TOMCAT6_LOG": "%{CATALINA7_LOG}",
    "TOMCAT7_LOG": "%{CATALINA7_LOG}",
    "TOMCAT8_LOG": "%{CATALINA8_LOG}",
    "TOMCATLEGACY_LOG": (
        rf"%{{TOMCATLEGACY_DATESTAMP:timestamp}} \| %{{LOGLEVEL:level}} \| %{{JAVACLASS:class}} - {_MESSAGE}"
    ),
    "TOMCAT_DATESTAMP": "(?:%{CATALINA8_DATESTAMP}|%{CATALINA7_DATESTAMP}|%{TOMCATLEGACY_DATESTAMP})",
    "TOMCATLOG": "(?:%{TOMCAT8_LOG}|%{TOMCAT7_LOG}|%{TOMCATLEGACY_LOG}|%{TOMCAT50_LOG})",
    "MAVEN_VERSION": r"(?:\d+\.){0,2}(?:\*|\d+)(?:[.-](?:RELEASE|SNAPSHOT))?",
}

_LEGACY_JAVA = {
    "CATALINA_DATESTAMP": "%{CATALINA7_DATESTAMP}",
    "CATALINALOG": f"%{{CATALINA_DATESTAMP:timestamp}} %{{JAVACLASS:class}} {_MESSAGE}",
    "TOMCAT_DATESTAMP": "%{TOMCATLEGACY_DATESTAMP}",
    "TOMCATLOG": "%{TOMCATLEGACY_LOG}",
}

_JAVA_FIELDS = {
    "class": ("java.log.origin.class.name", "class"),
    "method": ("log.origin.function", "method"),
    "file": ("log.origin.file.name", "file"),
    "line": ("log.origin.file.line:int", "line"),
    "level": ("log.level", "level"),
    "thread": ("java.log.origin.thread.name", "thread"),
    "message_text": ("message", "logmessage"),
    "context": ("tomcat.context.name", "context"),
}

_RUBY = {
    "RUBY_LOGLEVEL": "(?:DEBUG|INFO|WARN|ERROR|FATAL|ANY|UNKNOWN)",
    "RUBY_LOGGER": (
        r"[DFEWIA], \[%{TIMESTAMP_ISO8601:timestamp} #%{POSINT:pid}\] *%{RUBY_LOGLEVEL:level}"
        r" -- +(?<program>[^:\n]{0,1024}+): %{GREEDYDATA:message}"
    ),
    "MCOLLECTIVE": r"., \[%{TIMESTAMP_ISO8601:timestamp} #%{POSINT:pid}\]\s{0,9}%{LOGLEVEL:event_level}",
    "MCOLLECTIVEAUDIT": "%{TIMESTAMP_ISO8601:timestamp}:",
    "RUUID": "[0-9A-Fa-f]{32}",
    "RCLASS": r"[^\s#]{1,1024}+",
    "RCONTROLLER": "%{RCLASS:controller}#%{WORD:action}",
    "RAILS3HEAD": (
        'Started %{WORD:verb} "%{URIPATHPARAM:request}" for %{IPORHOST:client} at '
        "(?<timestamp>%{YEAR}-%{MONTHNUM}-%{MONTHDAY} %{HOUR}:%{MINUTE}:%{SECOND} %{ISO8601_TIMEZONE})"
    ),
    "RPROCESSING": (
        r"\W{0,20}Processing by %{RCONTROLLER} as %{NOTSPACE:format}"
        r"(?:\W{0,20}Parameters: \{(?<parameters>[^\n]*)\}\W{0,20})?"
    ),
    "RAILS3PROFILE": (
        r"(?:\((?:Views: %{NUMBER:view_ms}ms \| )?ActiveRecord: %{NUMBER:record_ms}ms)?"
    ),
    "RAILS3FOOT": r"Completed %{POSINT:status}[^\n]{0,200}? in %{NUMBER:total_ms}ms %{RAILS3PROFILE}%{GREEDYDATA}",
    "RAILS3": r"%{RAILS3HEAD}(?:%{RPROCESSING})?(?<explain>(?:(?!Completed )[^\n]{0,1024}+\n)*+)%{RAILS3FOOT}?",
}  # fmt: skip

_RUBY_FIELDS = {
    "pid": ("process.pid:int", "pid"),
    "level": ("log.level", "loglevel"),
    "event_level": ("log.level", "event_level"),
    "program": ("process.name", "progname"),
    "controller": ("rails.controller.class", "controller"),
    "action": ("rails.controller.action", "action"),
    "verb": ("http.request.method", "verb"),
    "request": ("url.original", "request"),
    "client": ("source.address", "clientip"),
    "format": ("rails.request.format", "format"),
    "parameters": ("rails.request.params", "params"),
    "view_ms": ("rails.request.duration.view:float", "viewms"),
    "record_ms": ("rails.request.duration.active_record:float", "activerecordms"),
    "status": ("http.response.status_code:int", "response"),
    "total_ms": ("rails.request.duration.total:float", "totalms"),
    "explain": ("rails.request.explain.original", "context"),
}

LANGUAGES = (
    PatternFamily(_JAVA, _JAVA_FIELDS, _LEGACY_JAVA),
    PatternFamily(_RUBY, _RUBY_FIELDS),
)
