"""Patterns of syslog: RFC 3164 as it is written to files, RFC 5424, cron and PAM."""

from __future__ import annotations

from sidecar.parse.grok_patterns.naming import PatternFamily

_SYSLOG = {
    "PROG": r"[\x21-\x5a\x5c\x5e-\x7e]+",
    "SYSLOGPROG": r"%{PROG:program}(?:\[%{POSINT:pid}\])?",
    "SYSLOGHOST": "%{IPORHOST}",
    "SYSLOGFACILITY": r"<%{NONNEGINT:facility}\.%{NONNEGINT:priority}>",
    "SYSLOGBASE": "%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:host} %{SYSLOGPROG}:",
    "SYSLOGBASE2": (
        "(?:%{SYSLOGTIMESTAMP:timestamp}|%{TIMESTAMP_ISO8601:timestamp_iso})(?: %{SYSLOGFACILITY})?"
        "(?: %{SYSLOGHOST:host})?(?: %{SYSLOGPROG}:)?"
    ),
    "SYSLOGLINE": "%{SYSLOGBASE2} %{GREEDYDATA:message}",
    "SYSLOGPAMSESSION": (
        r"%{SYSLOGBASE} (?=%{GREEDYDATA:message})%{WORD:pam_module}\((?<pam_caller>[^)]*+)\): session"
        " %{WORD:pam_state} for user %{USERNAME:pam_user}(?: by %{GREEDYDATA:pam_by})?"
    ),
    "CRON_ACTION": "[A-Z ]+",
    "CRONLOG": r"%{SYSLOGBASE} \(%{USER:cron_user}\) %{CRON_ACTION:action} \((?<message>.*)\)",
    "SYSLOG5424PRINTASCII": r"[\x21-\x7e]+",
    "SYSLOG5424PRI": "<%{NONNEGINT:pri}>",
    "SYSLOG5424SD": r'(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*+")*+\])+',
    "SYSLOG5424BASE": (
        "%{SYSLOG5424PRI}%{NONNEGINT:version} +(?:-|%{TIMESTAMP_ISO8601:time})"
        " +(?:-|%{SYSLOG5424PRINTASCII:hostname})"
        " +(?:-|%{SYSLOG5424PRINTASCII:app})"
        " +(?:-|(?<any_proc>%{POSINT:proc}|%{SYSLOG5424PRINTASCII:proc_text}))"
        " +(?:-|%{SYSLOG5424PRINTASCII:code})"
        " +(?:-|%{SYSLOG5424SD:data})?"
    ),
    "SYSLOG5424LINE": "%{SYSLOG5424BASE} +%{GREEDYDATA:text}",
}

_LEGACY_SYSLOG = {
    "SYSLOGBASE2": (
        "(?:%{SYSLOGTIMESTAMP:timestamp}|%{TIMESTAMP_ISO8601:timestamp_iso}) (?:%{SYSLOGFACILITY} )?"
        "%{SYSLOGHOST:host}(?: %{SYSLOGPROG}:)?"
    ),
}

_SYSLOG_FIELDS = {
    "timestamp_iso": ("timestamp", "timestamp8601"),
    "program": ("process.name", "program"),
    "pid": ("process.pid:int", "pid"),
    "facility": ("log.syslog.facility.code:int", "facility"),
    "priority": ("log.syslog.priority:int", "priority"),
    "host": ("host.hostname", "logsource"),
    "pam_module": ("system.auth.pam.module", "pam_module"),
    "pam_caller": ("system.auth.pam.origin", "pam_caller"),
    "pam_state": ("system.auth.pam.session_state", "pam_session_state"),
    "pam_user": ("user.name", "username"),
    "pam_by": (None, "pam_by"),
    "cron_user": ("user.name", "user"),
    "action": ("system.cron.action", "action"),
    "pri": ("log.syslog.priority:int", "syslog5424_pri"),
    "version": ("system.syslog.version", "syslog5424_ver"),
    "time": ("timestamp", "syslog5424_ts"),
    "hostname": ("host.hostname", "syslog5424_host"),
    "app": ("process.name", "syslog5424_app"),
    "any_proc": (None, "syslog5424_proc"),
    "proc": ("process.pid:int", None),
    "proc_text": (None, None),
    "code": ("event.code", "syslog5424_msgid"),
    "data": ("system.syslog.structured_data", "syslog5424_sd"),
    "text": ("message", "syslog5424_msg"),
}

SYSLOG = (PatternFamily(_SYSLOG, _SYSLOG_FIELDS, _LEGACY_SYSLOG),)
