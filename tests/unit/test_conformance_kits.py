"""The conformance kits accept what is allowed, refuse what is not, and say in words what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from sidecar.sinks import Batch, WriteResult
from sidecar.testing import (
    ParserConformance,
    ParserUnderTest,
    SinkConformance,
    TransformConformance,
    TransformUnderTest,
    UnderTest,
)
from sidecar.transform.plugin import Function, Record


class MemorySink:
    """Stores documents under their ids, and does not say which were there before."""

    def __init__(self, documents: dict[str, str]) -> None:
        self.documents = documents

    def open(self) -> None: ...

    def close(self) -> None: ...

    def probe(self) -> None: ...

    def write(self, batch: Batch) -> WriteResult:
        self.documents.update(zip(batch.ids, batch.documents, strict=True))
        return WriteResult(range(len(batch)))


class ListSink(MemorySink):
    """Stores a document that comes again once more."""

    def write(self, batch: Batch) -> WriteResult:
        for name, document in zip(batch.ids, batch.documents, strict=True):
            self.documents[f"{name}-{len(self.documents)}"] = document
        return WriteResult(range(len(batch)))


class ByTextSink(MemorySink):
    def write(self, batch: Batch) -> WriteResult:
        self.documents.update({document: document for document in batch.documents})
        return WriteResult(range(len(batch)))


class ForgetfulSink(MemorySink):
    def write(self, batch: Batch) -> WriteResult:
        super().write(batch.select(range(len(batch) - 1)))
        return WriteResult(range(len(batch)))


class SilentSink(MemorySink):
    def write(self, batch: Batch) -> WriteResult:
        new = [index for index, name in enumerate(batch.ids) if name not in self.documents]
        super().write(batch)
        return WriteResult(new)


class MiscountingSink(MemorySink):
    def write(self, batch: Batch) -> WriteResult:
        return WriteResult(super().write(batch).stored, duplicates=3)


class NoisySink(MemorySink):
    def close(self) -> None:
        raise RuntimeError("not open")


class CuriousSink(MemorySink):
    def probe(self) -> None:
        self.documents["probe"] = '{"number":0}'


def sink_under_test(kind: type[MemorySink]) -> UnderTest:
    documents: dict[str, str] = {}
    return UnderTest(lambda: kind(documents), lambda: {name: json.loads(text) for name, text in documents.items()})


def failures(kit: object, make: Callable[[], Any]) -> list[str]:
    """Do every test of a kit. Return what those that fail say."""
    found = []
    for name in dir(kit):
        if name.startswith("test_"):
            try:
                getattr(kit, name)(make())
            except AssertionError as error:
                found.append(str(error))
    return found


def test_a_sink_that_is_idempotent_without_saying_so_passes() -> None:
    assert failures(SinkConformance(), lambda: sink_under_test(MemorySink)) == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (ListSink, "must not be stored twice; the destination contains the numbers .*; use the ids of `Batch.ids`"),
        (ByTextSink, "two lines with the same text have different ids"),
        (
            ForgetfulSink,
            "`WriteResult.stored` has 25 documents, so the destination must contain the numbers 0 to 24",
        ),
        (SilentSink, "a batch that is written again with the same ids counts as stored"),
        (MiscountingSink, "`WriteResult.duplicates` is the number .* it is 3"),
        (NoisySink, r"close\(\) must not raise, .*; it raised RuntimeError: not open"),
        (CuriousSink, r"probe\(\) must not leave a document; the destination contains 1"),
    ],
)
def test_the_kit_explains_what_a_sink_does_wrong(kind: type[MemorySink], words: str) -> None:
    if kind is NoisySink:
        with pytest.raises(AssertionError, match=words):
            SinkConformance().test_close_works_without_open(sink_under_test(kind))
        return
    found = failures(SinkConformance(), lambda: sink_under_test(kind))
    assert any(re.search(words, each) for each in found), found


def pair(line: str) -> Mapping[str, Any]:
    key, found, value = line.partition("=")
    if not found:
        raise ValueError("the line is no pair")
    return {key: value}


def parser_under_test(function: Callable[[str], Any], foreign: str | None = "no pair") -> ParserUnderTest:
    return ParserUnderTest(lambda: function, "a=1", {"a": "1"}, foreign)


def test_a_parser_that_keeps_the_rules_passes() -> None:
    assert failures(ParserConformance(), lambda: parser_under_test(pair)) == []
    assert failures(ParserConformance(), lambda: parser_under_test(lambda _: {"a": "1"}, None)) == []


def test_the_kit_explains_what_a_parser_does_wrong() -> None:
    lines: list[str] = []

    def numbering(line: str) -> Mapping[str, Any]:
        lines.append(line)
        return {**pair(line), "line": len(lines)}

    def nameless(line: str) -> Mapping[str, Any]:
        if "=" not in line:
            raise ValueError
        return pair(line)

    wrong: list[tuple[Callable[[str], Any], str]] = [
        (lambda line: line, "a parser returns a mapping of fields; this one returned 'a=1'"),
        (lambda _: {"b": 1}, "must become {'a': '1'}; the parser returned {'b': 1}"),
        (numbering, "must give the same fields even if the parser has seen other lines since"),
        (lambda _: {"a": object()}, "cannot be written as JSON"),
        (lambda _: {"a": "1"}, "'no pair' became {'a': '1'}"),
        (lambda line: {line.split("=")[0]: line.split("=")[1]}, "raised IndexError"),
        (nameless, "has no text; say why"),
    ]
    for function, words in wrong:
        found = failures(ParserConformance(), lambda function=function: parser_under_test(function))  # type: ignore[misc]
        assert any(words in each for each in found), (words, found)


def double(records: Sequence[Record], /, *, field: str = "n") -> None:
    for record in records:
        value = record.get(field)
        if value is not None:
            record.set("twice", 2 * value)  # fails for a mapping, which is allowed


def transform_under_test(function: Function, **options: object) -> TransformUnderTest:
    return TransformUnderTest(function, {"n": 2}, {"n": 2, "twice": 4}, options)


def test_a_transform_that_keeps_the_rules_passes() -> None:
    assert failures(TransformConformance(), lambda: transform_under_test(double)) == []
    assert failures(TransformConformance(), lambda: transform_under_test(double, field="n")) == []


def change_last(records: Sequence[Record]) -> None:
    double(records[-1:])


def number(records: Sequence[Record]) -> None:
    for index, record in enumerate(records):
        record.set("twice", 4 + index)


class Remembering:
    """Changes later records in another way than the first ones."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, records: Sequence[Record]) -> None:
        self.seen += len(records)
        for record in records:
            record.set("twice", 4 if self.seen < 5 else 5)


