"""Proposes settings for a file: the parser, the preset for multiline events, and the field with the timestamp.

Every parser that needs no options is tried on the first lines of the file, alone and with the preset of each language
whose typical lines occur. The parser that parses most events wins; among equals, the one with the strictest format.
The events that it cannot parse are tried with the other parsers.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from sidecar.config.pipeline import PipelineSettings
from sidecar.decode.framing import Framer
from sidecar.decode.settings import MultilineSettings
from sidecar.lib.charset import UTF_8, from_bom
from sidecar.lib.clock import Clock
from sidecar.model.file import Generation
from sidecar.model.lines import Chunk, LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse import registry
from sidecar.parse.settings import JOINING, TimestampSettings
from sidecar.parse.time.timestamps import Timestamps
from sidecar.tools.explain import flatten

_MIN_SHARE = 0.02
"""A parser is proposed only if it parses at least this share of the events."""
_MIN_LOGFMT_SHARE = 0.2
"""The minimum share for logfmt. It is higher because a `key=value` pair also occurs in ordinary sentences."""
_MIN_TIMED_SHARE = 0.4
"""A pattern that begins with a timestamp is proposed only if it matches at least this share of the lines."""
_MAJORITY = 0.5
"""Minimum share of the messages in a container log that their parser must parse, and share of the values of a field
that must be timestamps, to be proposed."""
_MAX_PARSERS = 4
"""Maximum number of parsers that are proposed for one file, without `plain`."""
PARSERS = (
    "cri", "docker", "json", "nginx", "apache", "nginx_error", "apache_error", "klog", "mysql_slow", "postgresql",
    "mysql", "java_gc", "log4j", "python", "syslog", "logfmt",
)  # fmt: skip
"""Parsers that need no options, in the order in which they are tried: the strictest format first."""
LANGUAGE_PATTERNS = {
    "java": rb"^[ \t]+at [\w$.<>/@]+\((?:[\w$]+\.(?:java|kt|scala|groovy):\d+|Native Method|Unknown Source)\)",
    "python": rb"^[ +|]*(?:Exception Group )?Traceback \(most recent call last\):\r?$",
    "go": rb"^goroutine \d+ \[|^panic: |^fatal error: ",
    "ruby": rb"^[ \t]*(?:from )?[^ \n:]+\.rb:\d+:in ",
    "node": rb"^[ \t]+at [^\n]*:\d+:\d+\)?\r?$",
    "dotnet": rb"^[ \t]+at [\w.`<>+\[\],]+\([^)\n]*\)(?: in [^\n]+:line \d+)?\r?$|^[ \t]*--- End of inner exception",
    "php": rb"^#\d+ (?:[^\n]*\.php\(\d+\)|\{main\}|\[internal function\])|PHP Stack trace:\r?$",
    "rust": rb"^thread '[^'\n]*' [^\n]*panicked at |^note: run with `RUST_BACKTRACE",
    "postgresql": rb"(?:DETAIL|HINT|QUERY|CONTEXT|LOCATION|STATEMENT):  ",
}
"""By preset: a pattern for lines that only programs of this language write, as part of a multiline event. The time of
each match is linear in the length of the line, whatever it contains."""
_PRINTED_JSON = re.compile(rb"^\{[ \t]*\r?$", re.MULTILINE)
_PRINTED_JSON_MULTILINE = {"continuation": r"^[\s}]"}
"""Joins the lines of pretty-printed JSON objects, but not the lines of text between them."""

Multiline = str | dict[str, Any] | None
"""The setting `multiline` of a pipeline: a preset, options, or None."""

_DELIMITERS = ",;\t|"
_MAX_EVENT_BYTES = 1 << 20
_MIN_YEAR = "1990"
_MAX_AHEAD_S = 86400.0
_TIME_NAMES = re.compile(r"time|date|stamp|_at$|^@?(?:ts|t|at|when)$", re.IGNORECASE)
_FORMATS = (
    "iso8601", "epoch", "common_log", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M:%S.%f", "%d.%m.%Y %H:%M:%S",
    "%a, %d %b %Y %H:%M:%S %z", "%a %b %d %H:%M:%S %Y", "%b %d %H:%M:%S", "%d %b %Y %H:%M:%S", "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p",
)  # fmt: skip

_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_DATES = (
    (r"\d{4}-\d\d-\d\d", rf"[T ]{_CLOCK}(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?", ("iso8601",)),
    (r"\d{4}/\d\d/\d\d", f" {_CLOCK}", ("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M:%S.%f")),
    (r"\d\d-[A-Z][a-z]{2}-\d{4}", f" {_CLOCK}", ("%d-%b-%Y %H:%M:%S", "%d-%b-%Y %H:%M:%S.%f")),
    (r"\d\d [A-Z][a-z]{2} \d{4}", f" {_CLOCK}", ("%d %b %Y %H:%M:%S", "%d %b %Y %H:%M:%S.%f")),
)
"""Timestamps at the beginning of lines that no parser can parse: patterns of date and time, and their formats."""
_LEVELS = (
    r"(?:\[?(?P<level>(?i:trace|debug|info|notice|warn|warning|error|err|critical|crit|fatal|severe))\]?:?[ \t]+)?"
)


class Proposal(msgspec.Struct, frozen=True):
    """Proposed settings of a pipeline."""

    pipeline: dict[str, Any]
    confidence: float
    """Share of the events in the sample that its parsers can parse, from 0 to 1."""


class _Try(msgspec.Struct, frozen=True):
    parser: Any
    preset: Multiline
    records: RecordBatch

    @property
    def read(self) -> int:
        return self.records.lines.count - len(self.records.errors)

    @property
    def share(self) -> float:
        return self.read / self.records.lines.count if self.records.lines.count else 0.0


def propose(data: bytes, clock: Clock) -> Proposal:
    """Return settings that fit this sample, which has at least one complete line, in UTF-8 or UTF-16 with a BOM."""
    if from_bom(data) != UTF_8:
        proposal = propose(data.decode("utf-16", "replace").encode(), clock)
        return Proposal({"encoding": "utf-16", **proposal.pipeline}, proposal.confidence)
    return _propose_for(data, clock)


def _propose_for(data: bytes, clock: Clock) -> Proposal:
    best = _find_best(data, clock)
    if best is None:
        return _propose_pattern(data, clock) or Proposal(_propose_plain(data), 0.0)
    pipeline: dict[str, Any] = {}
    if best.preset and JOINING.get(_name(best.parser)) != best.preset:
        pipeline["multiline"] = best.preset
    others, unparsed = _find_other_parsers(best, clock)
    parsers = [_parser_with_content(best, clock), *others, *(["plain"] if unparsed else [])]
    pipeline["parser"] = parsers[0] if len(parsers) == 1 else parsers
    if time := _detect_time_field(best.records, clock):
        pipeline["timestamp"] = time
    return Proposal(pipeline, 1 - unparsed / best.records.lines.count)


def _propose_pattern(data: bytes, clock: Clock) -> Proposal | None:
    """Return a `regex` parser for a file whose lines begin with a timestamp, followed by a level (optional) and text.

    If some lines have no timestamp, an event begins at each timestamp, unless typical lines of a language occur.
    """
    for day, rest, formats in _DATES:
        time = rf"\[?(?P<time>{day}{rest})\]?[ \t]*"
        tried = _try_parser(_regex_parser(time + _LEVELS), None, _frame(data, None), clock)
        if tried.share < _MIN_TIMED_SHARE:
            continue
        if tried.share < 1:
            preset: Multiline = _propose_plain(data).get("multiline", {"start": rf"^\[?{day}"})
            tried = _try_parser(_regex_parser(f"(?s){time}{_LEVELS}"), preset, _frame(data, preset), clock)
        rows = _rows(tried.records)
        values = [row["time"] for row in rows]
        read = [form for form in formats if _count_times(values, form, clock)]
        if not read:
            continue
        several = "(?s)" if tried.preset else ""
        parser = _regex_parser(several + time + (_LEVELS if any("level" in row for row in rows) else ""))
        pipeline: dict[str, Any] = {"multiline": tried.preset} if tried.preset else {}
        pipeline["parser"] = [parser, "plain"] if tried.records.errors else parser
        pipeline["timestamp"] = {"field": "time", **({} if read == ["iso8601"] else {"formats": read})}
        return Proposal(pipeline, tried.share)
    return None


def _regex_parser(before: str) -> dict[str, str]:
    return {"type": "regex", "pattern": f"{before}(?P<message>.*)"}


def _propose_plain(data: bytes) -> dict[str, Any]:
    """Return `plain` for a file that no parser can parse, with the preset that joins most lines."""
    counts = {preset: lines.count for preset, lines in _groupings(data) if isinstance(preset, str)}
    return {"parser": "plain", **({"multiline": min(counts, key=lambda name: counts[name])} if counts else {})}


def _name(parser: Any) -> str:
    return str(parser["type"] if isinstance(parser, dict) else parser)


def _find_best(data: bytes, clock: Clock) -> _Try | None:
    """Return the first attempt that parses the largest share of the events; without a preset if that is enough."""
    best: _Try | None = None
    for preset, lines in _groupings(data):
        for parser in (*PARSERS, *_csv_candidates(lines)):
            implied = JOINING.get(_name(parser))
            if implied is not None and preset is not None:
                continue
            tried = _try_parser(parser, implied or preset, lines if implied is None else _frame(data, implied), clock)
            if _reads_enough(tried, lines.count) and (best is None or tried.share > best.share):
                best = tried
        if best is not None and best.share == 1:
            break
    return best


def _reads_enough(tried: _Try, count: int) -> bool:
    """Return whether it parses more events than by chance; in logfmt most lines must have several pairs."""
    if tried.parser != "logfmt":
        return tried.read >= max(1, _MIN_SHARE * count)
    rows = _rows(tried.records)
    return len(rows) >= max(1, _MIN_LOGFMT_SHARE * count) and 2 * sum(len(row) > 1 for row in rows) >= len(rows)


def _groupings(data: bytes) -> Iterator[tuple[Multiline, LineBatch]]:
    """Yield the single lines, then the events of each preset whose typical lines occur, the most frequent first."""
    single = _frame(data, None)
    yield None, single
    counts = {name: len(re.findall(line, data, re.MULTILINE)) for name, line in LANGUAGE_PATTERNS.items()}
    likely = sorted((name for name in counts if counts[name]), key=lambda name: -counts[name])
    presets: list[Multiline] = [*likely, "indent", *([_PRINTED_JSON_MULTILINE] if _PRINTED_JSON.search(data) else [])]
    for preset in presets:
        joined = _frame(data, preset)
        if joined.count < single.count:
            yield preset, joined


def _frame(data: bytes, preset: Multiline) -> LineBatch:
    generation = Generation(0, "sample", "/sample.log", 0.0)
    if preset is None:
        return Framer().frame(Chunk(generation, 0, data, len(data)))
    settings = MultilineSettings(preset=preset) if isinstance(preset, str) else MultilineSettings(**preset)
    events = settings.make_grouper(_MAX_EVENT_BYTES).split_events(data, closed=True)
    return Framer().frame(
        Chunk(generation, 0, data, len(data), event_starts=events.starts, split_events=events.split)
    )


def _try_parser(parser: Any, preset: Multiline, lines: LineBatch, clock: Clock) -> _Try:
    settings = PipelineSettings(paths=("-",), parser=(parser,))
    instance = registry.create_parser(settings.parser, TimestampSettings(), frozenset(), clock)
    return _Try(parser, preset, instance.parse(lines))


def _find_other_parsers(first: _Try, clock: Clock) -> tuple[list[str], int]:
    """Return parsers for the events that the first one cannot parse, and how many events none of them can parse."""
    parsers: list[str] = []
    count, records = first.records.lines.count, first.records
    while records.errors and len(parsers) < _MAX_PARSERS - 1:
        unparsed = records.lines.select(sorted(records.errors))
        tries = [_try_parser(name, first.preset, unparsed, clock) for name in PARSERS if name not in JOINING]
        enough = [tried for tried in tries if _reads_enough(tried, count)]
        if not enough:
            break
        best = max(enough, key=lambda tried: tried.read)
        parsers.append(str(best.parser))
        records = best.records
    return parsers, len(records.errors)


def _parser_with_content(best: _Try, clock: Clock) -> Any:
    """Return the parser; that of a container log with a parser for its messages, if that parses most of them."""
    if best.parser not in ("cri", "docker"):
        return best.parser
    messages = [flatten(f"{{{body}}}").get("message") for body in best.records.bodies]
    texts = [text.partition("\n")[0] for text in messages if isinstance(text, str) and text]
    inner = _find_best("".join(f"{text}\n" for text in texts).encode(errors="replace"), clock) if texts else None
    return {"type": best.parser, "content": inner.parser} if inner and inner.share >= _MAJORITY else best.parser


def _csv_candidates(lines: LineBatch) -> list[dict[str, Any]]:
    """Return CSV, if all lines have the same number of values; the first line names the columns if it can."""
    for delimiter in _DELIMITERS:
        try:
            rows = list(csv.reader(lines.texts, delimiter=delimiter, strict=True))
        except csv.Error:
            continue
        widths = set(map(len, rows))
        if any(value.startswith(" ") for row in rows for value in row):
            continue  # a sentence: a space follows the comma
        if len(widths) == 1 and (width := widths.pop()) > 2 and len(rows) > 1:
            names = rows[0]
            titled = len(set(names)) == width and all(re.fullmatch(r"[A-Za-z_][\w-]*", name) for name in names)
            columns = names if titled else [f"column_{number}" for number in range(1, width + 1)]
            separate = {} if delimiter == "," else {"delimiter": delimiter}
            return [{"type": "csv", "columns": columns, **separate}]
    return []


def _detect_time_field(records: RecordBatch, clock: Clock) -> dict[str, Any] | None:
    """Return the field with the timestamp, or None if the parser finds it by itself in most of the events."""
    good = [index for index in range(len(records.starts)) if index not in records.errors]
    if sum(1 for index in good if records.times[index]) * 2 > len(good):
        return None
    rows = _rows(records)
    names = list(dict.fromkeys(path for row in rows for path in row))
    likely = [path for path in names if _TIME_NAMES.search(path.rpartition(".")[2])]
    for path in likely:
        values = [row[path] for row in rows if isinstance(row.get(path), str | int | float)]
        if form := _detect_format(values, clock):
            known = form in ("iso8601", "epoch")
            return {"field": path, **({} if known else {"formats": [form]})}
    return None


def _rows(records: RecordBatch) -> list[dict[str, Any]]:
    """Return the values by path of each parsed record."""
    bodies = [body for index, body in enumerate(records.bodies) if index not in records.errors]
    return [flatten(f"{{{body}}}") for body in bodies]


def _detect_format(values: Sequence[Any], clock: Clock) -> str | None:
    """Return the format that reads most of the values as plausible timestamps; None if it reads less than half."""
    hits = {form: _count_times(values, form, clock) for form in _FORMATS}
    best = max(hits, key=lambda form: hits[form])
    return best if hits[best] > _MAJORITY * len(values) else None


def _count_times(values: Sequence[Any], form: str, clock: Clock) -> int:
    """Return how many of the values this format reads as timestamps from 1990 until tomorrow."""
    latest = str(datetime.fromtimestamp(clock.now() + _MAX_AHEAD_S, UTC).year)
    read = Timestamps((form,), "UTC", clock).read
    return sum(1 for value in values if _MIN_YEAR <= read(value)[:4] <= latest)
