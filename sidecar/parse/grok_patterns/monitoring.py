"""Patterns of Nagios and of Bacula."""

from __future__ import annotations

from sidecar.parse.grok_patterns.naming import PatternFamily

_NAGIOS_EVENTS = {
    "CURRENT SERVICE STATE": ("host", "service", "state", "state_type", "%{INT:state_code}", "message"),
    "CURRENT HOST STATE": ("host", "state", "state_type", "%{INT:state_code}", "message"),
    "SERVICE NOTIFICATION": ("contact", "host", "service", "state", "notification_command", "message"),
    "HOST NOTIFICATION": ("contact", "host", "state", "notification_command", "message"),
    "SERVICE ALERT": ("host", "service", "state", "state_level", "%{INT:attempt}", "message"),
    "HOST ALERT": ("host", "state", "state_level", "%{INT:attempt}", "message"),
    "SERVICE FLAPPING ALERT": ("host", "service", "state", "message"),
    "HOST FLAPPING ALERT": ("host", "state", "message"),
    "SERVICE DOWNTIME ALERT": ("host", "service", "state", "comment"),
    "HOST DOWNTIME ALERT": ("host", "state", "comment"),
    "PASSIVE SERVICE CHECK": ("host", "service", "state", "comment"),
    "PASSIVE HOST CHECK": ("host", "state", "comment"),
    "SERVICE EVENT HANDLER": ("host", "service", "state", "state_level", "handler"),
    "HOST EVENT HANDLER": ("host", "state", "state_level", "handler"),
    "TIMEPERIOD TRANSITION": ("service", "%{NUMBER:period_from}", "%{NUMBER:period_to}"),
}
"""Type of a line → its values, which are separated by semicolons."""

_NAGIOS_COMMANDS = {
    "DISABLE_SVC_CHECK": ("host", "service"),
    "ENABLE_SVC_CHECK": ("host", "service"),
    "DISABLE_HOST_CHECK": ("host",),
    "ENABLE_HOST_CHECK": ("host",),
    "PROCESS_HOST_CHECK_RESULT": ("host", "state", "result"),
    "PROCESS_SERVICE_CHECK_RESULT": ("host", "service", "state", "result"),
    "SCHEDULE_HOST_DOWNTIME": (
        "host", "%{NUMBER:start}", "%{NUMBER:end}", "%{NUMBER:fixed}", "%{NUMBER:trigger}", "%{NUMBER:duration}",
        "author", "downtime_comment",
    ),
    "DISABLE_HOST_SVC_NOTIFICATIONS": ("host",),
    "ENABLE_HOST_SVC_NOTIFICATIONS": ("host",),
    "DISABLE_HOST_NOTIFICATIONS": ("host",),
    "ENABLE_HOST_NOTIFICATIONS": ("host",),
    "DISABLE_SVC_NOTIFICATIONS": ("host", "service"),
    "ENABLE_SVC_NOTIFICATIONS": ("host", "service"),
}  # fmt: skip
"""Name of an external command → its arguments."""

_TO_THE_END = frozenset(("message", "comment", "downtime_comment", "result"))


def _join_values(values: tuple[str, ...]) -> str:
    """Return a pattern of values that are separated by semicolons. Only the last one may contain a semicolon."""
    return ";".join(
        value if "%" in value else f"(?<{value}>.*+)" if value in _TO_THE_END else rf"(?<{value}>[^;\n]{{0,1024}}+)"
        for value in values
    )


_NAGIOS_LINES = {
    **{
        f"NAGIOS_{kind.replace(' ', '_')}": f"%{{NAGIOS_TYPE_{kind.replace(' ', '_')}:type}}: {_join_values(values)}"
        for kind, values in _NAGIOS_EVENTS.items()
    },
    **{
        f"NAGIOS_EC_LINE_{name}": (
            f"%{{NAGIOS_TYPE_EXTERNAL_COMMAND:type}}: %{{NAGIOS_EC_{name}:command}};{_join_values(values)}"
        )
        for name, values in _NAGIOS_COMMANDS.items()
    },
}

_NAGIOS = {
    "NAGIOSTIME": r"\[%{NUMBER:epoch}\]",
    **{f"NAGIOS_TYPE_{kind.replace(' ', '_')}": kind for kind in (*_NAGIOS_EVENTS, "EXTERNAL COMMAND")},
    **{f"NAGIOS_EC_{name}": name for name in (*_NAGIOS_COMMANDS, "SCHEDULE_SERVICE_DOWNTIME")},
    "NAGIOS_WARNING": r"Warning:\s{0,9}%{GREEDYDATA:text}",
    **_NAGIOS_LINES,
    "NAGIOSLOGLINE": (
        "%{NAGIOSTIME} (?:%{NAGIOS_WARNING}|" + "|".join(f"%{{{name}}}" for name in _NAGIOS_LINES) + ")"
    ),
}

