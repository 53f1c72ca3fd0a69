"""Log files of daemons with a custom layout: printing, files, directories, networks, telephony, monitoring."""

from __future__ import annotations

from sidecar.parse.format_parser import LogFormat
from sidecar.parse.formats.pieces import (
    CLOCK,
    CTIME,
    DAY,
    FIRST_LEVEL,
    FRACTION,
    ISO,
    MESSAGE,
    MONTH,
    PID,
    RFC3164_TIME,
    ZONE,
    ZONE_NAME,
)  # fmt: skip
from sidecar.parse.row_templates import decimal_field, number_field, text_field
from sidecar.parse.time.date_shapes import local_time, utc_time

_LEVELS = {
    "X": "emergency", "A": "alert", "C": "critical", "E": "error", "W": "warning", "N": "notice", "I": "info",
    "D": "debug", "d": "debug", "EMER": "emergency", "ERR": "error", "DBG": "debug", "WARN": "warning",
    "information": "info", "EE": "error", "WW": "warning", "II": "info", "!!": "notice", "NI": "warning",
    "0x0010": "fatal", "0x0020": "critical", "0x0040": "error", "0x0080": "warning", "0x0100": "info",
    "0": "emergency", "1": "alert", "2": "critical", "3": "error", "4": "warning", "5": "notice", "6": "info",
    "7": "debug", "?": "info", "+": "warning", "!": "error", "i": "info", "w": "warning", "e": "error", "f": "fatal",
    "NOTE": "notice", "STATUS": "info", "DIAG": "debug", "Default": "info", "Display": "info", "VeryVerbose": "trace",
    "trc": "trace", "dbg": "debug", "inf": "info", "wrn": "warning", "err": "error", "crt": "critical", "F": "fatal",
    "Db": "debug", "In": "info", "No": "notice", "Wa": "warning", "Er": "error", "Cr": "critical", "Al": "alert",
    "Em": "emergency", "CONNECT": "info", "MESSAGE": "info", "FATL": "fatal", "VERB": "trace",
    "Fatal error": "fatal", "TRCE": "trace", "DEBG": "debug", "ERRO": "error", "CRIT": "critical",
    "Informational": "info",
}  # fmt: skip
_UPPER_LEVEL = (
    r"(?P<level>TRACE|DEBUG|VERBOSE|INFO|NOTICE|WARN|WARNING|ERROR|ERR|CRIT|CRITICAL|ALERT|EMERG|FATAL"
    r"|SECURITY|CONSOLE|DTMF|FAX)"
)
_LOWER_LEVEL = (
    r"(?P<level>trace|debug|info|information|notice|warn|warning|error|err|crit|critical|alert|emerg|fatal)"
)
_SLASHED_TIME = rf"(?P<time>\d{{4}}[-/][01]\d[-/][0-3]\d {CLOCK}){FRACTION}"
_SOURCE = r"(?P<file>[\w/-]++\.(?:cc?|cpp|h)):(?P<line>\d{1,9})"
_US_DAY = r"[01]\d/[0-3]\d/\d{4}"
_TOPIC = r"[a-z0-9!-]"


def _to_iso(text: str, year: str, now: float) -> str:
    """Return a time such as 20261123:010000, or that of Db2, Unreal Engine, MikroTik, a Source server, Proxifier,
    IBM MQ, Greenbone or OpenLDAP, in ISO 8601, and any other as `local_time` does.
    """
    if text[4:5] == "." and text[10:11] == "-":
        text = f"{text[:10].replace('.', '-')} {text[11:].replace('.', ':')}"
    if text[2:3] == text[5:6] == "/" and text[8:9] == " ":
        text = f"20{text[6:8]}-{text[:5].replace('/', '-')}{text[8:]}"
    if text[2:3] == "." and text[5:6] == " ":
        text = f"{text[:2]}-{text[3:]}"
    if text[3:4] == "/":
        text = f"{text[4:6]} {text[:3]} {text[7:]}"
    if text[:1] in "567" and text[8:9] in ("", "."):
        seconds, _, nanoseconds = text.partition(".")
        fraction = f".{int(nanoseconds, 16):09}" if nanoseconds else ""
        whole = local_time(str(int(seconds, 16)), year, now)
        return f"{whole[:-1]}{fraction}Z" if len(fraction) <= 10 else ""
    if text[13:14] == "h":
        text = text.replace("h", ":").replace(".", ":")
    text = text.replace(" - ", " ")
    if text[8:9] == ":" and text[:8].isdigit():
        text = f"{text[:8]}T{text[9:]}"
    if text[10:11] == "-" and text[:4].isdigit():
        return utc_time(f"{text[:10]} {text[11:19].replace('.', ':')}{text[19:26]}", int(text[26:]), now)
    return local_time(text, year, now)


