"""Lines through each parser and the finisher: valid JSON on one line, nothing lost, nothing made up, ours right."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from msgspec.structs import replace

from sidecar.decode.framing import Framer
from sidecar.document.builder import DocumentBuilder
from sidecar.document.static_fields import StaticFields
from sidecar.model.documents import BulkFraming, Documents, SplicedDocuments
from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.model.reserved_fields import RESERVED_NAMES, SIDECAR_FIELDS
from sidecar.parse.access_log import apache, nginx
from sidecar.parse.chain import Parser, ParserChain
from sidecar.parse.container_messages import STREAM, MessageParser
from sidecar.parse.cri import CriParser
from sidecar.parse.csv import CsvParser
from sidecar.parse.dissect import Dissection, DissectParser
from sidecar.parse.docker import DockerParser
from sidecar.parse.format_parser import FormatParser, LogFormat
from sidecar.parse.formats import FORMATS
from sidecar.parse.grok import expand_pattern
from sidecar.parse.journald import parse_entry
from sidecar.parse.json import JsonParser
from sidecar.parse.logfmt import LogfmtParser
from sidecar.parse.plain import PlainTextParser
from sidecar.parse.plugin import PluginParser
from sidecar.parse.regex import RegexParser
from sidecar.parse.time.format_times import FormatTimes
from sidecar.parse.time.timestamps import Timestamps
from sidecar.parse.time.zones import Zones
from sidecar.parse.typed_fields import TypedFields
from sidecar.testing import ManualClock
from tests.chaos.fuzz.fuzzed_input import FuzzedInput
from tests.chaos.fuzz.json_leaves import Leaf, are_consistent, is_object, leaves, root_names
from tests.support.builders.records import GENERATION, chunk

NOW = "2026-11-23T01:00:00.000000Z"
_ADDED = {"service.name": "shop", "team": {"of": [1]}}
_PATTERN = r"(?P<time>[^ ]*) (?P<level>[A-Z]+)(?: (?P<message>.*))?"
_GROK = expand_pattern("%{NOTSPACE:time} %{WORD:log.level}(?: %{INT:log.offset:int})?", {})
_ACCESS = expand_pattern("%{COMBINEDAPACHELOG}", {})
_DISSECTION = Dissection.from_pattern("%{time} %{level->} %{log.offset} - %{+log.offset}")
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_FORMATS = ((), ("iso8601",), ("epoch_ms", "iso8601"), ("%d/%b/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%H:%M %z"))


@dataclass(frozen=True, slots=True)
class Setup:
    """A pipeline: its parser, made anew each time it is asked for, and its finisher."""

    name: str
    parser: Callable[[], Parser]
    finisher: DocumentBuilder
    added: Mapping[str, str]
    target: str | None = None

    def has_dotted_name_below_ours(self, lines: LineBatch) -> bool:
        """Whether JSON has a name such as `log.offset.x` at its root, which is not looked for at a stroke."""
        starts = tuple(f"{path}." for path in (*SIDECAR_FIELDS, *self.added))
        return any(name.startswith(starts) for line in lines.texts if is_object(line) for name in root_names(line))


def setup(fuzzed: FuzzedInput, wanted: str | None = None) -> Setup:
    """One of the pipelines that can be set up, or one with the parser that is `wanted`, a name of the registry."""
    added = StaticFields(_ADDED if fuzzed.below(2) else {})
    finisher = DocumentBuilder(ManualClock(), "web-1", [added.leaves])
    reserved = finisher.reserved_names()
    zone = fuzzed.one_of(("UTC", "Europe/Berlin"))
    times = Timestamps(fuzzed.one_of(_FORMATS), zone)
    field = fuzzed.one_of((None, "when", "log.at", "@timestamp"))
    target = fuzzed.one_of((None, None, "app", "log.app", "log.file"))
    form = fuzzed.one_of(tuple(FORMATS.values())) if wanted is None else FORMATS.get(wanted, FORMATS["mysql_slow"])
    grok = fuzzed.one_of((_GROK, _ACCESS))
    parsers: dict[str, Callable[[], Parser]] = {
        "json": lambda: JsonParser(times, reserved, field, target),
        "plain": PlainTextParser,
        "nginx": lambda: nginx(Zones()),
        "apache": lambda: apache(Zones()),
        "regex": lambda: RegexParser(_PATTERN, TypedFields({}, times, field)),
        "grok": lambda: RegexParser(
            grok.pattern,
            TypedFields(grok.kinds, times, field),
            grok.paths,
            anywhere=True,
            keeps_empty=False,
            layout=grok.layout,
        ),
        "dissect": lambda: DissectParser(_DISSECTION, "", TypedFields({"level": "ip"}, times, field)),
        "journald": lambda: PluginParser("journald", parse_entry, JsonParser(times, reserved)),
        "format": lambda: FormatParser(form, FormatTimes(form.to_iso, Zones(zone), ManualClock())),
        "csv": lambda: CsvParser(
            ("time", "level", "log.offset", "n"), ",", TypedFields({"n": "integer"}, times, field)
        ),
        "logfmt": lambda: LogfmtParser(TypedFields({"n": "float", "log": "ip"}, times, field)),
        "cri": lambda: CriParser(MessageParser()),
        "docker": lambda: DockerParser(MessageParser(JsonParser(times, reserved | {STREAM}, field, target))),
        "chain": lambda: ParserChain(
            [
                JsonParser(times, reserved, field, target),
                nginx(Zones()),
                RegexParser(_PATTERN, TypedFields({}, times)),
            ]
        ),
    }
    name = fuzzed.one_of(("json", *parsers)) if wanted is None else "format" if wanted in FORMATS else wanted
    return Setup(name, parsers[name], finisher, added.leaves(), target)


def written(fuzzed: FuzzedInput, wanted: str | None = None) -> bytes:
    """Some lines, as one application writes them, or as no application should."""
    kinds: tuple[Callable[[FuzzedInput], bytes], ...]
    kinds = (_as_json, _as_access, _as_words, _as_format, _as_values, FuzzedInput.piece, _as_entry)
    if wanted is not None and wanted in FORMATS:
        kinds = (partial(_like_example, log_format=FORMATS[wanted]),) * len(kinds) + kinds
    kind, found = fuzzed.one_of((None, *kinds)), b""
    while fuzzed.is_left and len(found) < 1 << 16:
        found += (kind or fuzzed.one_of(kinds))(fuzzed)
        found += b"\n" if kind else fuzzed.one_of((b"\n", b"\n", b"\n", b"\r\n", b""))
    return found + b"\n" if not found.endswith(b"\n") else found


def _as_json(fuzzed: FuzzedInput) -> bytes:
    return fuzzed.json_object().encode()


def _as_entry(fuzzed: FuzzedInput) -> bytes:
    time = fuzzed.one_of(("1795395600123456", "-1", "9" * 18, "x"))
    value = fuzzed.one_of(("3", "9", fuzzed.text()))
    entry = {"__REALTIME_TIMESTAMP": time, "PRIORITY": value, "_PID": value, "MESSAGE": [fuzzed.below(300)]}
    return json.dumps(entry).encode()


def _as_access(fuzzed: FuzzedInput) -> bytes:
    user, request, agent = (fuzzed.one_of(("-", "ann", "", fuzzed.text())) for _ in range(3))
    size = fuzzed.one_of(("-", "5", "007", "٣"))
    zone = fuzzed.one_of(("+0000", "+0130", "-9900"))
    request = fuzzed.one_of(("GET /a HTTP/1.1", "-", request))
    head = f'203.0.113.7 - {user} [23/Nov/2026:01:00:00 {zone}] "{request}" 200 {size}'
    return (head if fuzzed.below(2) else f'{head} "-" "{agent}"').encode()


def _as_words(fuzzed: FuzzedInput) -> bytes:
    time = fuzzed.one_of(("2026-11-23T01:00:00Z", "1795395600", "1850-01-01 00:00:00", fuzzed.text()))
    return f"{time} INFO {fuzzed.text()}".encode()


def _as_format(fuzzed: FuzzedInput) -> bytes:
    word, said = fuzzed.text(), fuzzed.text()
    day = fuzzed.one_of(("1123", "0229", "0000", "1399"))
    time = fuzzed.one_of(("2026-11-23 01:00:00", "2026-11-23T01:00:00.123456Z", "2026-13-45 61:00:00,5+0130"))
    return fuzzed.one_of(
        (
            f'<{fuzzed.below(200)}>1 {time} {word} app - - [a {word}="{word}"] {said}',
            f"<13>Nov 23 01:00:00 {word} cron[{word}]: {said}",
            f"E{day} 01:00:00.123456 7 a.go:42] {said}",
            f"{time} - {word} - INFO - {said}",
            f"{time} [main] ERROR {word} - {said}",
            f"{time} UTC [7] {word}@shop LOG:  {said}",
            f"{time} 7 [Warning] [MY-1] [{word}] {said}",
            f"[{time}][1,5s][info][gc,{word}] {said}",
            f"2026/11/23 01:00:00 [error] 7#007: *1 {said}, client: {word}, server: _",
            f"[Mon Feb {day[2:]} 01:00:00.1 2026] [core:error] [pid 7:tid 8] [client {word}:80] AH1: {said}",
        )
    ).encode()


def _like_example(fuzzed: FuzzedInput, log_format: LogFormat) -> bytes:
    """An example of the format, in which other text stands in a few places."""
    line = fuzzed.one_of(log_format.examples)
    for _ in range(fuzzed.below(4)):
        at = (256 * fuzzed.below(256) + fuzzed.below(256)) % (len(line) + 1)
        line = line[:at] + fuzzed.one_of((fuzzed.text(), "", " ", "-", "9")) + line[at + fuzzed.below(6) :]
    return line.encode()


def _as_values(fuzzed: FuzzedInput) -> bytes:
    """Rows and pairs."""
    time = fuzzed.one_of(("2026-11-23T01:00:00Z", "1795395600", ""))
    level, number = fuzzed.one_of(("info", fuzzed.text())), fuzzed.one_of(("7", "07", "-1.5e3", "x", ""))
    rows = (f"{time},{level},5,{number}", f'"{time}","{level}",,{number}', f"{time},{level}")
    pairs = (f"time={time} log={level} n={number}", f'log.offset="{level}" n={number} up n={number} log.x=1')
    cri = f"2026-11-23T01:00:00.1Z stdout {fuzzed.one_of('FP')} {level}"
    said = fuzzed.one_of((level, fuzzed.json_object()))
    docker = json.dumps({"log": said + fuzzed.one_of(("\n", "")), "stream": "stdout", "time": time})
    return fuzzed.one_of((*rows, *pairs, cri, docker.replace(", ", ","))).encode()


def framed(data: bytes) -> LineBatch:
    """The lines of a chunk somewhere in a file."""
    return Framer().frame(chunk(data, 100))


def check(data: bytes, wanted: str | None = None) -> None:
    """Some lines through one pipeline, at a stroke if it likes, and one by one."""
    fuzzed = FuzzedInput(data)
    pipeline = setup(fuzzed, wanted)
    lines = framed(written(fuzzed, wanted))
    records = pipeline.parser().parse(lines)
    documents = pipeline.finisher.build(records)
    texts = documents.json_lines()
    assert len(texts) == len(records.bodies) == len(records.times) == lines.count
    is_spliced = isinstance(documents, SplicedDocuments) and documents.endings is None
    if is_spliced and pipeline.has_dotted_name_below_ours(lines):
        return
    for index, line in enumerate(lines.texts):
        _check_line(pipeline, records, index, line, texts[index])
    _check_one_by_one(pipeline, lines, documents)


def _check_line(pipeline: Setup, records: RecordBatch, index: int, line: str, text: str) -> None:
    assert "\n" not in text
    time = records.times[index]
    assert not time or is_time(time), time
    wrote = _wrote(pipeline, records, index, line)
    if wrote is None:
        return
    ours = {
        "@timestamp": repr(time or NOW),
        "event.ingested": repr(NOW),
        "host.name": repr("web-1"),
        "log.file.path": repr(GENERATION.path),
        "log.offset": str(records.starts[index]),
        **{path: leaves(f'{{"v":{value}}}')[0][1] for path, value in pipeline.added.items()},
    }
    if index in records.errors:
        ours["error.message"] = repr(records.errors[index])
    if noted := {**records.lines.annotations.get(index, {}), **records.annotations.get(index, {})}:
        ours |= {path: leaves(f'{{"v":{value}}}')[0][1] for path, value in noted.items()}
    check_document(text, wrote, ours)


def is_time(text: str) -> bool:
    """Whether every database takes this as a time."""
    match = _RFC3339.fullmatch(text)
    if not match:
        return False
    try:
        datetime.fromisoformat(match[1] + match[2])
    except ValueError:
        return False
    return True


def _wrote(pipeline: Setup, records: RecordBatch, index: int, line: str) -> list[Leaf] | None:
    """What the application said, leaf by leaf; None if it nests too deeply to be looked at from here."""
    text = line.removeprefix("\ufeff").strip(" \t\r\n")
    if index in records.errors and pipeline.name in ("cri", "docker"):
        return leaves(f"{{{records.bodies[index]}}}")
    if index in records.errors or pipeline.name == "plain":
        assert pipeline.name != "json" or not is_object(text)
        return [("message", repr(line))]
    said = f"{{{records.bodies[index]}}}"
    if pipeline.name == "json":
        said = text
    try:
        found = leaves(said)
    except RecursionError:
        return None
    if pipeline.name == "json" and pipeline.target is not None:
        return [(f"{pipeline.target}.{path}", value) for path, value in found] or [(pipeline.target, "{}")]
    return found


def check_document(text: str, wrote: list[Leaf], ours: Mapping[str, str]) -> None:
    """The document has ours, all that the application wrote, in its place or under `original`, and nothing else."""
    found = leaves(text)
    left = Counter(found)
    for path, value in ours.items():
        assert left[path, value], f"{path} is not {value} in {text}"
        left[path, value] -= 1
    for path, value in sorted(wrote, key=lambda leaf: leaf[0].count(".")):
        if left[path, value]:
            left[path, value] -= 1
        elif not (ours.get(path) == value or (value == "{}" and any(p.startswith(f"{path}.") for p, _ in found))):
            moved = [leaf for leaf in left if left[leaf] and leaf[1] == value and _is_moved(leaf[0], path)]
            assert moved, f"{path} = {value} is missing in {text}"
            left[moved[0]] -= 1
    assert not +left, f"{list(+left)} were made up in {text}"
    assert not RESERVED_NAMES & {name.partition(".")[0] for name in root_names(text)}
    if are_consistent(wrote):
        assert are_consistent(found), f"no database can hold {text}"


def _is_moved(there: str, path: str) -> bool:
    return _bare(there) == ["original", *_bare(path)]


def _bare(path: str) -> list[str]:
    """A path without what was added so that no name is there twice."""
    return [re.sub(r"_\d*", "", name) for name in path.split(".")]


def _check_one_by_one(pipeline: Setup, lines: LineBatch, documents: Documents) -> None:
    """What went at a stroke is the same to the byte when each line is looked at by itself."""
    apart = replace(lines, is_uniform=False, texts=lines.texts)
    careful = pipeline.finisher.build(replace(pipeline.parser().parse(apart), root_names=None))
    envelope = BulkFraming("<", ">\n")
    assert careful.json_lines() == documents.json_lines()
    assert careful.ids() == documents.ids()
    assert careful.timestamps() == documents.timestamps()
    assert careful.encode(envelope) == documents.encode(envelope)
