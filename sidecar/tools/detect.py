"""Proposes how to read a file: the parser, the preset for events of several lines, and the field of the time.

Every parser that needs no options is tried on the first lines of the file, alone and with each preset of whose
language there is a sign; the one that reads the largest part of the events wins, and where several read as much, the
one that asks for most. What it cannot read is given to the others.
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
from sidecar.decode.presets import PRESETS
from sidecar.decode.settings import MultilineSettings
from sidecar.lib.charset import UTF_8, from_bom
from sidecar.lib.clock import Clock
from sidecar.model.file import Generation
from sidecar.model.lines import Chunk, LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse import registry
from sidecar.parse.settings import BUILT_IN, JOINING, TimestampSettings
from sidecar.parse.time.timestamps import Timestamps
from sidecar.tools.explain import flatten

_LEAST = 0.02
"""The part of the events that a parser has to read to be proposed, alone or together with others."""
_LEAST_PAIRS = 0.2
"""The same for logfmt, which is in many a sentence."""
_LEAST_DATED = 0.4
"""The part of the lines that has to begin with a time for a pattern to be proposed that says so."""
_MOST = 0.5
"""The part of what is in containers' files that a parser has to read to be proposed for all of it; and the part of
the values of a field that has to be a time."""
_SEVERAL = 4
"""No more parsers are proposed for one file, `plain` not counted."""
_EXACT = (
    "cri", "docker", "json", "nginx", "apache", "nginx_error", "apache_error", "klog", "mysql_slow", "postgresql",
    "mysql", "java_gc", "log4j", "python", "syslog", "logfmt",
)  # fmt: skip
"""Those without options, the ones that ask for most first."""
_OWN_PRESETS = frozenset(JOINING.values())
_SIGNS = {
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
"""A line that only programs in this language write where they write several for one event, by preset. None takes
longer than a line is long, whatever is in it."""
_PRINTED = re.compile(rb"^\{[ \t]*\r?$", re.MULTILINE)
_OVER_LINES = {"continuation": r"^[\s}]"}
"""Joins JSON objects that are printed over several lines, and leaves lines of text between them alone."""

Joining = str | dict[str, Any] | None
_NEED_OPTIONS = ("regex", "grok", "dissect", "csv", "plain")
_DELIMITERS = ",;\t|"
_LONGEST_EVENT = 1 << 20
_EARLIEST = "1990"
_AHEAD_S = 86400.0
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
"""Times with which lines begin in logs that no parser knows: the day, the rest, and their formats."""
_LEVELS = (
    r"(?:\[?(?P<level>(?i:trace|debug|info|notice|warn|warning|error|err|critical|crit|fatal|severe))\]?:?[ \t]+)?"
)


class Proposal(msgspec.Struct, frozen=True):
    """What a pipeline could say, and the part of the sample's events that it reads: 0 ≤ `confidence` ≤ 1."""

    pipeline: dict[str, Any]
    confidence: float


class _Try(msgspec.Struct, frozen=True):
    parser: Any
    preset: Joining
    records: RecordBatch

    @property
    def read(self) -> int:
        return self.records.lines.count - len(self.records.errors)

    @property
    def share(self) -> float:
        return self.read / self.records.lines.count if self.records.lines.count else 0.0


def propose(data: bytes, clock: Clock) -> Proposal:
    """What fits the whole lines of this sample, of which there is one at least; in UTF-8, or UTF-16 with its mark."""
    if from_bom(data) != UTF_8:
        found = propose(data.decode("utf-16", "replace").encode(), clock)
        return Proposal({"encoding": "utf-16", **found.pipeline}, found.confidence)
    return _propose_for(data, clock)


def _propose_for(data: bytes, clock: Clock) -> Proposal:
    found = _best(data, clock)
    if found is None:
        return _detect_times(data, clock) or Proposal(_unread(data), 0.0)
    pipeline: dict[str, Any] = {}
    if found.preset and JOINING.get(_name(found.parser)) != found.preset:
        pipeline["multiline"] = found.preset
    others, left = _others(found, clock)
    parsers = [_unwrap(found, clock), *others, *(["plain"] if left else [])]
    pipeline["parser"] = parsers[0] if len(parsers) == 1 else parsers
    if time := _time(found.records, clock):
        pipeline["timestamp"] = time
    return Proposal(pipeline, 1 - left / found.records.lines.count)