DAEMONS = LogFormat(
    "daemons with a custom layout",
    (
        # CUPS.
        rf"(?P<level>[XACEWNIDd]) \[(?P<time>[0-3]\d/{MONTH}/\d{{4}}:{CLOCK}){FRACTION} {ZONE}\] {MESSAGE}",
        # Samba: the message is in the next lines.
        rf"\[(?P<time>\d{{4}}/[01]\d/[0-3]\d {CLOCK}){FRACTION}, {{1,2}}(?P<verbosity>\d{{1,2}})(?:, pid={PID})?"
        rf"(?P<extra>, [^\]\n]*+)?\] (?P<file>[^:\n]++):(?P<line>\d{{1,9}})\((?P<function>[^)\n]*+)\){MESSAGE}",
        # vsftpd, FreeRADIUS.
        rf"{CTIME} \[pid {PID}\] (?:\[(?P<user>[^\]\n]++)\] )?{MESSAGE}",
        rf"{CTIME} : (?:(?P<level>Info|Error|Warning|Debug)|(?P<logger>Auth|Proxy|Acct)): {MESSAGE}",
        # strongSwan.
        rf"(?P<time>{MONTH} [ 0-3]\d {CLOCK}|{DAY}[T ]{CLOCK}){FRACTION} (?P<thread>\d\d)\[(?P<logger>[A-Z]{{3}})\] "
        rf"(?:<(?P<connection>[^>\n]++)> )?{MESSAGE}",
        # Unbound; Kea; Knot.
        rf"\[?(?P<time>1\d{{9}}|{MONTH} [ 0-3]\d {CLOCK}|{DAY}T{CLOCK}){FRACTION}{ZONE}?\]? (?P<process>unbound)"
        rf"\[{PID}:(?P<thread>[0-9a-f]{{1,9}})\] {_LOWER_LEVEL}: {MESSAGE}",
        rf"{ISO}{FRACTION} {_UPPER_LEVEL} +\[(?P<logger>[\w.-]++)/{PID}(?:\.(?P<thread>\d{{1,18}}))?\] {MESSAGE}",
        rf"(?P<time>{DAY}T{CLOCK}){FRACTION}{ZONE} {_LOWER_LEVEL}: (?:\[(?P<logger>[\w.-]++)\] )?{MESSAGE}",
        # 389 Directory Server; SSSD; MIT Kerberos.
        rf"\[(?P<time>[0-3]\d/{MONTH}/\d{{4}}:{CLOCK}){FRACTION} {ZONE}\] - {_UPPER_LEVEL} - (?P<logger>[^ \n]++) - "
        rf"{MESSAGE}",
        rf"\((?P<time>{DAY} [ 012]\d:[0-5]\d:[0-6]\d)(?::(?P<fraction>\d{{6}}))?\): \[(?P<process>[^ \n]+)\] "
        rf"\[(?P<function>\w++)\] \((?:(?P<level>0x00[1248]0|0x0100)|0x[0-9a-f]{{4,8}})\): {MESSAGE}",
        rf"\({CTIME}\) \[(?P<process>[^ \n]+)\] \[(?P<function>\w++)\] "
        rf"\((?:(?P<level>0x00[1248]0|0x0100)|0x[0-9a-f]{{4,8}})\): {MESSAGE}",
        rf"{RFC3164_TIME} (?P<host>[\w.-]++) (?P<process>krb5kdc|kadmind)\[{PID}\]\((?P<level>\w++)\): {MESSAGE}",
        # Asterisk and FreeSWITCH.
        rf"\[(?P<time>{MONTH} [ 0-3]\d {CLOCK}|{DAY} {CLOCK}){FRACTION}\] {_UPPER_LEVEL}\[{PID}\]"
        r"(?:\[(?P<connection>C-[0-9a-f]++)\])?:? (?P<file>[\w/-]++\.\w++)(?::(?P<line>\d{1,9}))?"
        rf"(?: (?P<function>\w++))?: {MESSAGE}",
        rf"(?:(?P<connection>[0-9a-f]{{8}}-[0-9a-f-]{{27}}) )?{ISO}{FRACTION} (?:\d{{1,3}}\.\d\d% )?"
        rf"\[{_UPPER_LEVEL}\] (?P<file>[\w-]++\.\w++):(?P<line>\d{{1,9}}) {MESSAGE}",
        # Envoy; Fluent Bit and collectd.
        rf"\[{ISO}{FRACTION}\]\[{PID}\]\[{_LOWER_LEVEL}\]\[(?P<logger>[^\]\n]++)\] (?:\[(?P<file>[^:\]\n]++):"
        rf"(?P<line>\d{{1,9}})\] )?{MESSAGE}",
        rf"\[{_SLASHED_TIME}(?: ?{ZONE})?\] \[ *{_LOWER_LEVEL}\] {MESSAGE}",
        # Icinga; Zabbix; Nagios; OSSEC and Wazuh.
        rf"\[{ISO} {ZONE}\] {_LOWER_LEVEL}/(?P<logger>\w++): {MESSAGE}",
        rf" *{PID}:(?P<time>\d{{8}}:\d{{6}})\.(?P<fraction>\d{{3}}) {MESSAGE}",
        r"\[(?P<time>1\d{9})\] (?:(?P<level>Warning|Error): |(?=[A-Z][A-Z -]{3,40}: |Auto-save |Nagios ))"
        rf"{MESSAGE}",
        rf"(?P<time>\d{{4}}/[01]\d/[0-3]\d {CLOCK}) (?P<process>(?:ossec|wazuh)[\w-]*+(?::[\w-]++)?)"
        rf"(?:\[{PID}\] {_SOURCE} at (?P<function>[\w:]++)\(\))?: {_UPPER_LEVEL}: {MESSAGE}",
        # libvirt; VMware; Open vSwitch; BIRD.
        rf"{ISO}{FRACTION}{ZONE}: {PID}: {_LOWER_LEVEL} : {MESSAGE}",
        rf"{ISO}{FRACTION}{ZONE} (?P<level>info|warning|error|verbose|trivia|panic) (?P<process>[\w-]++)\[{PID}\] "
        rf"(?:\[Originator@6876 (?P<extra>[^\]\n]++)\] )?{MESSAGE}",
        rf"{ISO}{FRACTION}{ZONE}\|\d{{5,9}}\|(?P<logger>[\w()-]++)\|(?P<level>EMER|ERR|WARN|INFO|DBG)\|{MESSAGE}",
        rf"{ISO}{FRACTION} <(?P<level>TRACE|DBG|INFO|WARN|ERR|FATAL|BUG|RMT|AUTH)> {MESSAGE}",
        # ProxySQL; MaxScale; Aerospike; ArangoDB; Microsoft SQL Server.
        rf"{ISO}{FRACTION} {_SOURCE}:(?P<function>\w++)\(\): \[{_UPPER_LEVEL}\] {MESSAGE}",
        rf"{ISO}{FRACTION} {{2,}}{_LOWER_LEVEL} *: {MESSAGE}",
        rf"(?P<time>{MONTH} [0-3]\d \d{{4}} {CLOCK}){FRACTION} {ZONE}: {_UPPER_LEVEL} \((?P<logger>[\w-]++)\): "
        rf"(?:\({_SOURCE}\) )?{MESSAGE}",
        rf"{ISO}{FRACTION}{ZONE} \[{PID}(?:-\d{{1,9}})?\] {_UPPER_LEVEL} (?:\[[0-9a-f]{{4,6}}\] )?"
        rf"\{{(?P<logger>\w++)\}} {MESSAGE}",
        rf"(?P<time>{DAY} {CLOCK}){FRACTION} (?P<process>Server|Logon|Backup|spid\d{{1,9}}s?) {{2,}}{MESSAGE}",
        # Plex; ROS; Kamailio.
        rf"(?P<time>{MONTH} [0-3]\d, \d{{4}} {CLOCK}){FRACTION} \[(?P<thread>[^\]\n]++)\] {_UPPER_LEVEL} - {MESSAGE}",
        rf"\[{_UPPER_LEVEL} *\] \[(?P<time>1\d{{9}})\.(?P<fraction>\d{{1,9}})\](?: \[(?P<logger>[^\]\n]++)\])?: "
        rf"{MESSAGE}",
        rf" *\d{{1,4}}\({PID}\) (?P<level>ALERT|BUG|CRITICAL|ERROR|WARNING|NOTICE|INFO|DEBUG): {MESSAGE}",
        # X.Org: seconds since its start.
        r"\[(?=[ \d.]{10,14}\]) *(?P<uptime>\d{1,9}\.\d{3})\] "
        r"(?:\((?:(?P<level>EE|WW|II|NI|!!)|--|\*\*|==|\+\+|\?\?)\) )?"
        rf"{MESSAGE}",
        # ntpd; rsync; lighttpd; Mosquitto.
        rf"(?P<time>[ 0-3]\d {MONTH} {CLOCK}) (?P<process>[\w-]++)\[{PID}\]: {MESSAGE}",
        rf"(?P<time>\d{{4}}/[01]\d/[0-3]\d {CLOCK}) \[{PID}\] {FIRST_LEVEL}{MESSAGE}",
        rf"{ISO}: \((?P<file>[\w/-]++\.c)\.(?P<line>\d{{1,9}})\) {MESSAGE}",
        rf"(?P<time>1\d{{9}}|{DAY}T{CLOCK}): {FIRST_LEVEL}{MESSAGE}",
        # Netdata until 1.43; LXC; Db2, an event of several lines.
        rf"{ISO}: (?P<process>[\w.-]++):? {_UPPER_LEVEL} *: (?:(?P<thread>[\w.\[\]-]++) : )?{MESSAGE}",
        rf"(?P<process>lxc[\w-]*+) (?:(?P<container>[^ \n]++) )?(?P<time>\d{{14}})\.(?P<fraction>\d{{3}}) "
        rf"{_UPPER_LEVEL} +(?P<logger>\w++) - (?P<file>[\w./-]++):(?P<function>\w++):(?P<line>\d{{1,9}}) - {MESSAGE}",
        r"(?P<time>\d{4}-[01]\d-[0-3]\d-[0-2]\d\.[0-5]\d\.[0-6]\d\.\d{6}[+-]\d{3}) (?P<extra>[EI]\d++[A-Z]\d++) +"
        r"LEVEL: (?P<level>[A-Z][a-z]++)(?: \((?P<logger>[A-Z]++)\))?\n"
        rf"(?=PID +: {PID} [^\n]*\bPROC +: (?P<process>[^\n]+)\n){MESSAGE}",
        # Traffic Server; Tor; Transmission 4; qBittorrent; RethinkDB.
        rf"\[(?P<time>{MONTH} [ 0-3]\d {CLOCK})\.(?P<fraction>\d{{3}})\] "
        rf"(?:\[(?P<thread>[^\]\n]++)\]|(?P<process>traffic_\w++)) "
        rf"(?P<level>DIAG|DEBUG|STATUS|NOTE|WARNING|ERROR|FATAL|ALERT|EMERGENCY): {MESSAGE}",
        rf"(?P<time>{MONTH} [ 0-3]\d {CLOCK})\.(?P<fraction>\d{{3}}) \[(?P<level>debug|info|notice|warn|err)\] "
        rf"{MESSAGE}",
        rf"\[{ISO}\.(?P<fraction>\d{{3}})\] (?P<level>trc|dbg|inf|wrn|err|crt) {MESSAGE}",
        rf"\((?P<level>[NIWC])\) {ISO} - {MESSAGE}",
        rf"{ISO}\.(?P<fraction>\d{{9}}) (?P<uptime>\d{{1,9}}\.\d{{1,9}})s (?P<level>debug|info|notice|warn|error): "
        rf"{MESSAGE}",
        # The listener of Oracle; SAP HANA; Veeam; SQL Server Agent.
        rf"(?P<time>[0-3]\d-(?i:{MONTH})-\d{{4}} {CLOCK}) \* {MESSAGE}",
        rf"\[(?P<thread>\d{{1,9}})\]\{{(?P<connection>-?\d{{1,18}})\}}\[[^\]\n]*+\] {ISO}{FRACTION} "
        rf"(?P<level>[diwef]) (?P<logger>\w++) +(?P<file>[\w./-]++)\((?P<line>\d{{1,9}})\) : {MESSAGE}",
        rf"\[(?P<time>[0-3]\d\.[01]\d\.\d{{4}} {CLOCK}){FRACTION}\] +<(?P<thread>\d{{1,9}})> +"
        rf"(?P<level>Debug|Info|Warning|Error)(?: \(\d\))? +{MESSAGE}",
        rf"{ISO} - (?P<level>[?!+]) \[(?P<code>\d{{3}})\] {MESSAGE}",
        # Prosody; Mumble; TeamSpeak; game servers of the Source and Unreal engines.
        rf"(?P<time>{MONTH} [ 0-3]\d {CLOCK}) (?P<logger>[^\t\n]++)\t(?P<level>debug|info|warn|error)\t{MESSAGE}",
        rf"<(?P<level>[DWCF])>{ISO}{FRACTION} {MESSAGE}",
        rf"{ISO}{FRACTION}\|(?P<level>CRITICAL|ERROR|WARNING|INFO|DEBUG) *\|(?P<logger>\w++) *\|"
        rf"(?P<extra>[ \d]*+)\|{MESSAGE}",
        rf"L (?P<time>{_US_DAY} - {CLOCK}): {MESSAGE}",
        r"\[(?P<time>\d{4}\.[01]\d\.[0-3]\d-[0-2]\d\.[0-5]\d\.[0-6]\d):(?P<fraction>\d{3})\]\[ *\d{1,9}\]"
        rf"(?P<logger>\w++): (?:(?P<level>Fatal|Error|Warning|Display|Verbose|VeryVerbose): )?{MESSAGE}",
        # `log show` of macOS; Cisco IOS; MikroTik.
        rf"{ISO}{FRACTION}(?P<zone>[+-]\d{{4}}) 0x(?P<thread>[0-9a-f]++) +"
        rf"(?P<level>Default|Info|Debug|Error|Fault) +0x[0-9a-f]++ +{PID} +\d{{1,9}} +(?P<process>[^:\n]++): "
        rf"{MESSAGE}",
        rf"[*.]?(?P<time>{MONTH} (?: ?\d|\d\d) (?:\d{{4}} )?{CLOCK}){FRACTION}"
        rf"(?: (?P<host>[\w.-]++) :|(?: {ZONE_NAME})?:) "
        rf"%(?P<logger>[A-Z]\w*+)-(?P<level>[0-7])-(?P<code>\w++): {MESSAGE}",
        rf"(?P<time>(?i:{MONTH})/[0-3]\d/\d{{4}} {CLOCK}|{DAY} {CLOCK}) "
        rf"(?={_TOPIC}++(?:,{_TOPIC}++)*?,(?P<level>debug|info|warning|error|critical)[, ])"
        rf"(?P<logger>{_TOPIC}++(?:,{_TOPIC}++)++) {MESSAGE}",
        # VMware: a virtual machine or ESXi 8, and virtual machines of earlier versions.
        rf"{ISO}{FRACTION}{ZONE} (?P<level>Db|In|No|Wa|Er|Cr|Al|Em)\(\d{{1,3}}\)\+? (?P<process>[\w.-]++)"
        rf"(?:\[{PID}\])?(?: -|:) (?:\[Originator@6876 (?P<extra>[^\]\n]++)\] )?{MESSAGE}",
        rf"{ISO}{FRACTION}{ZONE}\| (?P<process>[\w.-]++)\| (?P<level>[A-Z])\d{{3}}\+?: {MESSAGE}",
        # PBS; Grid Engine; Pi-hole; Cloud Foundry.
        rf"(?P<time>{_US_DAY} {CLOCK}){FRACTION};[0-9a-f]{{4}};(?P<process>[\w@.-]++);(?P<logger>\w++);"
        rf"(?P<extra>[^;\n]*+);{MESSAGE}",
        rf"(?P<time>{_US_DAY} {CLOCK}){FRACTION}\|(?P<logger>[\w -]++)\|(?P<host>[\w.-]++)\|(?P<level>[CEWNID])\|"
        rf"{MESSAGE}",
        rf"\[{ISO}\.(?P<fraction>\d{{3}})(?: {ZONE_NAME})? {PID}(?:M|/[TF]\d{{1,9}})?\] (?:{_UPPER_LEVEL}: )?"
        rf"{MESSAGE}",
        rf"{ISO}{FRACTION}{ZONE} \[(?P<logger>[A-Z][A-Z0-9_]*+(?:/[\w.-]++)++)\] (?P<stream>OUT|ERR) +{MESSAGE}",
        # CBS, CSI and DISM of Windows; Proxifier.
        rf"{ISO}, (?P<level>Info|Warning|Error) +(?P<logger>[A-Z]{{2,12}}) ++{MESSAGE}",
        rf"\[(?P<time>[01]\d\.[0-3]\d {CLOCK})\] (?P<process>[\w.-]++(?: \*64)?) - {MESSAGE}",
        # IBM MQ, an event of several lines.
        rf"(?P<time>[01]\d/[0-3]\d/(?:\d{{4}}|\d\d) {CLOCK}) - Process\({PID}\.(?P<thread>\d{{1,9}})\) "
        rf"User\((?P<user>[^)\n]*+)\) Program\((?P<process>[^)\n]*+)\)\n{MESSAGE}",
        # Falco; Privoxy; Dante; tinyproxy; stunnel; coturn; Greenbone; Checkmk; HTCondor; Bacula.
        rf"(?P<time>{CLOCK})\.(?P<fraction>\d{{9}}): "
        rf"(?P<level>Emergency|Alert|Critical|Error|Warning|Notice|Informational|Debug) {MESSAGE}",
        rf"{CTIME}: {MESSAGE}",
        rf"{ISO}{FRACTION} (?P<thread>[0-9a-f]{{8,16}}) "
        rf"(?:(?P<level>Info|Error|Fatal error)|(?P<logger>[A-Z][\w-]{{2,20}})): {MESSAGE}",
        rf"{MONTH} [ 0-3]\d {CLOCK} \((?P<time>1\d{{9}})\.(?P<fraction>\d{{6}})\) (?P<process>[\w-]++)\[{PID}\]: "
        rf"{_LOWER_LEVEL}: {MESSAGE}",
        rf"(?P<level>CONNECT|CRITICAL|ERROR|WARNING|NOTICE|INFO) +{RFC3164_TIME} \[{PID}\]: {MESSAGE}",
        rf"(?P<time>\d{{4}}\.[01]\d\.[0-3]\d {CLOCK}) LOG(?P<level>[0-7])\[(?P<thread>[^\]\n]++)\]: {MESSAGE}",
        r"(?P<uptime>\d{1,9}): (?:\((?P<thread>\d{1,18})\))?: (?P<level>INFO|ERROR|WARNING|DEBUG|CRITICAL): "
        rf"{MESSAGE}",
        rf"(?P<process>[a-z]++) +(?P<logger>[\w.-]++):(?P<level>CRITICAL|ERROR|WARNING|MESSAGE|INFO|DEBUG):"
        rf"(?P<time>{DAY} [0-2]\dh[0-5]\d\.[0-6]\d) {ZONE_NAME}:{PID}: +{MESSAGE}",
        rf"{ISO} \[(?P<level>[0-7])\] \[(?P<thread>[^\]\n]++)\] {MESSAGE}",
        rf"(?P<time>[01]\d/[0-3]\d/\d\d {CLOCK}){FRACTION} \(pid:{PID}\) (?:\((?P<logger>D_[\w:|]++)\) )?"
        rf"{MESSAGE}",
        rf"(?P<time>[0-3]\d-{MONTH} [0-2]\d:[0-5]\d) (?P<process>[\w.-]++)(?P<extra> JobId \d{{1,18}}): {MESSAGE}",
        # OpenLDAP: the seconds and nanoseconds since 1970 in hexadecimal digits.
        rf"(?P<time>[5-7][0-9a-f]{{7}}\.[0-9a-f]{{8}}) (?P<thread>0x[0-9a-f]++) {MESSAGE}",
        rf"(?P<time>[5-7][0-9a-f]{{7}}) (?=conn=|slapd |@\(#\)){MESSAGE}",
        # Nethermind; slog-term of Rust, as in Lighthouse.
        rf"(?P<time>[0-3]\d {MONTH} {CLOCK}) \| {MESSAGE}",
        rf"{RFC3164_TIME} (?P<level>TRCE|DEBG|INFO|WARN|ERRO|CRIT) {MESSAGE}",
        # Loggers of C++: spdlog and Boost.Log, and Mojolicious of Perl; loguru; plog.
        rf"\[{ISO}{FRACTION}\] (?:\[(?:{PID}|(?P<thread>0x[0-9a-f]++)|(?P<logger>[^\]\n]++))\] )?"
        rf"\[{_LOWER_LEVEL}\] +{MESSAGE}",
        rf"{ISO}{FRACTION} \( *(?P<uptime>\d{{1,9}}\.\d{{3}})s\) \[(?P<thread>[^\]\n]*[^\] \n]) *\] +"
        rf"(?P<file>[\w.-]++):(?P<line>\d{{1,9}}) +(?:(?P<level>INFO|WARN|ERR|FATL)|-?\d)\| {MESSAGE}",
        rf"{ISO}{FRACTION} (?P<level>VERB|DEBUG|INFO|WARN|ERROR|FATAL) +\[(?P<thread>\d{{1,18}})\] "
        rf"\[(?P<function>[^@\]\n]++)@(?P<line>\d{{1,9}})\] {MESSAGE}",
        # Log4perl; katip of Haskell; swift-log and Vapor; Crystal.
        rf"(?P<time>\d{{4}}/[01]\d/[0-3]\d {CLOCK}) {_UPPER_LEVEL}> (?P<file>[\w./-]++):(?P<line>\d{{1,9}}) "
        rf"(?P<function>[\w:]++) - {MESSAGE}",
        rf"\[{ISO}\]\[(?P<logger>[\w.-]++)\]\[(?P<level>Debug|Info|Notice|Warning|Error|Critical|Alert|Emergency)\]"
        rf"\[(?P<host>[^\]\n]++)\]\[PID {PID}\]\[(?P<thread>ThreadId \d{{1,18}})\]"
        rf"(?P<extra>(?:\[[^\]\n]*+\])*+) {MESSAGE}",
        rf"{ISO}{FRACTION}{ZONE} {_LOWER_LEVEL} (?P<logger>[\w.-]++) ?:(?P<extra>(?: [\w.-]++=[^ \n]++)*+) "
        rf"(?=\[\w++\] ){MESSAGE}",
        rf"\[ {_UPPER_LEVEL} \] {MESSAGE}",
        rf"{ISO}\.(?P<fraction>\d{{6}}){ZONE} +{_UPPER_LEVEL} - (?P<logger>[\w.]++): {MESSAGE}",
    ),
    (
        text_field("message", "message", str.strip),
        text_field("process.name", "process"),
        number_field("process.pid", "pid"),
        text_field("process.thread.name", "thread"),
        decimal_field("process.uptime", "uptime"),
        text_field("user.name", "user"),
        text_field("daemons.connection", "connection"),
        text_field("container.name", "container"),
        number_field("samba.verbosity", "verbosity"),
        text_field("log.level", "level", lambda level: _LEVELS.get(level, level.lower())),
        text_field("log.logger", "logger"),
        text_field("log.origin.file.name", "file"),
        number_field("log.origin.file.line", "line"),
        text_field("log.origin.function", "function"),
        text_field("event.code", "code"),
        text_field("stream", "stream", lambda name: {"OUT": "stdout", "ERR": "stderr"}[name]),
        text_field("log.syslog.hostname", "host"),
        text_field("log.extra", "extra", lambda text: text.strip(", ")),
    ),
    to_iso=_to_iso,
    examples=(
        "E [23/Nov/2026:01:00:00 +0000] [Job 42] Stopping job because the scheduler could not execute a filter.",
        "[2026/11/23 01:00:00.123456,  1] ../../source3/smbd/server.c:1741(main)\n  smbd version 4.19.3 started.",
        'Mon Nov 23 01:00:00 2026 [pid 812] [ann] OK LOGIN: Client "203.0.113.7"',
        "Mon Nov 23 01:00:00 2026 : Info: Ready to process requests",
        "Nov 23 01:00:00 13[IKE] <shop|1> IKE_SA shop[1] established",
        "[1795395600] unbound[812:0] info: start of service (unbound 1.19.0).",
        "2026-11-23 01:00:00.123 INFO  [kea-dhcp4.dhcp4/812.140223] DHCP4_STARTED Kea DHCPv4 server started",
        "2026-11-23T01:00:00+0000 info: [shop.example.] zone file loaded, serial 42",
        "[23/Nov/2026:01:00:00.123456789 +0000] - INFO - slapd_daemon - slapd started.",
        "(2026-11-23  1:00:00): [be[example.com]] [sbus_remove_timeout] (0x0040): no reply",
        "(Mon Nov 23 01:00:00 2026) [sssd[nss]] [nss_cmd_getbynam] (0x0100): Running command",
        "Nov 23 01:00:00 kdc-1 krb5kdc[812](info): AS_REQ (8 etypes) 203.0.113.7: ISSUE",
        "[Nov 23 01:00:00] NOTICE[812]: chan_sip.c:24478 handle_request_register: Registration failed",
        "2026-11-23 01:00:00.123456 97.53% [NOTICE] switch_channel.c:1142 New Channel sofia/internal/ann",
        "[2026-11-23 01:00:00.123][1][info][main] [source/server/server.cc:404] initializing epoch 0",
        "[2026/11/23 01:00:00] [ info] [fluent bit] version=3.1.0, commit=0a1b, pid=1",
        "[2026-11-23 01:00:00 +0000] information/cli: Icinga application loader (version: r2.14.0-1)",
        "   812:20261123:010000.123 server #0 started [main process]",
        "[1795395600] Warning: Return code of 127 for check of service 'HTTP' on host 'web-1' was out of bounds",
        "2026/11/23 01:00:00 ossec-syscheckd: INFO: Started (pid: 812).",
        "2026-11-23 01:00:00.123+0000: 812: error : virNetSocketReadWire:1791 : End of file while reading data",
        "2026-11-23T01:00:00.123Z info hostd[812] [Originator@6876 sub=Vimsvc.TaskManager opID=0a1b] Task Created",
        "2026-11-23T01:00:00.123Z|00042|bridge|INFO|bridge br-int: added interface eth0 on port 1",
        "2026-11-23 01:00:00.123 <INFO> Started",
        "2026-11-23 01:00:00 MySQL_Monitor.cpp:42:monitor_connect(): [ERROR] Server 192.0.2.7:3306 timed out",
        "2026-11-23 01:00:00   notice : (shop-service); Loaded server states",
        "Nov 23 2026 01:00:00.123 GMT: INFO (info): (ticker.c:42) NODE-ID bb9 CLUSTER-SIZE 1",
        "2026-11-23T01:00:00.123Z [812] INFO [cf3f4] {general} ArangoDB is ready for business",
        "2026-11-23 01:00:00.12 spid51      Starting up database 'shop'.",
        "Nov 23, 2026 01:00:00.123 [0x7f1c2a] DEBUG - Request: [203.0.113.7:51234] GET /",
        "[INFO] [1795395600.123456789] [turtle]: Spawning",
        " 0(812) INFO: <core> [core/sctp_core.c:74]: sctp_core_check_support(): SCTP API not enabled",
        "[    12.345] (II) Loading extension GLX",
        "23 Nov 01:00:00 ntpd[812]: Listen normally on 3 eth0 192.0.2.7:123",
        "2026/11/23 01:00:00 [812] rsync on shop/ from web-1 (203.0.113.7)",
        "2026-11-23 01:00:00: (server.c.1939) server started (lighttpd/1.4.73)",
        "1795395600: New connection from 203.0.113.7:51234 on port 1883.",
        "2026-11-23 01:00:00: netdata ERROR : PLUGIN[proc] : Cannot open file '/proc/net/stat/nf_conntrack'",
        "lxc-start shop 20261123010000.123 ERROR    start - ../src/lxc/start.c:lxc_spawn:1741 - Failed to start",
        "2026-11-23-02.00.00.123456+060 I1234E567            LEVEL: Warning\n"
        "PID     : 812                  TID : 140223          PROC : db2sysc 0\nMESSAGE : log file is full",
        "[Nov 23 01:00:00.123] [ET_NET 0] NOTE: Traffic Server 9.2 initialized",
        "Nov 23 01:00:00.000 [notice] Tor 0.4.8.9 opening log file.",
        "[2026-11-23 01:00:00.123] inf session Started",
        "(N) 2026-11-23T01:00:00 - qBittorrent v4.6.2 started",
        "2026-11-23T01:00:00.123456789 0.042s notice: Running rethinkdb 2.4.3",
        "23-NOV-2026 01:00:00 * (CONNECT_DATA=(SID=SHOP)) * (ADDRESS=(HOST=203.0.113.7)) * establish * SHOP * 0",
        "[812]{-1}[-1/-1] 2026-11-23 01:00:00.123456 i Service_Startup  TREXIndexServer.cpp(00042) : started",
        "[23.11.2026 01:00:00] <01> Info     Starting job 'shop'",
        "2026-11-23 01:00:00 - ! [298] SQLServer Error: 2, Named Pipes Provider: Could not open a connection",
        "Nov 23 01:00:00 general\tinfo\tHello and welcome to Prosody version 0.12.4",
        "<W>2026-11-23 01:00:00.123 1 => <4:ann(-1)> Authenticated",
        "2026-11-23 01:00:00.123456|INFO    |ServerLibPriv |   |TeamSpeak 3 Server 3.13.7",
        'L 11/23/2026 - 01:00:00: World triggered "Round_Start"',
        "[2026.11.23-01.00.00:123][ 42]LogNet: Warning: slow",
        "2026-11-23 01:00:00.123456+0000 0x1a2b     Default     0x0                  812    0    kernel: (USB) up",
        "*Nov 23 01:00:00.123: %LINK-3-UPDOWN: Interface GigabitEthernet0/1, changed state to up",
        "nov/23/2026 01:00:00 system,info,account user ann logged in from 203.0.113.7 via ssh",
        "2026-11-23T01:00:00.123Z In(05) vmx - DISKLIB-LINK: Opened '/vmfs/volumes/shop.vmdk'",
        "2026-11-23T01:00:00.123Z| vcpu-0| W115: slow",
        "11/23/2026 01:00:00;0100;PBS_Server;Job;42.srv-1;enqueuing into workq, state 1 hop 1",
        "11/23/2026 01:00:00|worker|web-1|W|job 42 failed",
        "[2026-11-23 01:00:00.123 UTC 812M] INFO: FTL started on web-1",
        "2026-11-23T01:00:00.12+0000 [APP/PROC/WEB/0] OUT listening on 8080",
        "2026-11-23 01:00:00, Info                  CBS    Session: 30546354_42 initialized by client shop.",
        "[11.23 01:00:00] shop.exe *64 - shop.example:443 open through proxy proxy.shop.example:5070 HTTPS",
        "11/23/26 01:00:00 - Process(812.1) User(mqm) Program(amqzmuc0)\n                    Host(web-1)\n"
        "AMQ5051I: The queue manager task 'LOGGER-IO' has started.",
        "01:00:00.123456789: Warning Sensitive file opened for reading (user=root)",
        "Mon Nov 23 01:00:00 2026: Falco version: 0.36.2 (x86_64)",
        "2026-11-23 01:00:00.123 7f1c2a3b4700 Error: could not resolve hostname shop.example",
        "Nov 23 01:00:00 (1795395600.123456) sockd[812]: info: pass(1): tcp/accept [: 203.0.113.7.51234",
        "CONNECT   Nov 23 01:00:00.123 [812]: Connect (file descriptor 5): 203.0.113.7",
        "2026.11.23 01:00:00 LOG5[ui]: stunnel 5.71 on x86_64-alpine-linux-musl platform",
        "42: (814): INFO: session 001000000000000001: realm <shop.example> user <ann>: closed",
        "md   main:MESSAGE:2026-11-23 01h00.00 UTC:812:    Greenbone Vulnerability Manager version 22.9.1",
        "2026-11-23 01:00:00 [5] [main] Nagios core 3.5.1 initialized",
        "11/23/26 01:00:00 (pid:812) (D_ALWAYS) Number of Active Workers 0",
        "23-Nov 01:00 web-1-dir JobId 42: Start Backup JobId 42, Job=shop.2026-11-23_01.00.00_03",
        "6b039010.0a1b2c3d 0x7f1c2a3b4700 conn=1000 fd=12 ACCEPT from IP=203.0.113.7:51234 (IP=0.0.0.0:389)",
        "6b039010 conn=1000 fd=12 closed",
        "23 Nov 01:00:00 | Received New Block: 18000000 (0x0a1b...2c3d)",
        "Nov 23 01:00:00.123 INFO Synced                                  slot: 42, peers: 42",
        "[2026-11-23 01:00:00.123] [shop] [info] started",
        "2026-11-23 01:00:00.123 (   0.042s) [main thread     ]             shop.cpp:42    INFO| started",
        "2026-11-23 01:00:00.123 INFO  [812] [main@42] started",
        "2026/11/23 01:00:00 INFO> shop.pl:12 main::run - started",
        "[2026-11-23 01:00:00][shop.main][Info][web-1][PID 812][ThreadId 42][main:Main src/Main.hs:12:3] started",
        "2026-11-23T01:00:00+0000 info shop : id=42 [Shop] started",
        "[ INFO ] Server starting on http://127.0.0.1:8080",
        "2026-11-23T01:00:00.123456Z   INFO - shop.http: listening on 8080",
    ),
)
"""Log files of the programs that the comments name. What they send to syslog is read by `syslog`."""
