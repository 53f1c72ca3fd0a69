"""Parts of patterns that several formats share."""

from __future__ import annotations

CLOCK = r"[0-2]\d:[0-5]\d:[0-6]\d"
DAY = r"\d{4}-[01]\d-[0-3]\d"
ISO = rf"(?P<time>{DAY}[T ]{CLOCK})"
FRACTION = r"(?:[.,](?P<fraction>\d{1,9})\d*+)?"
OFFSET = r"(?:Z|[+-]\d\d:?\d\d)"
ZONE = r"(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)"
ZONE_NAME = r"(?P<zone>[A-Z][A-Za-z]{0,4}|[A-Z][A-Za-z_]++(?:/[A-Za-z_+-]++){1,2}|[+-]\d\d(?::?\d\d)?)"
MONTH = r"(?:J(?:an|u[nl])|Feb|Ma[ry]|A(?:pr|ug)|Sep|Oct|Nov|Dec)"
WEEKDAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
LEVEL = r"(?P<level>TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE|CONFIG|FINE|FINER|FINEST)"
LEVEL_WORD = r"(?i:trace|debug|info|notice|warn|warning|error|err|critical|crit|fatal|severe|panic)"
"""The usual names of levels, in upper or lower case."""

NO_LEVEL = rf"(?![\[(<]?{LEVEL_WORD}\b)"
"""The text does not begin with a level, which a pattern with any text would hide in the message."""

FIRST_LEVEL = rf"(?=(?:[\[(<]?(?P<level>{LEVEL_WORD})\b)?)"
"""The level, if the text begins with one. It is part of the text."""

NO_STATE = r"(?!(?:spawned|spawnerr|success|exited|stopped): )"
"""The text does not begin with a state of Supervisor, which a pattern would take for the name of a logger."""

PID = r"(?P<pid>\d{1,18})"
THREAD_ID = r"(?P<thread_id>\d{1,18})"
WORD = r"[^ \n]++"
PORT = r"(?P<port>[0-5]?\d{1,4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
STATUS = r"(?P<status>[1-9]\d\d)"
MESSAGE = r"(?P<message>.*+)"
EXTRA = r"(?: ++(?P<extra>[^\n]++))?"
"""The rest of a line, which the format does not define."""

CTIME = rf"{WEEKDAY} (?P<time>{MONTH} [ 0123]\d {CLOCK}) (?P<year>\d{{4}})"
"""The time as ctime(3) writes it: `Mon Nov 23 01:00:00 2026`."""

RFC3164_TIME = rf"(?P<time>{MONTH} (?: ?\d|\d\d) {CLOCK}){FRACTION}"
"""The time of RFC 3164, which has no year, also with a fraction."""
