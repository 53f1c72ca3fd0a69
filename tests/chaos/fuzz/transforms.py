"""Records through each transform: valid JSON on one line, and each record comes out as if it were the only one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sidecar.lib.jsontext.nested import flatten
from sidecar.model.lines import SkippedRange
from sidecar.pipeline.stages import Stages
from sidecar.pipeline.tap import HIDDEN, STAGES, TappedChunk, render_chunk
from tests.chaos.fuzz.fuzzed_input import FuzzedInput
from tests.chaos.fuzz.json_leaves import is_object
from tests.chaos.fuzz.parsing import written
from tests.support.builders.records import chunk, stages

_PARSERS: tuple[Any, ...] = ("json", "logfmt", "plain", {"type": "csv", "columns": ["time", "level", "log.x", "n"]})
_CLIENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "curl/8.5", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) Version/17.1 Mobile/15E148 Safari/604.1",
)  # fmt: skip

SETTINGS: Mapping[str, Sequence[Any]] = {
    "rename": ({"rename": {"a": "b", "time": "log.x"}}, {"rename": {"log.offset_": "a.b.c", "b.c": "service.name"}}),
    "copy": ({"copy": {"a": "b.c", "message": "x_"}}, {"copy": {"service": "original.a", "log.level": "a"}}),
    "drop_fields": ({"drop_fields": ["a", "b.c", "log.level"]}, {"drop_fields": ["service.name", "message", "ts"]}),
    "keep_fields": ({"keep_fields": ["a", "log.level", "message"]}, {"keep_fields": ["service.name", "b"]}),
    "lowercase": ({"lowercase": ["a", "message", "log.level"]}, {"lowercase": ["service.name", "x_"]}),
    "convert": (
        {"convert": {"a": "integer", "time": "date", "x_": "ip"}},
        {"convert": {"message": "float", "a": "boolean", "n": "string"}},
    ),
    "fingerprint": ({"fingerprint": {"fields": ["a", "b.c"]}}, {"fingerprint": {"fields": ["x_"], "target": "a.b"}}),
    "drop_when": (
        {"drop_when": 'level == "info" or a > 5'}, {"drop_when": 'message ~ "^2026.*Z" and not exists b.c'},
    ),
    "keep_when": ({"keep_when": "a >= 0 and a < 1e300"}, {"keep_when": 'service.name in ["shop", "x"]'}),
    "sample": ({"sample": {"rate": 0.5}}, {"sample": {"rate": 0.25, "field": "a"}}),
    "user_agent": ("user_agent",),
    "redact": (
        {"redact": ["password", "email", "ip"]}, {"redact": ["credit_card", "iban", {"field": "a"}]},
        {"redact": [{"pattern": "(?i)log"}, "jwt", {"field": "b.c", "action": "drop"}]},
    ),
    "add": ({"add": {"service.name": "shop", "team": {"of": [1]}}}, {"add": {"a": {"b": {}}}}),
    "host": ("host", {"host": {"name": "node-1"}}),
    "kubernetes": ("kubernetes", {"kubernetes": {"labels": [], "annotations": ["*"]}}),
}  # fmt: skip
"""Some settings of each."""


@cache
def _stages(kind: str, which: int, parser: int) -> Stages:
    environ = {"NODE_NAME": "node-1", "POD_NAME": "shop-1", "POD_NAMESPACE": "shop"}
    return stages(SETTINGS[kind][which], parser=_PARSERS[parser], environ=environ)


def check(kind: str, data: bytes) -> None:
    """Some lines in one chunk, and each in a chunk of its own."""
    fuzzed = FuzzedInput(data)
    pipeline = _stages(kind, fuzzed.below(len(SETTINGS[kind])), fuzzed.below(len(_PARSERS)))
    lines = written(fuzzed).replace(b"\0", b"").split(b"\n")[:-1]
    if kind == "user_agent":
        lines.append(json.dumps({"user_agent": {"original": fuzzed.one_of(_CLIENTS) + fuzzed.text()}}).encode())
    texts, filtered = _shipped(pipeline, 100, lines)
    _check_tap(pipeline, lines)
    for text in texts.values():
        assert is_object(text) or "\\ud" in text.lower(), text
        assert "\n" not in text
    alone: dict[int, str] = {}
    left_out: set[tuple[int, str]] = set()
    offset = 100
    for line in lines:
        one, skipped = _shipped(pipeline, offset, [line])
        alone |= one
        left_out |= skipped
        offset += len(line) + 1
    assert texts == alone
    assert filtered == left_out


def _check_tap(pipeline: Stages, lines: Sequence[bytes]) -> None:
    """A tap shows each document at every stage, and never a value that the document does not have."""
    parsed, (_, records, documents) = pipeline.trace(chunk(b"".join(b"%b\n" % line for line in lines), 100))
    tapped = TappedChunk("app", parsed, records, documents)
    for stage in STAGES:
        assert [event.offset for event in render_chunk(tapped, 0, stage, None).events] == list(documents.starts)
    for event, text in zip(render_chunk(tapped, 0, "parsed", None).events, documents.json_lines(), strict=True):
        assert _texts(event.text) <= {*_texts(text), HIDDEN}


def _texts(record: str) -> set[str]:
    """Return the values of a record as texts, so that a value equals the text that it was converted to."""
    values = flatten(record).values()
    return {
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        for value in values
    }


def _shipped(pipeline: Stages, offset: int, lines: Sequence[bytes]) -> tuple[dict[int, str], set[tuple[int, str]]]:
    """The documents by offset, and what was left out and why."""
    _, records, documents = pipeline.documents(chunk(b"".join(b"%b\n" % line for line in lines), offset))
    return dict(zip(documents.starts, documents.json_lines(), strict=True)), {
        _place(each) for each in records.filtered
    }


def _place(skipped: SkippedRange) -> tuple[int, str]:
    return skipped.start, skipped.reason
