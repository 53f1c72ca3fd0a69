"""Proposes a configuration for a file: the parser, the multiline preset, and the timestamp field.

Every parser that needs no options is tried on the first lines of the file, alone and with each multiline preset whose
typical lines occur in the file. CSV, and patterns for lines with a time in any common format, are tried as well. Each
attempt gets a score: by the number of events that it parses, how many of these have a plausible time and a level, and
the number of fields. Events that the best parser cannot parse are tried with the other parsers.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from sidecar.decode.ansi import strip_colors
from sidecar.decode.container_lines import CONTAINER_FORMATS
from sidecar.decode.framing import Framer
from sidecar.decode.settings import detected_multiline
from sidecar.lib.charset import UTF_8, from_bom
from sidecar.lib.clock import Clock
from sidecar.lib.jsontext.nested import flatten
from sidecar.model.file import Generation
from sidecar.model.lines import Chunk, LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse import registry
from sidecar.parse.format_parser import UNKNOWN_ZONE
from sidecar.parse.formats import FORMATS
from sidecar.parse.settings import JOINING, TimestampSettings, detected_parser
from sidecar.parse.time.timestamps import Timestamps

SAMPLE_BYTES = 64 << 10
"""Bytes at the beginning of a file by which its format is detected."""
_MIN_SHARE = 0.02
"""Minimum share of the events that a parser must parse to be proposed, alone or together with others."""
_MIN_LOGFMT_SHARE = 0.2
"""Minimum share for logfmt. It is higher because `key=value` pairs also occur in ordinary sentences."""
_MIN_DATED_SHARE = 0.4
"""Minimum share of the events that must contain a time before a pattern for the time is proposed."""
_MAJORITY = 0.5
"""Minimum share of the messages of containers that a parser must parse to be proposed for them, and minimum share of
times among the values of a timestamp field."""
_MAX_PARSERS = 4
"""Maximum number of parsers that are proposed for one file, not counting `plain`."""
PARSERS = ("cri", "docker", "journald", "json", "nginx", "apache", *FORMATS, "logfmt")
"""Parsers without options. Of several parsers with the same score, the first one is proposed."""
_TIME_WORTH, _LEVEL_WORTH, _FIELD_WORTH = 2.0, 0.5, 0.02
"""Scores of a time, of a level and of a field. A parsed event has the score 1."""
_MAX_COUNTED_FIELDS = 20
_LEVEL_FIELDS = ("log.level", "level", "severity", "log.syslog.severity.name", "lvl", "loglevel", "severity_text")
LANGUAGE_PATTERNS = {
    "java": rb"^(?:[ \t]+|! )at [\w$.<>/@]+\((?:[\w$]+\.(?:java|kt|scala|groovy):\d+|Native Method|Unknown Source)\)",
    "python": rb"^[ +|]*(?:Exception Group )?Traceback \(most recent call last\):\r?$",
    "go": rb"^goroutine \d+ \[|^panic: |^fatal error: ",
    "ruby": rb"^(?:\[[^\]\n]+\] )?[ \t]*(?:from )?(?:[\w.-]+ \([\w.]+\) )?[^ \n:]+\.(?:rb|erb):\d+:in ",
    "node": rb"^[ \t]+at [^\n]*:\d+:\d+\)?\r?$",
    "dotnet": rb"^[ \t]+at [\w.`<>+\[\],]+\([^)\n]*\)(?: in [^\n]+:line \d+)?\r?$|^[ \t]*--- End of inner exception",
    "elixir": rb"^[ \t]+\([\w.]+ [\w.-]+\) [^\n:]+:\d+: |^\*\* \(\w",
    "php": rb"^#\d+ (?:[^\n]*\.php\(\d+\)|\{main\}|\[internal function\])|PHP Stack trace:\r?$",
    "rust": rb"^thread '[^'\n]*' [^\n]*panicked at |^note: run with `RUST_BACKTRACE",
    "postgresql": rb"(?:DETAIL|HINT|QUERY|CONTEXT|LOCATION|STATEMENT):  ",
}
"""Multiline preset → pattern for lines that only programs of this language write, as part of a multiline event.
Matching takes time linear in the length of the line, whatever the line contains."""
_TRACES = {
    "log4j": "java", "python": "python", "go": "go", "ruby": "ruby", "php": "php", "rust": "rust", "dotnet": "dotnet",
    "postgresql": "postgresql", "elixir": "elixir",
}  # fmt: skip
"""Parser → preset for the multiline events of the programs whose logs it parses."""
_PRINTED_JSON = re.compile(rb"^\{[ \t]*\r?$", re.MULTILINE)
_PRINTED_JSON_MULTILINE = {"continuation": r"^[\s}]"}
"""Joins the lines of pretty-printed JSON objects, but not the lines of text between them."""

_BLOCK_STARTS = (
    r"^=[A-Z]+ REPORT==== ",
    r"^Start-Date: \d",
    r"^API: \w+(?:\([^\n]*\))?$",
    r"^####<",
    r"^\d\d/\d\d/(?:\d\d){1,2} \d\d:\d\d:\d\d - Process\(\d",
    r"^\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d\.\d{6}[+-]\d{3} ",
)
"""Patterns for the first lines of events of several lines that do not begin with a time."""

Multiline = str | dict[str, Any] | None
"""The setting `multiline` of a pipeline: a preset, options, or None."""

_DELIMITERS = ",;\t|"
_LONGEST_EVENT = 1 << 20
_EARLIEST = "1990"
_AHEAD_S = 86400.0
_TIME_NAMES = re.compile(r"time|date|stamp|epoch|created|_at$|^@?(?:ts|t|at|when)$", re.IGNORECASE)
_FORMATS = (
    "iso8601", "epoch", "date", "common_log", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M:%S.%f", "%b %d %H:%M:%S",
    "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%d/%m/%Y %I:%M:%S %p",
    "%d-%m-%Y %H:%M:%S", "%m-%d-%Y %H:%M:%S",
)  # fmt: skip
_DEFAULT_FORMATS = frozenset(("iso8601", "epoch", "date"))

_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9}+)?+"
_ZONE = (
    r"(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d|CES?T|EES?T|WES?T|MSK|BST|IST|JST|[ECMP][SD]T"
    r"|[A-Z][a-z]+/[A-Za-z_]+(?:/[A-Za-z_]+)?)\b)?+"
)
_MONTH = r"[A-Z][a-z]{2}"
_SHAPES: tuple[tuple[str, Sequence[str]], ...] = (
    (rf"\d{{4}}-\d\d-\d\d[T ]{_CLOCK}{_ZONE}", ("iso8601",)),
    (rf"\d{{4}}-\d\d-\d\d_{_CLOCK}", ("%Y-%m-%d_%H:%M:%S.%f", "%Y-%m-%d_%H:%M:%S")),
    (rf"\d{{4}}-\d{{3}}T{_CLOCK}{_ZONE}", ("iso8601",)),
    (rf"\d{{4}}[/.]\d\d[/.]\d\d {_CLOCK}{_ZONE}", ("date",)),
    (rf"\d\d-{_MONTH}-\d{{4}} {_CLOCK}{_ZONE}", ("date",)),
    (rf"\d\d? {_MONTH} \d{{4}} {_CLOCK}{_ZONE}", ("date",)),
    (rf"\d\d?/{_MONTH}/\d{{4}}:{_CLOCK}{_ZONE}", ("common_log", "date")),
    (rf"(?:{_MONTH},? )?\d\d? {_MONTH} \d{{4}} {_CLOCK}{_ZONE}", ("date",)),
    (rf"{_MONTH} {_MONTH} [ \d]\d {_CLOCK}(?: [A-Z]{{3,4}})? \d{{4}}", ("date",)),
    (rf"\d\d?\.\d\d?\.\d{{4}},? {_CLOCK}{_ZONE}", ("date",)),
    (r"\d\d?/\d\d?/\d{4} \d\d?:\d\d:\d\d [AP]M", ("%m/%d/%Y %I:%M:%S %p", "%d/%m/%Y %I:%M:%S %p")),
    (r"\d\d?/\d\d?/\d{4}, \d\d?:\d\d:\d\d [AP]M", ("%m/%d/%Y, %I:%M:%S %p", "%d/%m/%Y, %I:%M:%S %p")),
    (rf"{_MONTH} \d\d?, \d{{4}} \d\d?:\d\d:\d\d [AP]M", ("date",)),
    (rf"\d\d/\d\d/\d{{4}} {_CLOCK}", ("%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S.%f")),
    (rf"\d\d-\d\d-\d{{4}} {_CLOCK}", ("%d-%m-%Y %H:%M:%S", "%m-%d-%Y %H:%M:%S", "%d-%m-%Y %H:%M:%S.%f")),
    (rf"\d\d/\d\d/\d\d {_CLOCK}", ("%y/%m/%d %H:%M:%S", "%m/%d/%y %H:%M:%S", "%d/%m/%y %H:%M:%S")),
    (r"\d{8}T\d{6}(?:\.\d{1,9})?Z?", ("iso8601",)),
    (rf"{_MONTH} [ \d]\d {_CLOCK}", ("date", "%b %d %H:%M:%S")),
    (r"@[0-9a-f]{24}", ("date",)),
    (r"1\d{9}(?:\.\d{1,9}|\d{3}|\d{6})?(?=[ \t\]|:])", ("epoch",)),
)
"""Patterns of times in lines that no parser can parse, and the timestamp formats to try for each."""
_LEVELS = r"(?P<level>(?i:trace|debug|info|notice|warn|warning|error|err|critical|crit|fatal|severe))"
_LEVEL = rf"[\[(<]? *{_LEVELS}\b(?: *[\])>|])?:?"
_LATER_LEVELS = (
    (
        r"(?P<context>[^\n]{1,100}?)[ \t\[(<|]+"
        r"(?P<level>(?i:trace|debug|info|notice|warn|warning|error|err|critical|crit|fatal|severe|inf|wrn))"
        r" *(?:[\])>|] ?:?|:)[ \t]*"
    ),
    (
        r"(?P<context>[^\n]{1,100}?)[ \t]+"
        r"(?P<level>TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL|SEVERE)[ \t]+"
    ),
)
"""A level after other text: in brackets or before a colon or bar, or a word in upper case."""
_AFTER_TIME = r"\]?+[ \t]*+(?:[|,:;-](?: +|(?=[A-Za-z\[(<])))?+"
_HEADS = (
    rf"\[?(?P<time>{{0}}){_AFTER_TIME}",
    rf"{_LEVEL}[ \t]+[\[(]?(?P<time>{{0}}){_AFTER_TIME}",
    r"(?P<head>[^\n]{1,120}?)[\[( ](?P<time>{0})[\])]?[ \t]*",
)
"""How lines begin: with the time, with the level and the time, or with other text before the time."""
_COLUMN_NAME = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*")
_W3C_FIELDS = re.compile(rb"^#Fields:[ \t]*([^\r\n]+)", re.MULTILINE)
_ZEEK_FIELDS = re.compile(rb"^#fields\t([\w.]+(?:\t[\w.]+)+)\r?$", re.MULTILINE)


class Proposal(msgspec.Struct, frozen=True):
    """Proposed settings of a pipeline, and the results of its parsers on the sample."""

    pipeline: dict[str, Any]
    confidence: float
    """Share of the events that are parsed: 0 to 1."""

    parser: str = "plain"
    """Name of the first parser."""

    times: float = 0.0
    """Share of the parsed events that have a plausible time."""

    levels: float = 0.0
    """Share of the parsed events that have a level."""

    fields: int = 0
    """Number of different fields."""

    notes: tuple[str, ...] = ()
    """Sentences about ignored parts of the lines, and advice."""

    def summary(self) -> str:
        """Return one line: `nginx: 100 % read, time 100 %, level –, 11 fields`."""
        if not self.confidence:
            return "plain: no parser reads this log"
        level = f"{self.levels:.0%}" if self.levels else "–"
        return (
            f"{self.parser}: {self.confidence:.0%} read, time {self.times:.0%}, level {level}, {self.fields} fields"
        )


class _Try(msgspec.Struct, frozen=True):
    """A parser, with a multiline preset and timestamp settings, and its result on the sample."""

    parser: Any
    preset: Multiline
    records: RecordBatch
    rows: Sequence[dict[str, Any]]
    """Values of each parsed event, by field path."""

    times: int
    """Number of events with a plausible time."""

    timestamp: dict[str, Any] | None = None

    @property
    def share(self) -> float:
        return len(self.rows) / self.records.lines.count if self.records.lines.count else 0.0

    @property
    def levels(self) -> int:
        return sum(any(name in row for name in _LEVEL_FIELDS) for row in self.rows)

    @property
    def names(self) -> set[str]:
        return {name for row in self.rows for name in row}

    @property
    def worth(self) -> float:
        """Return the average score of an event."""
        count = self.records.lines.count
        fields = sum(
            min(sum(not name.startswith("column_") for name in row), _MAX_COUNTED_FIELDS) for row in self.rows
        )
        total = len(self.rows) + _TIME_WORTH * self.times + _LEVEL_WORTH * self.levels + _FIELD_WORTH * fields
        return total / count if count else 0.0


def propose(data: bytes, clock: Clock, multiline: Multiline = None) -> Proposal:
    """Return the proposed settings for a log that begins with this sample.

    `data`: one or more whole lines in UTF-8, or in UTF-16 with a byte order mark. `multiline`: how lines are joined,
    if that is known.
    """
    if from_bom(data) != UTF_8:
        proposal = propose(data.decode("utf-16", "replace").encode(), clock, multiline)
        return msgspec.structs.replace(proposal, pipeline={"encoding": "utf-16", **proposal.pipeline})
    best = _best(data, clock, multiline)
    if best is None:
        return Proposal(_unread(data, multiline), 0.0, notes=(_ADVICE,))
    pipeline: dict[str, Any] = {}
    inner, content_preset = _unwrap(best, clock)
    preset = content_preset or best.preset or _expected_preset(best, data)
    if preset and JOINING.get(_name(best.parser)) != preset:
        pipeline["multiline"] = preset
    others, unread = _others(best, clock)
    parsers = [inner, *others, *(["plain"] if unread else [])]
    pipeline["parser"] = parsers[0] if len(parsers) == 1 else parsers
    if best.timestamp:
        pipeline["timestamp"] = best.timestamp
    count, read = best.records.lines.count, max(1, len(best.rows))
    return Proposal(
        pipeline, 1 - unread / count, _name(best.parser), best.times / read, best.levels / read, len(best.names),
        tuple(_notes(best)),
    )  # fmt: skip


_ADVICE = (
    "write a `regex`, `grok` or `dissect` parser for this log, "
    "and try it with `sidecar explain FILE --config sidecar.yaml`"
)


def _notes(best: _Try) -> Iterator[str]:
    if best.times < len(best.rows):
        without = len(best.rows) - best.times
        events = (
            "no event has a" if not best.times else "1 event has no" if without == 1 else f"{without} events have no"
        )
        yield f"{events} recognized time: the time of reading is used"
    zones = sorted(
        {
            msgspec.json.decode(note[UNKNOWN_ZONE], type=str)
            for note in best.records.annotations.values()
            if UNKNOWN_ZONE in note
        }
    )
    if zones:
        yield f"unknown zones {', '.join(zones)} are read as UTC: set timestamp.zones"
    if any("head" in row for row in best.rows):
        yield "the text before the time becomes the field `head`: extend the pattern to split it into named fields"
    if best.timestamp and "formats" in best.timestamp and len(best.timestamp["formats"]) > 1:
        yield "the dates may have day and month in either order: keep one of the formats"


def fits(pipeline: Mapping[str, Any], data: bytes, clock: Clock) -> bool:
    """Return whether an earlier proposal has a single parser, not `plain`, that parses all events of this sample."""
    parser = pipeline["parser"]
    return not isinstance(parser, list) and parser != "plain" and _reads_all(_try_again(pipeline, data, clock))


def surely_fits(pipeline: Mapping[str, Any], data: bytes, clock: Clock) -> bool:
    """Return whether a pipeline that was proposed for another file parses all events and finds a time in each.

    Return False for several parsers, a pattern, CSV and `logfmt`, because these may fit by chance.
    """
    parser = pipeline["parser"]
    if isinstance(parser, list) or _name(parser) not in PARSERS or parser == "logfmt":
        return False
    tried = _try_again(pipeline, data, clock)
    return _reads_all(tried) and tried.times == len(tried.rows)


def _reads_all(tried: _Try) -> bool:
    return tried.share == 1 and _is_meant(tried, tried.records.lines.count)


def _try_again(pipeline: Mapping[str, Any], data: bytes, clock: Clock) -> _Try:
    """Return the result of the parser of a proposal on another sample."""
    parser = pipeline["parser"]
    preset = pipeline.get("multiline")
    lines = _lines(data, preset, _name(parser))
    return _try(parser, preset, lines, clock, pipeline.get("timestamp"))


def _expected_preset(best: _Try, data: bytes) -> Multiline:
    """Return the preset for multiline events that the programs of this parser may write later.

    Return None if it would divide this sample into different events.
    """
    preset = _TRACES.get(_name(best.parser))
    return preset if preset and _lines(data, preset).count == best.records.lines.count else None


def _unread(data: bytes, multiline: Multiline) -> dict[str, Any]:
    """Return a pipeline for a file that no parser can parse: `plain`, and the preset that joins most lines."""
    joined = {preset: lines.count for preset, lines in _groupings(data, multiline) if isinstance(preset, str)}
    return {"parser": "plain", **({"multiline": min(joined, key=lambda name: joined[name])} if joined else {})}


def _name(parser: Any) -> str:
    return str(parser["type"] if isinstance(parser, dict) else parser)


def _best(data: bytes, clock: Clock, multiline: Multiline = None) -> _Try | None:
    """Return the try with the best score, of several the first. Stop as soon as all events and times are read."""
    best: _Try | None = None
    groupings = list(_groupings(data, multiline))
    for preset, lines in groupings:
        best = _best_exact(best, preset, lines, data, clock)
        if best is not None and best.share == 1 and best.times == len(best.rows):
            return best
    # Lines are joined to the line with a time only if they have no other known format.
    is_open = multiline is None and (best is None or _others(best, clock)[1])
    at_times = _joining_at_times(groupings[0][1]) if is_open else None
    if at_times is not None and len(groupings) == 1 + (groupings[-1][0] == "indent"):
        groupings.append((at_times, _lines(data, at_times)))
        best = _best_exact(best, *groupings[-1], data, clock)
    if best is None or not _has_times(best):
        for preset, lines in groupings:
            best = _best_dated(best, preset, lines, clock)
    return best


def _best_exact(best: _Try | None, preset: Multiline, lines: LineBatch, data: bytes, clock: Clock) -> _Try | None:
    """Return the best of `best` and the tries with parsers of known formats. A container log format that fits most
    lines always wins.
    """
    for parser in (*PARSERS, *_csv(lines), *_w3c(data)):
        own = JOINING.get(_name(parser))
        if own is not None and preset is not None:
            continue
        tried = _try(parser, own or preset, lines if own is None else _lines(data, own), clock)
        best = _better(best, tried, lines.count)
        if _name(parser) in CONTAINER_FORMATS and tried.share > _MAJORITY:
            return tried
    return best


def _has_times(tried: _Try) -> bool:
    """Return whether enough events have a time, so that no pattern for times must be tried.

    A W3C log (`grok`) is always accepted, because its directives have no time.
    """
    return tried.times >= _MIN_DATED_SHARE * tried.records.lines.count or _name(tried.parser) == "grok"


def _better(best: _Try | None, tried: _Try, count: int) -> _Try | None:
    if not _is_meant(tried, count):
        return best
    return tried if best is None or tried.worth > best.worth + 1e-9 else best


def _best_dated(best: _Try | None, preset: Multiline, lines: LineBatch, clock: Clock) -> _Try | None:
    """Return the best of `best` and the patterns for lines with a time in a common format."""
    for head in _HEADS:
        for shape, formats in _SHAPES:
            found = re.compile(rf"\[?{shape}").match if head == _HEADS[0] else re.compile(shape).search
            if not any(map(found, lines.texts)):
                continue
            for tried in _try_shape(head, shape, formats, preset, lines, clock):
                if tried.times >= _MIN_DATED_SHARE * lines.count:
                    best = _better(best, tried, lines.count)
        if best is not None and _has_times(best) and best.preset == preset:
            break
    return best


def _count_starts(shape: str, lines: LineBatch) -> int:
    """Return how many lines begin with a time that matches this pattern."""
    start = re.compile(rf"\[?{shape}")
    return sum(start.match(text) is not None for text in lines.texts)


def _joining_at_times(lines: LineBatch) -> Multiline:
    """Return the multiline rule for events that begin with a time, or None if no pattern of times fits the lines."""
    for shape, _ in _SHAPES:
        count = _count_starts(shape, lines)
        if count == lines.count:
            return None
        if count >= _MIN_DATED_SHARE * lines.count and not any(
            text.startswith(("{", "#Fields:")) for text in lines.texts
        ):
            return {"start": r"^\[?" + shape.partition(_CLOCK)[0].rstrip(" ")}
    return None


def _try_shape(
    head: str, shape: str, formats: Sequence[str], preset: Multiline, lines: LineBatch, clock: Clock
) -> Iterator[_Try]:
    flags = "(?s)" if preset else ""
    text = head.replace("{0}", shape)
    levels = (f"(?:{_LEVEL}(?:[ \t]+|(?<=[\\])>|:]))(?!$))?", *_LATER_LEVELS) if "<level>" not in text else ("",)
    for level in levels:
        parser = {"type": "regex", "pattern": f"{flags}{text}{level}(?P<message>.*)"}
        tried = _try(parser, preset, lines, clock)
        if level in _LATER_LEVELS:
            if len(tried.rows) < lines.count:
                continue
            # A later line may have no level.
            parser = {"type": "regex", "pattern": f"{flags}{text}(?:{level})?(?P<message>.*)"}
        values = [row["time"] for row in tried.rows if "time" in row]
        hits = {name: _hits(values, name, clock) for name in formats}
        most = max(hits.values())
        if not most:
            return
        read = [name for name in formats if hits[name] == most]
        if level and not any("level" in row for row in tried.rows):
            parser = {"type": "regex", "pattern": f"{flags}{text}(?P<message>.*)"}
        known = set(read) & _DEFAULT_FORMATS
        timestamp = {"field": "time", **({} if known else {"formats": read})}
        yield _try(parser, preset, lines, clock, timestamp)


def _is_meant(tried: _Try, count: int) -> bool:
    """Return whether a parser parses more events than it would by chance."""
    if tried.parser == "logfmt":
        pairs = 2 * sum(len(row) > 1 for row in tried.rows)
        return len(tried.rows) >= max(1, _MIN_LOGFMT_SHARE * count) and pairs >= len(tried.rows)
    if tried.parser == "syslog" and not _has_sign_of_syslog(tried):
        return False
    if _name(tried.parser) == "csv" and tried.parser["columns"][0] == "column_1" and not tried.times:
        return False
    return len(tried.rows) >= max(1, _MIN_SHARE * count)


def _has_sign_of_syslog(tried: _Try) -> bool:
    """Return whether a line has a part that is typical of syslog: a priority, a process id, or a host or program
    after a time without a year.
    """
    if any(text[:1].isalpha() for text in tried.records.lines.texts):
        return any(name.startswith("log.syslog.") for name in tried.names)
    return bool(tried.names & {"log.syslog.priority", "log.syslog.procid", "log.syslog.msgid"})


def _groupings(data: bytes, multiline: Multiline) -> Iterator[tuple[Multiline, LineBatch]]:
    """Yield the lines as `multiline` joins them. Without it, yield them unjoined, then as each likely preset joins
    them: first the preset whose typical lines are most frequent in the data.
    """
    if multiline is not None:
        yield multiline, _lines(data, multiline)
        return
    single = _lines(data, None)
    yield None, single
    signs = {name: len(re.findall(sign, data, re.MULTILINE)) for name, sign in LANGUAGE_PATTERNS.items()}
    likely = sorted((name for name in signs if signs[name]), key=lambda name: -signs[name])
    blocks = [{"start": start} for start in _BLOCK_STARTS if re.search(start.encode(), data, re.MULTILINE)]
    printed = [_PRINTED_JSON_MULTILINE] if _PRINTED_JSON.search(data) else []
    presets: list[Multiline] = [*likely, "indent", *blocks, *printed]
    for preset in presets:
        joined = _lines(data, preset)
        if joined.count < single.count:
            yield preset, joined


def _lines(data: bytes, preset: Multiline, parser: str = "") -> LineBatch:
    """Return the events of a sample. If `parser` reads container logs, lines are joined by stream."""
    chunk = Chunk(Generation(0, "sample", "/sample.log", 0.0), 0, data, len(data))
    preset = preset or JOINING.get(parser)
    if preset is not None:
        container = parser if parser in CONTAINER_FORMATS else None
        chunk = chunk.divide(
            detected_multiline(preset).make_grouper(_LONGEST_EVENT, container).split_events(data, closed=True)
        )
    return strip_colors(Framer().frame(chunk))


def _try(
    parser: Any, preset: Multiline, lines: LineBatch, clock: Clock, timestamp: dict[str, Any] | None = None
) -> _Try:
    """Try a parser on the sample. Without `timestamp`, search for the timestamp field."""
    wanted = detected_parser(parser)
    created = registry.create_parser((wanted,), TimestampSettings(**timestamp or {}), frozenset(), clock)
    records = created.parse(lines)
    read = [index for index in range(len(records.starts)) if index not in records.errors]
    rows = [flatten(f"{{{records.bodies[index]}}}") for index in read]
    times = sum(1 for index in read if _is_plausible(records.times[index], clock))
    if timestamp is None and 2 * times <= len(read):
        timestamp, found = _find_time(_name(parser), rows, clock)
        times = max(times, found)
    return _Try(parser, preset, records, rows, times, timestamp)


def _others(first: _Try, clock: Clock) -> tuple[list[str], int]:
    """Return the parsers for the events that the first one cannot parse, and how many events no parser can parse."""
    names: list[str] = []
    count, records = first.records.lines.count, first.records
    while records.errors and len(names) < _MAX_PARSERS - 1:
        rest = records.lines.select(sorted(records.errors))
        tries = [_try(name, first.preset, rest, clock) for name in PARSERS if name not in JOINING]
        enough = [tried for tried in tries if _is_meant(tried, count)]
        if not enough:
            break
        best = max(enough, key=lambda tried: (len(tried.rows), tried.worth))
        names.append(str(best.parser))
        records = best.records
    return names, len(records.errors)


def _unwrap(best: _Try, clock: Clock) -> tuple[Any, Multiline]:
    """Return the parser. For a container log format, add the parser of the messages if it can parse most of them, and
    return the preset that joins the messages.
    """
    if _name(best.parser) not in CONTAINER_FORMATS:
        return best.parser, None
    by_stream = sorted(best.rows, key=lambda row: str(row.get("stream")))
    messages = [row.get("message") for row in by_stream]
    texts = [text.partition("\n")[0] for text in messages if isinstance(text, str) and text]
    inner = _best("".join(f"{text}\n" for text in texts).encode(errors="replace"), clock) if texts else None
    if inner is None or inner.share < _MAJORITY:
        return best.parser, None
    return {"type": best.parser, "content": inner.parser}, None if _name(inner.parser) in JOINING else inner.preset


def _csv(lines: LineBatch) -> list[dict[str, Any]]:
    """Return CSV settings if all lines have the same number of values. Columns are named by the first line, or
    numbered.
    """
    for delimiter in _DELIMITERS:
        try:
            rows = list(csv.reader(lines.texts, delimiter=delimiter, strict=True))
        except csv.Error:
            continue
        widths = set(map(len, rows))
        if any(value.startswith(" ") for row in rows for value in row):
            continue  # it is a sentence, in which a space follows the comma
        if len(widths) == 1 and (width := widths.pop()) > 2 and len(rows) > 1:
            names = rows[0]
            titled = len(set(names)) == width and all(
                re.fullmatch(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*", name) for name in names
            )
            columns = names if titled else [f"column_{number}" for number in range(1, width + 1)]
            separate = {} if delimiter == "," else {"delimiter": delimiter}
            return [{"type": "csv", "columns": columns, **separate}]
    return []


def _w3c(data: bytes) -> list[dict[str, Any]]:
    """Return a parser for the log of IIS, CloudFront or Zeek, with the names of its directive for the fields."""
    zeek = _ZEEK_FIELDS.search(data)
    if zeek is not None:
        return [{"type": "csv", "columns": zeek[1].decode().split("\t"), "delimiter": "\t"}]
    directive = _W3C_FIELDS.search(data)
    if directive is None:
        return []
    names = directive[1].decode(errors="replace").split()
    if names[:2] != ["date", "time"] or not all(re.fullmatch(r"[\w.()/-]+", name) for name in names):
        return []
    gap = r"\t" if b"\t" in data[directive.end() :] else " "
    parts = [rf"(?P<time>\d{{4}}-\d\d-\d\d{gap}\d\d:\d\d:\d\d)"]
    for name in names[2:]:
        parts.append(f"%{{INT:{name}:int}}" if name in ("sc-status", "s-port") else f"%{{NOTSPACE:{name}}}")
    return [{"type": "grok", "pattern": f"^{gap.join(parts)}$"}]


def _find_time(parser: str, rows: Sequence[dict[str, Any]], clock: Clock) -> tuple[dict[str, Any] | None, int]:
    """Return the settings for the first field with mostly plausible times, and how many events have such a time."""
    names = list(dict.fromkeys(path for row in rows for path in row))
    likely = [path for path in names if _TIME_NAMES.search(path.rpartition(".")[2]) or path.startswith("column_")]
    for path in likely if parser not in FORMATS else ():
        values = [row[path] for row in rows if isinstance(row.get(path), str | int | float)]
        if path.startswith("column_") and any(isinstance(value, str) and value.isdigit() for value in values):
            continue
        if formats := _find_formats(values, clock):
            known = formats[0] in _DEFAULT_FORMATS
            return {"field": path, **({} if known else {"formats": formats})}, _hits(values, formats[0], clock)
    return None, 0


def _find_formats(values: Sequence[Any], clock: Clock) -> list[str]:
    """Return the formats that read the most values as plausible times; none if that is not the majority.

    Several are returned if day and month may be in either order.
    """
    hits = {name: _hits(values, name, clock) for name in _FORMATS}
    most = max(hits.values())
    return [name for name in _FORMATS if hits[name] == most] if most > _MAJORITY * len(values) else []


def _hits(values: Sequence[Any], name: str, clock: Clock) -> int:
    """Return how many of the values this format reads as plausible times."""
    read = Timestamps((name,), "UTC", clock).read
    return sum(1 for value in values if _is_plausible(read(value), clock))


def _is_plausible(time: str, clock: Clock) -> bool:
    """Return whether a log line may plausibly have this time."""
    latest = str(datetime.fromtimestamp(clock.now() + _AHEAD_S, UTC).year)
    return _EARLIEST <= time[:4] <= latest
