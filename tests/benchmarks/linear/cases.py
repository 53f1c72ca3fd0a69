"""What is measured: what a pipeline makes of one line, by parser, by transform, by preset and by encoding."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from sidecar.decode.framing import Framer
from sidecar.decode.multiline import make_grouper
from sidecar.decode.presets import PRESET_NAMES
from sidecar.decode.settings import MultilineSettings
from sidecar.deliver.batcher import BatchPart
from sidecar.deliver.retry import DeliveryResult
from sidecar.document.builder import DocumentBuilder
from sidecar.lib.charset import CODECS, Charset
from sidecar.lib.user_regex import compile_user_regex
from sidecar.model.batch import Batch, Rejection
from sidecar.model.documents import RenderedDocuments
from sidecar.model.span import PendingSpan
from sidecar.parse.formats import FORMATS
from sidecar.parse.grok import expand_pattern
from sidecar.parse.grok_patterns import line_layouts
from sidecar.parse.line_layout import LayoutRegex
from sidecar.parse.plain import PlainTextParser
from sidecar.pipeline.accounting import count_undecodable, settle
from sidecar.sinks.mongodb.bson_encoder import Encoder
from sidecar.sinks.mongodb.sink import _ENCODER as ENCODER
from sidecar.testing import ManualClock
from sidecar.transform.redaction.detectors import DETECTORS
from tests.benchmarks.linear.shapes import DETECTED, JSON, UNITS, Shape, repeated
from tests.support.builders.records import GENERATION, chunk, stages

_KUBERNETES = {"POD_NAMESPACE": "shop", "POD_NAME": "shop-7d4b9"}

Work = Callable[[], object]


class Case(NamedTuple):
    """One kind of work on lines of one shape."""

    name: str
    work: Callable[[str], Work]
    shape: Shape


def pipeline(parser: Any, *transforms: Any, **settings: Any) -> Callable[[str], Work]:
    """Return what a pipeline does with a line, from bytes to the document."""
    in_pod = stages("kubernetes", *transforms, parser=parser, environ=_KUBERNETES, **settings)

    def work(line: str) -> Work:
        data = line.encode(settings.get("encoding", "utf-8"), "replace") + b"\n"
        return partial(in_pod.documents, chunk(data))

    return work


_CLF = '1.2.3.4 - - [23/Nov/2026:01:00:00 +0000] "'
_ERROR = "[Mon Nov 23 01:00:00.1 2026] [core:error] [pid 1] "
_STRUCTURED = "<13>1 2026-11-23T01:00:00Z h a p m "

HEADS: dict[str, tuple[str, ...]] = {
    "plain": ("",),
    "json": ('{"a":', '{"time":"', '{"a":"'),
    "nginx": (_CLF, f'{_CLF}GET / HTTP/1.1" 200 1 "', "1.2.3.4 - "),
    "apache": (f'{_CLF}GET / HTTP/1.1" 200 ',),
    "nginx_error": ("2026/11/23 01:00:00 [error] 1#1: ", "2026/11/23 01:00:00 [error] 1#1: *1 m, client: "),
    "apache_error": (_ERROR, f"{_ERROR}[client ", "[Mon Nov 23 01:00:00 2026] [error] [client ", f"{_ERROR}("),
    "syslog": ("", "<13>Nov 23 01:00:00 h app[1]: ", "<13>Nov 23 01:00:00 ", _STRUCTURED, f"{_STRUCTURED}[a"),
    "klog": ("I1123 01:00:00.123456 1 ",),
    "python": ("2026-11-23 01:00:00,123 - ", "2026-11-23 01:00:00,123 INFO ", "INFO:"),
    "log4j": (
        "2026-11-23 01:00:00,123 INFO  [",
        "2026-11-23T01:00:00.123Z INFO 1 --- [",
        "01:00:00.123 [main] INFO c",
    ),
    "postgresql": ("2026-11-23 01:00:00.123 UTC [1] ", "2026-11-23 01:00:00.123 UTC [1] a@"),
    "mysql": ("2026-11-23T01:00:00.123456Z 0 [Note] [",),
    "mysql_slow": ("# User@Host: ", "# Time: "),
    "java_gc": ("[2026-11-23T01:00:00.123+0000][0.1s][",),
    "logfmt": ("", "a=1 ", 'a="', "level=info msg="),
    "cri": ("2026-11-23T01:00:00.123456789Z stdout F ", "2026-11-23T01:00:00.1Z stdout P "),
    "docker": ('{"log":"', '{"log":"x\\n","stream":"stdout","time":"'),
}
"""How lines of each format begin, up to a place where the writer decides what follows."""


def _heads_of_formats() -> Iterator[tuple[str, str]]:
    """Yield for each pattern of each format its example, up to the text that the writer decides."""
    for name, log_format in FORMATS.items():
        for pattern, line in zip(log_format.patterns, log_format.examples, strict=True):
            match = re.fullmatch(pattern, line, re.DOTALL | re.ASCII)
            groups = match.groupdict() if match else {}
            starts = [match.start(group) for group in ("message", "url") if match and groups.get(group)]
            yield name, line[: max(starts, default=len(line) // 2)].replace("\n", " ")
            if starts and starts[0] == 0:
                yield name, line[: len(line) // 2]


for _name, _head in _heads_of_formats():
    HEADS[_name] = tuple(dict.fromkeys((*HEADS.get(_name, ()), _head)))

OTHERS: dict[str, Any] = {
    "csv": {"type": "csv", "columns": ["a", "b"]},
    "dissect": {"type": "dissect", "pattern": "%{a}, %{b->} - %{c}"},
    "dissect pairs": {"type": "dissect", "pattern": "%{*k}:%{&k}"},
    "regex": {"type": "regex", "pattern": "(?P<a>[^ ]*+) (?P<b>.*)"},
    "grok": {"type": "grok", "pattern": "^%{NOTSPACE:a} %{GREEDYDATA:b}"},
    "chain": ["json", "logfmt", "nginx", "plain"],
    "cri of json": {"type": "cri", "content": "json"},
    "docker of logfmt": {"type": "docker", "content": "logfmt"},
}
"""Parsers that take options, with patterns that are linear themselves."""

STRUCTURED = (
    ' b="c"', ' b#="c"', ' b="\\"', ' b="\\]"', '][a b="c"', '][a# b="c"', '\\"', " b=", ' b="\\\\"', ' b="c" b="d"',
)  # fmt: skip
LOGFMT = (
    "a=b ", "a#=b ", "x.y#=1 ", "x.y.z=1 ", "x=1 x.y=2 ", "a ", "a=1 a=2 ", ".", "a.", "=", '"', 'a="\\"" ', "..#=1 ",
    "a#. ", "x.#.y.#=1 ", "x.1.2.3.4.5.6.7.8.9.10.11.12.13#=1 ",
)  # fmt: skip

CHANGES: dict[str, Any] = {
    "rename": {"rename": {"q": "r", "a.a": "b", "host": "server"}},
    "rename elsewhere": {"rename": {"q": "x.y.z", "a.a": "s.t", "z": "original.z"}},
    "copy": {"copy": {"q": "x.y.z", "a.a": "b", "c": "d"}},
    "drop_fields": {"drop_fields": ["q", "c.m.x", "a.a"]},
    "keep_fields": {"keep_fields": ["q", "c.m.x", "a.a", "k"]},
    "lowercase": {"lowercase": ["q", "c", "c.m", "c.m.m"]},
    "convert": {"convert": {"q": "integer", "c": "string", "time": "float", "k": "ip", "z": "date"}},
    "fingerprint": {"fingerprint": {"fields": ["q", "c", "a.a"], "target": "f.g"}},
    "drop_when": {"drop_when": 'q == "2" or c.m ~ "z$" or a.a > 5 or time < 3'},
    "sample": {"sample": {"rate": 0.99, "field": "c"}},
    "user_agent": "user_agent",
    "add": {"add": {"team": "x", "c.m": 1, "q.k": 2}},
    "host": "host",
    "redact a field": {"redact": [{"field": "c.m.m"}, {"field": "q"}]},
    "redact a pattern": {"redact": [{"pattern": "[a-z]+@[a-z]+"}, "password"]},
    "redact": {"redact": list(DETECTORS)},
    "redact, dropped": {"redact": list(DETECTORS), "action": "drop"},
}


GREW = frozenset({"log4j: 2026-11-23 01:00:00,123 | INFO  |  …"})
"""Cases whose work once grew faster than their lines. They are in every sample."""


def cases(full: bool) -> Iterator[Case]:
    """Yield every case; without `full`, the ones that test different code."""
    yield from _parsers(full)
    yield from _grok_patterns()
    yield from _changes(full)
    yield from _detectors(full)
    yield from _multiline(full)
    yield from _encodings()
    yield from _letters()


def _parsers(full: bool) -> Iterator[Case]:
    tails = ("", '"', "]", ": m") if full else ("",)
    for parser, heads in {**{name: (name, heads) for name, heads in HEADS.items()},
                          **{name: (given, ("",)) for name, given in OTHERS.items()}}.values():  # fmt: skip
        work = pipeline(parser)
        for head in heads:
            for unit in UNITS:
                for tail in tails:
                    yield Case(f"{parser}: {head}{unit}…{tail}", work, repeated(unit, head, tail))
    syslog, logfmt, limited = pipeline("syslog"), pipeline("logfmt"), pipeline("logfmt", max_fields=20, max_depth=3)
    for unit in STRUCTURED:
        for tail in ("] m", '"] m'):
            yield Case(f"structured data: {unit}…{tail}", syslog, repeated(unit, f"{_STRUCTURED}[a", tail))
    for unit in LOGFMT:
        yield Case(f"logfmt: {unit}", logfmt, repeated(unit, "a=1 "))
        yield Case(f"logfmt with limits: {unit}", limited, repeated(unit, "a=1 "))


def _grok_patterns() -> Iterator[Case]:
    """Search for each named pattern in lines that begin like it and go on with something else, or begin again."""
    for text in _GROK_LINES.read_text(encoding="utf-8").splitlines():
        sample = json.loads(text)
        expanded = expand_pattern(f"%{{{sample['pattern']}:found}}", {})
        search = compile_user_regex(expanded.pattern).search

        def work(line: str, search: Callable[[str], object] = search) -> Work:
            return partial(search, line)

        begin = sample["line"][: len(sample["line"]) * 3 // 5]
        for unit in (*_GROK_UNITS, f"{begin} "):
            yield Case(f"grok {sample['pattern']}: {begin}{unit}", work, repeated(unit, begin))
    find = LayoutRegex(line_layouts()["COMBINEDAPACHELOG"]).columns

    def find_layout(line: str) -> Work:
        return partial(find, Framer().frame(chunk(f"{line}\n".encode())))

    for begin in (
        "",
        "a.",
        "1:1",
        f"{_CLF}GET /",
        f'{_CLF}GET / HTTP/1.1" 200 1 "',
        f'{_CLF}GET / HTTP/1.1" 200 1 "" "',
    ):
        for unit in (*_GROK_UNITS, ".", "a.", "1:", "-", "-a"):
            yield Case(f"layout: {begin}{unit}", find_layout, repeated(unit, begin))


_GROK_LINES = Path(__file__).parents[2] / "unit" / "parse" / "grok_lines.ndjson"
_GROK_UNITS = ("a", "1", " ", ":", '"', "a ")


def _changes(full: bool) -> Iterator[Case]:
    for name, change in {"nothing": None, **CHANGES}.items():
        work = pipeline("json", *([change] if change else []))
        for shape_name, shape in JSON.items():
            yield Case(f"{name} of JSON: {shape_name}", work, shape)
    limited = pipeline("json", max_fields=20, max_depth=3)
    target = pipeline({"type": "json", "target": "app"})
    every = pipeline("json", *CHANGES.values(), max_fields=50, max_depth=5)
    for shape_name, shape in JSON.items():
        yield Case(f"limits of JSON: {shape_name}", limited, shape)
        yield Case(f"target of JSON: {shape_name}", target, shape)
        if full:
            yield Case(f"every change of JSON: {shape_name}", every, shape)


def _detectors(full: bool) -> Iterator[Case]:
    every = {"redact": list(DETECTORS)}
    for parser in ("plain", "json", "logfmt"):
        work = pipeline(parser, every)
        for unit, shape in DETECTED.items():
            yield Case(f"redact {parser}: {unit}", work, _within(parser, shape))
    for name in DETECTORS if full else ():
        alone = pipeline("json", {"redact": [name], "action": "drop"})
        for unit, shape in DETECTED.items():
            yield Case(f"redact {name}: {unit}", alone, _within("json", shape))


def _within(parser: str, shape: Shape) -> Shape:
    """A text as the lines of this parser hold it, with an escape so that JSON goes line by line."""
    if parser == "json":
        return lambda length: f'{{"q":"\\"","a":{{"b":["{shape(length)}"]}}}}'
    return (lambda length: f"m=1 {shape(length)}") if parser == "logfmt" else shape


_LINES = (
    "\n", "a\n", " a\n", "\tat a.b(c:1)\n", "Caused by: a\n", "Traceback (most recent call last):\n",
    "goroutine 1 [a]:\n", "panic: a\n", "a.b.CException: a\n", "}\n", "DETAIL:  a\n", "# Time: a\n",
    "# User@Host: a\n", "t stdout P a\n", "t stderr P a\nt stdout P a\n", '{"log":"a","stream":"stdout"}\n',
    "--- End of a\n", "thread 'a' panicked at b:\n",
    "from a\n", "#1 a\n", "1,2,\n", "a: b\n  c\n", "During handling of the above exception, a\n", "[1] PHP  1. a\n",
)  # fmt: skip
_LONG = ("a", ".", "a.", " ", "\\", '\\"', "1", "a:", "(", "D", "DETAIL", "'", ":", "]", "a.b", "$", "[")
_LONG_HEADS = (
    "",
    " ",
    "a.",
    "thread '",
    "thread 'a' panicked at ",
    '{"log":"',
    "t stdout ",
    "[",
    "goroutine ",
    "Next ",
)


def _multiline(full: bool) -> Iterator[Case]:
    rules: dict[str, Any] = {name: MultilineSettings(preset=name).make_grouper(1 << 20) for name in PRESET_NAMES}
    rules |= {
        f"java in {name}": MultilineSettings(preset="java").make_grouper(1 << 20, name) for name in ("cri", "docker")
    }
    for kind, pattern in {
        "start": r"^\d{4}-|[^,]*,[^,]*,\d",
        "continuation": r"^\s|.*\.$",
        "end": r";$|\w+-$",
    }.items():
        rules[kind] = make_grouper(None, {kind: pattern}, timeout_s=1, max_lines=1000, max_bytes=1 << 20)
        rules[f"{kind}, few lines"] = make_grouper(None, {kind: pattern}, timeout_s=1, max_lines=3, max_bytes=200)
    for name, rule in rules.items():

        def work(text: str, rule: Any = rule) -> Work:
            data = text.encode() + b"\n"
            return lambda: (rule.split_events(data), rule.split_events(data, closed=True), rule.begins_event(data))

        for unit in _LINES:
            yield Case(f"multiline {name}: {unit!r}", work, repeated(unit))
        for head in _LONG_HEADS if full else ("", " "):
            for unit in _LONG:
                yield Case(f"multiline {name}: {head}{unit}", work, repeated(unit, head))


def _encodings() -> Iterator[Case]:
    for name in ("utf-8", "latin-1", "utf-16le", "gb18030", "euc-jp", "shift-jis", "big5", "euc-kr", "gbk"):
        work = pipeline("plain", encoding=name)
        for unit in ("a", "\n", "a\n", "é", "\x00", "\r", "\r\n", "ab \0\n"):
            yield Case(f"{name}: {unit!r}", work, repeated(unit))
        rule = make_grouper("indent", {}, timeout_s=1, max_lines=1000, max_bytes=1 << 20)

        charset = Charset(CODECS[name])

        def group(text: str, charset: Charset = charset, rule: Any = rule) -> Work:
            data = (text + "\n").encode(charset.name, "replace")
            return lambda: charset.split_events(rule, data, 0)

        for unit in ("a\n", " a\n", "a", "ਊ\n", "é\n"):
            yield Case(f"events of {name}: {unit!r}", group, repeated(unit))


def _letters() -> Iterator[Case]:
    """Every document of a chunk is refused, by the sink or because it is no text in its encoding."""
    finisher = DocumentBuilder(ManualClock(), "web-1")

    def letters(text: str) -> Work:
        data = text.encode()
        lines = Framer().frame(chunk(data))
        documents = finisher.build(PlainTextParser().parse(lines))
        batch, everything = Batch([documents]), range(len(documents))
        outcome = DeliveryResult({index: Rejection(index, "a", "b") for index in everything}, attempts=1)

        def work() -> None:
            part = BatchPart(documents, lines.ranges(), PendingSpan(0, len(data), b""), len(data))
            settle([part], batch, outcome, "app", "out", 0.0)
            count_undecodable(part, frozenset(everything), "app", "out", 0.0)

        return work

    for unit in ("a\n", "a long line\n", "\na\n"):
        yield Case(f"dead letters: {unit!r}", letters, repeated(unit))
    encoder = Encoder(ENCODER.encode, ENCODER.decimal, ENCODER.errors, None)

    def encode(text: str) -> Work:
        batch = Batch([RenderedDocuments(GENERATION, [0], [text], [""])])
        return lambda: encoder.encode_batch(batch, "logs", [])

    for name, shape in JSON.items():
        if "unterminated" in name:
            continue
        yield Case(f"BSON in Python: {name}", encode, shape)
