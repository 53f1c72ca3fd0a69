"""Patterns of Exim's main log."""

from __future__ import annotations

from sidecar.parse.grok_patterns.naming import PatternFamily

_NAMED_FIELDS = ("REMOTE_HOST", "INTERFACE", "PROTOCOL", "MSG_SIZE", "HEADER_ID", "SUBJECT", "UNKNOWN_FIELD")

_EXIM = {
    "EXIM_MSGID": r"[0-9A-Za-z]{6}-[0-9A-Za-z]{6}-[0-9A-Za-z]{2}",
    "EXIM_FLAGS": r"(?:<=|=>|->|\*>|\*\*|==|<>|>>)",
    "EXIM_DATE": "%{YEAR:year}-%{MONTHNUM:month}-%{MONTHDAY:day} %{TIME:time}",
    "EXIM_PID": r"\[%{POSINT:pid}\]",
    "EXIM_QT": r"(?:\d{1,9}y)?(?:\d{1,9}w)?(?:\d{1,9}d)?(?:\d{1,9}h)?(?:\d{1,9}m)?(?:\d{1,9}s)?",
    "EXIM_EXCLUDE_TERMS": (
        "(?:Message is frozen|(?:Start|End) queue run| Warning: | retry time not reached "
        "| no (?:IP address|host name) found for (?:IP address|host) "
        "| unexpected disconnection while reading SMTP command | no immediate delivery: "
        "|another process is handling this message)"
    ),
    "EXIM_REMOTE_HOST": (
        r"H=(?:(?!\()%{NOTSPACE:host} )?(?:\((?<helo>[^ )]{1,1024}+)\) )?\[%{IP:ip}\](?::%{POSINT:port})?"
    ),
    "EXIM_INTERFACE": r"I=\[%{IP:interface}\](?::%{NUMBER:interface_port})",
    "EXIM_PROTOCOL": "P=%{NOTSPACE:protocol}",
    "EXIM_MSG_SIZE": "S=%{NUMBER:size}",
    "EXIM_HEADER_ID": "id=%{NOTSPACE:header}",
    "EXIM_QUOTED_CONTENT": r'(?:[^"\\]{1,1024}+|\\.)*+',
    "EXIM_SUBJECT": 'T=(?<quoted_subject>"%{EXIM_QUOTED_CONTENT:subject}")',
    "EXIM_UNKNOWN_FIELD": "[A-Za-z0-9]{1,4}=(?:%{QUOTEDSTRING}|%{NOTSPACE})",
    "EXIM_NAMED_FIELDS": "(?: (?:" + "|".join(f"%{{EXIM_{name}}}" for name in _NAMED_FIELDS) + "))*+",
    "EXIM_MESSAGE_ARRIVAL": (
        "%{EXIM_DATE:timestamp} (?:%{EXIM_PID} )?%{EXIM_MSGID:message_id} (?<flags><=) (?<status>[a-z:] )?"
        "%{EMAILADDRESS:sender}%{EXIM_NAMED_FIELDS}"
        "(?:(?: from <?(?<original_sender>[^ >]{0,1024}+)>?)? for %{EMAILADDRESS:recipient})?"
    ),
    "EXIM": "%{EXIM_MESSAGE_ARRIVAL}",
}

_EXIM_FIELDS = {
    "year": (None, "exim_year"),
    "month": (None, "exim_month"),
    "day": (None, "exim_day"),
    "time": (None, "exim_time"),
    "pid": ("process.pid:int", "pid"),
    "host": ("source.address", "remote_hostname"),
    "helo": ("exim.log.remote_address", "remote_heloname"),
    "ip": ("source.ip", "remote_host"),
    "port": ("source.port:int", "remote_port"),
    "interface": ("destination.ip", "exim_interface"),
    "interface_port": ("destination.port:int", "exim_interface_port"),
    "protocol": ("network.protocol", "protocol"),
    "size": ("exim.log.message.size:int", "exim_msg_size"),
    "header": ("exim.log.header_id", "exim_header_id"),
    "quoted_subject": (None, "exim_subject"),
    "subject": ("exim.log.message.subject", None),
    "message_id": ("exim.log.message.id", "exim_msgid"),
    "flags": ("exim.log.flags", "exim_flags"),
    "status": ("exim.log.status", "exim_status"),
    "sender": ("exim.log.sender.email", "exim_sender_email"),
    "original_sender": ("exim.log.sender.original", None),
    "recipient": ("exim.log.recipient.email", "exim_recipient_email"),
}

MAIL = (PatternFamily(_EXIM, _EXIM_FIELDS),)