def _detect_times(data: bytes, clock: Clock) -> Proposal | None:
    """For a file whose lines begin with a time, followed by a custom form: the time, the level if there is one,
    and the rest.

    Where not every line does, the time is where an event begins, unless there are signs of a language.
    """
    for day, rest, formats in _DATES:
        time = rf"\[?(?P<time>{day}{rest})\]?[ \t]*"
        tried = _try_formats(_pattern(time + _LEVELS), None, _lines(data, None), clock)
        if tried.share < _LEAST_DATED:
            continue
        if tried.share < 1:
            preset: Joining = _unread(data).get("multiline", {"start": rf"^\[?{day}"})
            tried = _try_formats(_pattern(f"(?s){time}{_LEVELS}"), preset, _lines(data, preset), clock)
        rows = _rows(tried.records)
        values = [row["time"] for row in rows]
        read = [form for form in formats if _hits(values, form, clock)]
        if not read:
            continue
        several = "(?s)" if tried.preset else ""
        parser = _pattern(several + time + (_LEVELS if any("level" in row for row in rows) else ""))
        pipeline: dict[str, Any] = {"multiline": tried.preset} if tried.preset else {}
        pipeline["parser"] = [parser, "plain"] if tried.records.errors else parser
        pipeline["timestamp"] = {"field": "time", **({} if read == ["iso8601"] else {"formats": read})}
        return Proposal(pipeline, tried.share)
    return None


def _pattern(before: str) -> dict[str, str]:
    return {"type": "regex", "pattern": f"{before}(?P<message>.*)"}


def _unread(data: bytes) -> dict[str, Any]:
    """For a file that no parser reads: plain text, with what joins most lines."""
    joined = {preset: lines.count for preset, lines in _groupings(data) if isinstance(preset, str)}
    return {"parser": "plain", **({"multiline": min(joined, key=lambda name: joined[name])} if joined else {})}


def _name(parser: Any) -> str:
    return str(parser["type"] if isinstance(parser, dict) else parser)


def _best(data: bytes, clock: Clock) -> _Try | None:
    """The first one that reads most, with as few presets as do it."""
    best: _Try | None = None
    for preset, lines in _groupings(data):
        for parser in (*_EXACT, *_csv(lines)):
            own = JOINING.get(_name(parser))
            if own is not None and preset is not None:
                continue
            tried = _try_formats(parser, own or preset, lines if own is None else _lines(data, own), clock)
            if _is_meant(tried, lines.count) and (best is None or tried.share > best.share):
                best = tried
        if best is not None and best.share == 1:
            break
    return best


def _is_meant(tried: _Try, count: int) -> bool:
    """Return whether it reads more events than by chance; most lines of logfmt have several pairs."""
    if tried.parser != "logfmt":
        return tried.read >= max(1, _LEAST * count)
    rows = _rows(tried.records)
    return len(rows) >= max(1, _LEAST_PAIRS * count) and 2 * sum(len(row) > 1 for row in rows) >= len(rows)


def _groupings(data: bytes) -> Iterator[tuple[Joining, LineBatch]]:
    """The lines as they are, and as each joins them of which there is a sign, the one with most signs first."""
    single = _lines(data, None)
    yield None, single
    signs = {name: len(re.findall(sign, data, re.MULTILINE)) for name, sign in _SIGNS.items()}
    likely = sorted((name for name in signs if signs[name]), key=lambda name: -signs[name])
    presets: list[Joining] = [*likely, "indent", *([_OVER_LINES] if _PRINTED.search(data) else [])]
    for preset in presets:
        joined = _lines(data, preset)
        if joined.count < single.count:
            yield preset, joined


def _lines(data: bytes, preset: Joining) -> LineBatch:
    generation = Generation(0, "sample", "/sample.log", 0.0)
    if preset is None:
        return Framer().frame(Chunk(generation, 0, data, len(data)))
    wanted = MultilineSettings(preset=preset) if isinstance(preset, str) else MultilineSettings(**preset)
    found = wanted.make_grouper(_LONGEST_EVENT).split_events(data, closed=True)
    return Framer().frame(Chunk(generation, 0, data, len(data), event_starts=found.starts, split_events=found.split))


def _try_formats(parser: Any, preset: Joining, lines: LineBatch, clock: Clock) -> _Try:
    wanted = PipelineSettings(paths=("-",), parser=(parser,))
    made = registry.create_parser(wanted.parser, TimestampSettings(), frozenset(), clock)
    return _Try(parser, preset, made.parse(lines))


