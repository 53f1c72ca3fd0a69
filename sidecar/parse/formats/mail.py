"""Log files of mail servers and filters: Dovecot, Exim, Rspamd and ClamAV."""

from __future__ import annotations

from sidecar.parse.format_parser import LogFormat
from sidecar.parse.formats.pieces import CLOCK, CTIME, DAY, FRACTION, ISO, MESSAGE, MONTH, PID, ZONE
from sidecar.parse.row_templates import number_field, text_field

_DOVECOT_TIME = rf"(?P<time>{MONTH} (?: ?\d|\d\d) {CLOCK}|{DAY} {CLOCK}){FRACTION}"
_EXIM_HEAD = rf"{ISO}{FRACTION}(?: {ZONE})? (?:\[{PID}\] )?"
_EXIM_START = (
    r"(?:H=|SMTP |TLS |DKIM: |Start queue run|End queue run|no host name |no IP address |rejected |refused |"
    r"unexpected disconnection |exim \d|socket bind|[\w-]++ authenticator failed|[cC]onnection from |unqualified |"
    r"Warning: |daemon: |ident connection )"
)

MAIL = LogFormat(
    "Dovecot, Exim, Rspamd or ClamAV",
    (
        rf"{_DOVECOT_TIME} (?P<process>[a-z][\w-]*+)"
        r"(?:\((?:(?P<worker>\d{1,18})(?=\)|, )(?:, )?+)?(?P<user>[^)\n]++)?\))?"
        rf"(?:<{PID}><(?P<session>[^>\n]*+)>)?: (?P<level>Debug|Info|Warning|Error|Fatal|Panic): {MESSAGE}",
        rf"{_EXIM_HEAD}(?P<queue>[0-9A-Za-z]{{6}}-[0-9A-Za-z]{{6,11}}-[0-9A-Za-z]{{2,4}}) {MESSAGE}",
        rf"{_EXIM_HEAD}(?={_EXIM_START}){MESSAGE}",
        rf"{ISO}{FRACTION} #{PID}\((?P<process>[^)\n]++)\) <(?P<session>[^>\n]*+)>; (?P<logger>[\w-]++); "
        rf"(?P<function>[\w~-]++(?:::[\w~-]++)*+): {MESSAGE}",
        rf"{CTIME} -> (?:(?P<level>WARNING|ERROR): )?{MESSAGE}",
    ),
    (
        text_field("message", "message"),
        text_field("process.name", "process"),
        number_field("process.pid", "pid"),
        number_field("mail.worker_pid", "worker"),
        text_field("user.name", "user"),
        text_field("mail.session", "session"),
        text_field("mail.queue_id", "queue"),
        text_field("log.level", "level", str.lower),
        text_field("log.logger", "logger"),
        text_field("log.origin.function", "function"),
    ),
    examples=(
        "Nov 23 01:00:00 imap(ann)<812><0a1b2c>: Error: Mailbox INBOX: Corrupted index",
        "2026-11-23 01:00:00 1abcDE-0001Ab-2C <= ann@example.com H=web-1 [203.0.113.7] P=esmtp S=1234",
        "2026-11-23 01:00:00 SMTP connection from [203.0.113.7] (TCP/IP connection count = 1)",
        "2026-11-23 01:00:00.123 #812(normal) <a1b2c3>; task; rspamd_task_write_log: id: <1@example.com>",
        "Mon Nov 23 01:00:00 2026 -> WARNING: Ignoring deprecated option",
    ),
)
"""Log files that these programs write themselves. Postfix, Sendmail and others write to syslog."""