_NAGIOS_FIELDS = {
    "epoch": ("timestamp", "nagios_epoch"),
    "type": ("nagios.log.type", "nagios_type"),
    "command": ("nagios.log.command", "nagios_command"),
    "host": ("host.hostname", "nagios_hostname"),
    "service": ("service.name", "nagios_service"),
    "state": ("service.state", "nagios_state"),
    "state_type": ("nagios.log.state_type", "nagios_statetype"),
    "state_code": ("nagios.log.attempt:int", "nagios_statecode"),
    "state_level": ("nagios.log.state_type", "nagios_statelevel"),
    "attempt": ("nagios.log.attempt:int", "nagios_attempt"),
    "contact": ("user.name", "nagios_notifyname"),
    "notification_command": ("nagios.log.notification_command", "nagios_contact"),
    "text": ("message", "nagios_message"),
    "message": ("message", "nagios_message"),
    "comment": ("nagios.log.comment", "nagios_comment"),
    "handler": ("nagios.log.event_handler_name", "nagios_event_handler_name"),
    "period_from": ("nagios.log.period_from:int", "nagios_unknown1"),
    "period_to": ("nagios.log.period_to:int", "nagios_unknown2"),
    "result": ("nagios.log.check_result", "nagios_check_result"),
    "start": ("nagios.log.start_time", "nagios_start_time"),
    "end": ("nagios.log.end_time", "nagios_end_time"),
    "fixed": ("nagios.log.fixed", "nagios_fixed"),
    "trigger": ("nagios.log.trigger_id", "nagios_trigger_id"),
    "duration": ("nagios.log.duration:int", "nagios_duration"),
    "author": ("user.name", "author"),
    "downtime_comment": ("nagios.log.comment", "comment"),
}

_VOLUME = '"?%{BACULA_VOLUME:volume}"?'
_DEVICE = r'device "%{BACULA_DEVICE:device}" \(%{BACULA_DEVICEPATH:device_path}\)'
_PEER = r"(?:Client: %{BACULA_HOST:client}|Storage daemon) on %{IPORHOST:peer}:%{POSINT:peer_port}\."
_FATAL = "Fatal [eE]rror: "
_BACULA_DATE = "%{MONTHDAY}-%{MONTH}(?:-%{YEAR})? %{HOUR}:%{MINUTE}"

_BACULA_MESSAGES = {
    "MAX_CAPACITY": (
        rf"User defined maximum volume capacity %{{BACULA_CAPACITY:max_capacity}} exceeded on {_DEVICE}\.?"
    ),
    "END_VOLUME": (
        rf"End of medium on Volume {_VOLUME} Bytes=%{{BACULA_CAPACITY:bytes}} Blocks=%{{BACULA_CAPACITY:blocks}}"
        rf" at (?<at>{_BACULA_DATE})\."
    ),
    "NEW_VOLUME": rf"Created new Volume {_VOLUME} in catalog\.",
    "NEW_LABEL": rf"Labeled new Volume {_VOLUME} on (?:file )?{_DEVICE}\.",
    "WROTE_LABEL": rf"Wrote label to prelabeled Volume {_VOLUME} on {_DEVICE}",
    "NEW_MOUNT": rf"New volume {_VOLUME} mounted on {_DEVICE} at (?<at>{_BACULA_DATE})\.",
    "NOOPEN": r"\s{0,99}Cannot open .{0,1024}?: ERR=%{GREEDYDATA:error}",
    "NOOPENDIR": r'\s{0,99}Could not open directory "?(?<directory>[^"]{0,1024}?)"?: ERR=%{GREEDYDATA:error}',
    "NOSTAT": r"\s{0,99}Could not stat (?<directory>.{0,1024}?): ERR=%{GREEDYDATA:error}",
    "NOJOBS": rf"There are no more Jobs associated with Volume {_VOLUME}\. Marking it purged\.",
    "ALL_RECORDS_PRUNED": rf'.{{0,200}}?All records pruned from Volume {_VOLUME}; marking it "Purged"',
    "BEGIN_PRUNE_JOBS": r"Begin pruning Jobs older than %{INT} months? %{INT} days? ?\.",
    "BEGIN_PRUNE_FILES": r"Begin pruning Files\.",
    "PRUNED_JOBS": r"Pruned %{INT} Jobs? for client %{BACULA_HOST:client} from catalog\.",
    "PRUNED_FILES": r"Pruned Files from %{INT} Jobs? for client %{BACULA_HOST:client} from catalog\.",
    "ENDPRUNE": r"End auto prune\.",
    "STARTJOB": "Start Backup JobId %{INT}, Job=%{BACULA_JOB:job}",
    "STARTRESTORE": "Start Restore Job %{BACULA_JOB:job}",
    "USEDEVICE": 'Using Device "%{BACULA_DEVICE:device}"',
    "DIFF_FS": r"\s{0,99}%{UNIXPATH} is a different filesystem\. Will not descend from %{UNIXPATH} into it\.",
    "JOBEND": "Job write elapsed time = (?<elapsed>[^,]{0,1024}+), Transfer rate = %{NUMBER} [KMG]? ?Bytes/second",
    "NOPRUNE_JOBS": r"No Jobs found to prune\.",
    "NOPRUNE_FILES": r"No Files found to prune\.",
    "VOLUME_PREVWRITTEN": rf"Volume {_VOLUME} previously written, moving to end of data\.",
    "READYAPPEND": rf"Ready to append to end of Volume {_VOLUME} size=%{{INT:size}}",
    "CANCELLING": r"Cancelling duplicate JobId=%{INT:other_job}\.",
    "MARKCANCEL": r"JobId %{INT:job_id}, Job %{BACULA_JOB:job} marked to be canceled\.",
    "CLIENT_RBJ": 'shell command: run ClientRunBeforeJob "(?<command>.*)"',
    "VSS": "(?:Generate )?VSS (?:Writer)?",
    "MAXSTART": rf"{_FATAL}Job canceled because max start delay time exceeded\.",
    "DUPLICATE": rf"{_FATAL}JobId %{{INT:duplicate}} already running\. Duplicate job not allowed\.",
    "NOJOBSTAT": rf"{_FATAL}No Job status returned from FD\.",
    "FATAL_CONN": rf"{_FATAL}bsock\.c:\d{{1,9}} Unable to connect to {_PEER} ERR=%{{GREEDYDATA:error}}",
    "NO_CONNECT": rf"Warning: bsock\.c:\d{{1,9}} Could not connect to {_PEER} ERR=%{{GREEDYDATA:error}}",
    "NO_AUTH": (
        rf'{_FATAL}Unable to authenticate with File daemon at "?%{{IPORHOST:peer}}(?::%{{POSINT:peer_port}})?"?\.'
        " Possible causes:"
    ),
    "NOSUIT": r"No prior or suitable Full backup found in catalog\. Doing FULL backup\.",
    "JOB": r"(?:Error: )?Bacula %{BACULA_HOST} %{BACULA_VERSION} \(%{BACULA_VERSION}\):",
    "NOPRIOR": r"No prior Full backup Job record found\.",
}

