"""Logs of clusters and distributed storage: Pacemaker, Corosync, GlusterFS and Ceph."""

from __future__ import annotations

from sidecar.parse.format_parser import LogFormat
from sidecar.parse.formats.pieces import FRACTION, ISO, MESSAGE, PID, RFC3164_TIME, ZONE
from sidecar.parse.row_templates import number_field, text_field

_LEVELS = {
    "T": "trace", "D": "debug", "I": "info", "N": "notice", "W": "warning", "E": "error", "C": "critical",
    "A": "alert", "M": "emergency", "DBG": "debug", "INF": "info", "WRN": "warning", "ERR": "error",
    "SEC": "security", "-1": "error",
}  # fmt: skip
_LEVEL = r"(?P<level>trace|debug|info|notice|warning|error|crit|alert|emerg)"
_HOST = r"(?P<host>[\w.-]++)"
_SUBSYSTEM = r"\[(?P<logger>[A-Z][A-Z0-9]*+) *\]"

CLUSTER = LogFormat(
    "Pacemaker, Corosync, GlusterFS or Ceph",
    (
        # Pacemaker 2 and 1.1; Corosync 2 and later, and 1.
        rf"{RFC3164_TIME} {_HOST} (?P<process>[\w-]++) *\[{PID}\] "
        rf"\((?P<function>[^)@\n]++)(?:@(?P<file>[^:)\n]++):(?P<line>\d{{1,9}}))?\)[ \t]+{_LEVEL}: {MESSAGE}",
        rf"{RFC3164_TIME} \[{PID}\] {_HOST} +(?P<process>[\w-]++): +{_LEVEL}: {MESSAGE}",
        rf"{RFC3164_TIME} \[{PID}\] {_HOST} (?P<process>corosync) {_LEVEL} +{_SUBSYSTEM} {MESSAGE}",
        rf"{RFC3164_TIME} (?P<process>corosync) {_SUBSYSTEM} {MESSAGE}",
        # GlusterFS.
        rf"\[{ISO}{FRACTION}(?: {ZONE})?\] (?P<level>[TDINWECAM]) (?:\[MSGID: (?P<code>\d{{1,9}})\] )?"
        rf"\[(?P<file>[^:\]\n]++):(?P<line>\d{{1,9}}):(?P<function>[^\]\n]++)\] (?:(?P<logger>\d{{1,9}}-[^:\n]++): )?"
        rf"{MESSAGE}",
        # Ceph: the log of the cluster, and that of a daemon. Its number is the verbosity; -1 is an error.
        rf"{ISO}{FRACTION}{ZONE}? (?P<logger>[a-z]++\.[\w.-]++) \([^)\n]*+\) \d{{1,18}} : (?P<channel>\w++) "
        rf"\[(?P<level>DBG|INF|SEC|WRN|ERR)\] {MESSAGE}",
        rf"{ISO}{FRACTION}{ZONE}? (?P<thread>(?:7[0-9a-f]|ff|3f)[0-9a-f]{{8,14}}) +"
        rf"(?:(?P<level>-1)|\d{{1,2}}) {MESSAGE}",
    ),
    (
        text_field("message", "message"),
        text_field("process.name", "process"),
        number_field("process.pid", "pid"),
        text_field("process.thread.name", "thread"),
        text_field("gluster.message_id", "code"),
        text_field("ceph.channel", "channel"),
        text_field("log.level", "level", lambda level: _LEVELS.get(level, level)),
        text_field("log.logger", "logger"),
        text_field("log.origin.file.name", "file"),
        number_field("log.origin.file.line", "line"),
        text_field("log.origin.function", "function"),
        text_field("log.syslog.hostname", "host"),
    ),
    examples=(
        "Nov 23 01:00:00 node1 pacemaker-controld  [812] (do_state_transition) \tnotice: State transition",
        "Nov 23 01:00:00 [812] node1       crmd:   notice: do_state_transition:\tState transition",
        "Nov 23 01:00:00 [812] node1 corosync notice  [TOTEM ] A new membership (192.0.2.7:4) was formed.",
        "Nov 23 01:00:00 corosync [TOTEM ] A processor failed, forming new configuration.",
        "[2026-11-23 01:00:00.123456 +0000] I [MSGID: 100030] [glusterfsd.c:2865:main] 0-glusterd: Started running",
        "2026-11-23T01:00:00.123456+0000 mon.a (mon.0) 42 : cluster [WRN] Health check failed: 1 osds down",
        "2026-11-23T01:00:00.123+0000 7f1c2a3b4700 -1 osd.0 42 heartbeat_check: no reply",
    ),
)
"""The log files of these programs. What Pacemaker and Corosync send to syslog is read by `syslog`."""