def return_records(records: Sequence[Record]) -> Sequence[Record]:
    double(records)
    return records


def write_members(records: Sequence[Record]) -> None:
    for record in records:
        record.members += ',"twice":4'


def set_reserved(records: Sequence[Record]) -> None:
    records[0].set("log.offset", 1)


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (
            lambda: double,
            {"feld": "n"},
            "it cannot be called with {'feld': 'n'}: got an unexpected keyword argument 'feld'",
        ),
        (lambda: lambda records: None, {}, "must become {'n': 2, 'twice': 4}; the transform produced {'n': 2}"),
        (lambda: set_reserved, {}, "it raised ValueError: log.offset cannot be set or dropped"),
        (lambda: change_last, {}, "as number 1 of 2 equal records it became {'n': 2}"),
        (lambda: number, {}, "as number 2 of 2 equal records it became {'n': 2, 'twice': 5}"),
        (Remembering, {}, "has seen other records since; it became {'n': 2, 'twice': 5}"),
        (lambda: return_records, {}, "its return value is ignored; it returned [<"),
        (lambda: write_members, {}, "only `set` and `drop` may change them; '' became ',\"twice\":4'"),
    ],
)
def test_what_a_transform_does_wrong_is_said_in_words(
    make: Callable[[], Function], options: dict[str, object], words: str
) -> None:
    found = failures(TransformConformance(), lambda: transform_under_test(make(), **options))
    assert any(words in each for each in found), found