_BACULA = {
    "BACULA_TIMESTAMP": _BACULA_DATE,
    "BACULA_HOST": "%{HOSTNAME}",
    "BACULA_VOLUME": "%{USER}",
    "BACULA_DEVICE": "%{USER}",
    "BACULA_DEVICEPATH": "%{UNIXPATH}",
    "BACULA_CAPACITY": r"\d{1,20}(?:,\d{3}){0,9}",
    "BACULA_VERSION": "%{USER}",
    "BACULA_JOB": "%{USER}",
    **{f"BACULA_LOG_{name}": pattern for name, pattern in _BACULA_MESSAGES.items()},
    "BACULA_LOG": (
        "%{BACULA_TIMESTAMP:time} %{BACULA_HOST:host}(?: JobId %{INT:job_id})?:? (?:"
        + "|".join(f"%{{BACULA_LOG_{name}}}" for name in _BACULA_MESSAGES)
        + ")"
    ),
    "BACULA_LOGLINE": "%{BACULA_LOG}",
}

_LEGACY_BACULA = {
    "BACULA_TIMESTAMP": "%{MONTHDAY}-%{MONTH} %{HOUR}:%{MINUTE}",
    "BACULA_LOG_NOSTAT": "Could not stat (?<directory>.{0,1024}?): ERR=%{GREEDYDATA:error}",
}

_BACULA_FIELDS = {
    "time": ("timestamp", "bts"),
    "host": ("host.hostname", "hostname"),
    "job_id": ("bacula.job.id", "jobid"),
    "volume": ("bacula.volume.name", "volume"),
    "device": ("bacula.volume.device", "device"),
    "device_path": ("bacula.volume.path", None),
    "max_capacity": ("bacula.volume.max_capacity", None),
    "bytes": ("bacula.volume.bytes", None),
    "blocks": ("bacula.volume.blocks", None),
    "at": ("bacula.timestamp", None),
    "directory": ("file.path", None),
    "error": ("error.message", "berror"),
    "client": ("bacula.client.name", "client"),
    "peer": ("client.address", None),
    "peer_port": ("client.port:int", None),
    "job": ("bacula.job.name", "job"),
    "elapsed": ("bacula.job.elapsed_time", "elapsed"),
    "size": ("bacula.volume.size:int", None),
    "other_job": ("bacula.job.other_id", None),
    "duplicate": ("bacula.job.other_id", "duplicate"),
    "command": ("bacula.job.client_run_before_command", "runjob"),
}

MONITORING = (
    PatternFamily(_NAGIOS, _NAGIOS_FIELDS),
    PatternFamily(_BACULA, _BACULA_FIELDS, _LEGACY_BACULA),
)