def _others(first: _Try, clock: Clock) -> tuple[list[str], int]:
    """The parsers of what the first one cannot read, the one that reads most of it first; and how much is left."""
    found: list[str] = []
    count, records = first.records.lines.count, first.records
    while records.errors and len(found) < _SEVERAL - 1:
        rest = records.lines.select(sorted(records.errors))
        tries = [_try_formats(name, first.preset, rest, clock) for name in _EXACT if name not in JOINING]
        enough = [tried for tried in tries if _is_meant(tried, count)]
        if not enough:
            break
        best = max(enough, key=lambda tried: tried.read)
        found.append(str(best.parser))
        records = best.records
    return found, len(records.errors)


def _unwrap(found: _Try, clock: Clock) -> Any:
    """The parser; one of containers' files with the one for what is in them, if most of that can be read."""
    if found.parser not in ("cri", "docker"):
        return found.parser
    messages = [flatten(f"{{{body}}}").get("message") for body in found.records.bodies]
    texts = [text.partition("\n")[0] for text in messages if isinstance(text, str) and text]
    inner = _best("".join(f"{text}\n" for text in texts).encode(errors="replace"), clock) if texts else None
    return {"type": found.parser, "content": inner.parser} if inner and inner.share >= _MOST else found.parser


def _csv(lines: LineBatch) -> list[dict[str, Any]]:
    """CSV with the columns that the first line names, or numbered ones, if all lines have as many values."""
    for delimiter in _DELIMITERS:
        try:
            rows = list(csv.reader(lines.texts, delimiter=delimiter, strict=True))
        except csv.Error:
            continue
        widths = set(map(len, rows))
        if any(value.startswith(" ") for row in rows for value in row):
            continue  # it is a sentence, in which a blank follows the comma
        if len(widths) == 1 and (width := widths.pop()) > 2 and len(rows) > 1:
            names = rows[0]
            titled = len(set(names)) == width and all(re.fullmatch(r"[A-Za-z_][\w-]*", name) for name in names)
            columns = names if titled else [f"column_{number}" for number in range(1, width + 1)]
            separate = {} if delimiter == "," else {"delimiter": delimiter}
            return [{"type": "csv", "columns": columns, **separate}]
    return []


def _time(records: RecordBatch, clock: Clock) -> dict[str, Any] | None:
    """Return the field of the time, if the parser has not found it by itself in most of the events it could read."""
    good = [index for index in range(len(records.starts)) if index not in records.errors]
    if sum(1 for index in good if records.times[index]) * 2 > len(good):
        return None
    rows = _rows(records)
    names = list(dict.fromkeys(path for row in rows for path in row))
    likely = [path for path in names if _TIME_NAMES.search(path.rpartition(".")[2])]
    for path in likely:
        values = [row[path] for row in rows if isinstance(row.get(path), str | int | float)]
        if form := _format(values, clock):
            known = form in ("iso8601", "epoch")
            return {"field": path, **({} if known else {"formats": [form]})}
    return None


def _rows(records: RecordBatch) -> list[dict[str, Any]]:
    """The values by path of each record that could be read."""
    bodies = [body for index, body in enumerate(records.bodies) if index not in records.errors]
    return [flatten(f"{{{body}}}") for body in bodies]


def _format(values: Sequence[Any], clock: Clock) -> str | None:
    """The first format that reads most of the values as times that a log may have, if that is the larger part."""
    hits = {form: _hits(values, form, clock) for form in _FORMATS}
    best = max(hits, key=lambda form: hits[form])
    return best if hits[best] > _MOST * len(values) else None


def _hits(values: Sequence[Any], form: str, clock: Clock) -> int:
    """How many of the values this format reads as times that a log may have."""
    latest = str(datetime.fromtimestamp(clock.now() + _AHEAD_S, UTC).year)
    read = Timestamps((form,), "UTC", clock).read
    return sum(1 for value in values if _EARLIEST <= read(value)[:4] <= latest)


def untried() -> frozenset[str]:
    """The parsers and presets that detection knows nothing of; none, as a test sees to."""
    return (frozenset(BUILT_IN) - {*_EXACT, *_NEED_OPTIONS}) | (
        frozenset(PRESETS) - {*_SIGNS, *_OWN_PRESETS, "indent"}
    )
