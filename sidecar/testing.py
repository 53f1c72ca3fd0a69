"""For authors of plug-ins: batches, a scripted sink, a clock, a log file, and the conformance kits.

A kit is a class of pytest tests. A plug-in passes it by a fixture that makes it, and that reads back what it did:

    class TestMySink(SinkConformance):
        @pytest.fixture
        def under_test(self, tmp_path):
            return UnderTest(make=lambda: MySink(...), stored=lambda: {...})

    class TestMyParser(ParserConformance):
        @pytest.fixture
        def under_test(self):
            return ParserUnderTest(make=my_factory, line="level=info", fields={"level": "info"}, foreign="-")
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from sidecar.errors import DeliveryError
from sidecar.model.batch import Batch, Rejection, WriteResult
from sidecar.model.documents import RenderedDocuments
from sidecar.model.file import Generation
from sidecar.parse.plugin import ParseLine
from sidecar.sinks.contract import ResumableSink, Sink

TIME = "2026-11-23T01:00:00.123456Z"


@dataclass
class ManualClock:
    """A clock that moves only by `advance`; both readings move together."""

    at: float = 1_795_395_600.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def advance(self, seconds: float) -> None:
        """Let this many seconds pass."""
        self.at += seconds


def batch_of(documents: Sequence[str | Mapping[str, Any]], *, first: int = 0, generation: int = 35) -> Batch:
    """Return a batch of these documents, as JSON text or as mappings. `first` is the offset of the first one.

    The offsets are 100 bytes apart, so the same call gives the same ids.
    """
    texts = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in documents]
    life = Generation(generation, "app", "/var/log/app/app.log", 1_795_395_600.0)
    starts = [first + 100 * number for number in range(len(texts))]
    return Batch([RenderedDocuments(life, starts, texts, [TIME] * len(texts))])


def numbered(count: int, *, first: int = 0) -> Batch:
    """Return a batch of `count` documents `{"@timestamp": …, "number": n}`, numbered from `first`."""
    return batch_of([{"@timestamp": TIME, "number": first + n} for n in range(count)], first=100 * first)


stored, rejected, retry, forgotten = "stored", "rejected", "retry", "forgotten"
"""What a scripted attempt can do with a record. An error in place of a list is raised."""

Script = Sequence[Sequence[str] | DeliveryError]


class ScriptedSink:
    """Does what the script says, attempt by attempt, and stores everything after its end. Keeps what it stored."""

    def __init__(self, attempts: Script = ()) -> None:
        self.documents: dict[str, str] = {}
        self.sent: list[list[str]] = []
        self._attempts = list(attempts)

    def open(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def probe(self) -> None:
        """Nothing to try."""

    def write(self, batch: Batch) -> WriteResult:
        """Do the next attempt of the script."""
        self.sent.append(batch.ids)
        attempt = self._attempts.pop(0) if self._attempts else [stored] * len(batch)
        if isinstance(attempt, DeliveryError):
            raise attempt
        taken = [i for i, what in enumerate(attempt) if what == stored]
        self.documents.update((batch.ids[i], batch.documents[i]) for i in taken)
        refused = [
            Rejection(i, "scripted", "as the script says") for i, what in enumerate(attempt) if what == rejected
        ]
        return WriteResult(taken, refused)


@dataclass
class LogFile:
    """A real log file, and every line that was written to it."""

    path: Path
    written: list[str] = field(default_factory=list)

    def write(self, *lines: str) -> None:
        """Append whole lines."""
        self.written += lines
        self.write_partial("".join(f"{line}\n" for line in lines))

    def write_partial(self, text: str) -> None:
        """Append text as it is, for an unfinished line. It is not counted in `written`."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)

    def rotate(self) -> Path:
        """Rename the file to the next free `.1`, `.2` …, as logrotate with `create` does. Return the new name."""
        number = 1
        while (older := self.path.with_name(f"{self.path.name}.{number}")).exists():
            number += 1
        self.path.rename(older)
        return older

    def truncate(self) -> None:
        """Empty the file, as logrotate with `copytruncate` does after the copy."""
        os.truncate(self.path, 0)


@dataclass(frozen=True)
class UnderTest:
    """A sink as the kit sees it."""

    make: Callable[[], Sink]
    """Returns a new sink for the same destination."""

    stored: Callable[[], Mapping[Any, Mapping[str, Any]]]
    """Reads the destination: id → document, or number → document where no ids are kept."""

    effectively_once: bool = True
    """Whether the same batch twice is stored once."""

    refused: str | None = None
    """A document that the destination always rejects, if there is one."""


@contextmanager
def open_sink(under_test: UnderTest, token: str | None = None) -> Iterator[Sink]:
    """Open a new sink, let it continue from the token if it can, and close it at the end."""
    sink = under_test.make()
    if isinstance(sink, ResumableSink):
        sink.resume(token)
    sink.open()
    try:
        yield sink
    finally:
        sink.close()


def numbers(under_test: UnderTest) -> list[int]:
    """Return the numbers of the documents that are stored."""
    return sorted(int(document["number"]) for document in under_test.stored().values())


class SinkConformance:
    """Tests what every sink has to do. Subclasses define the fixture `under_test`.

    Messages name the rule and what the sink did: pytest shows nothing else of a failure in an installed package.
    """

    def test_every_document_is_stored(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            result = sink.write(numbered(25))
        assert sorted(result.stored) == list(range(25)), (
            "write() got 25 documents that the destination accepts, so `WriteResult.stored` has to hold the indexes "
            f"0 to 24; it holds {_shorten(sorted(result.stored))}"
        )
        found = numbers(under_test)
        assert found == list(range(25)), (
            "`WriteResult.stored` names 25 documents, so the destination has to hold the numbers 0 to 24; "
            f"it holds {_shorten(found)}"
        )

    def test_a_verdict_mentions_no_record_twice(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            result = sink.write(numbered(5))
        mentioned = [*result.stored, *(rejection.index for rejection in result.rejected)]
        assert len(mentioned) == len(set(mentioned)), (
            "a document is either stored or rejected, so no index may be in `WriteResult` twice; "
            f"it names {_shorten(sorted(mentioned))}"
        )

    def test_the_same_batch_again_is_stored_and_stored_once(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            sink.write(numbered(5))
            again = sink.write(numbered(5))
        assert sorted(again.stored) == list(range(5)), (
            "a batch that comes again under the same ids counts as stored, also if every document was there before; "
            f"`WriteResult.stored` holds {_shorten(sorted(again.stored))} instead of 0 to 4"
        )
        found = numbers(under_test)
        if not under_test.effectively_once:
            assert found == sorted([*range(5), *range(5)]), (
                f"without `effectively_once` a batch that comes again is stored again; the destination holds {found}"
            )
            return
        assert found == list(range(5)), (
            "a batch that comes again under the same ids must not be stored twice; the destination holds the numbers "
            f"{_shorten(found)}; use the ids of `Batch.ids` as keys, or set `effectively_once=False`"
        )
        assert again.duplicates in (0, 5), (
            "`WriteResult.duplicates` says how many of the stored documents were there before: 5 here, or 0 from a "
            f"sink that cannot tell; it says {again.duplicates}"
        )

    def test_two_equal_lines_stay_two_documents(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            sink.write(batch_of([{"@timestamp": TIME, "number": 1}] * 2))
        found = numbers(under_test)
        assert found == [1, 1], (
            "two lines with the same text have different ids, so both have to be stored; "
            f"the destination holds {found}; use `Batch.ids` as keys, not the text"
        )

    def test_what_the_application_wrote_comes_back_as_it_was(self, under_test: UnderTest) -> None:
        document = {
            "@timestamp": TIME,
            "number": 1,
            "text": 'ä "quoted" \\ \t\x01 \U0001f600',
            "list": [1, None, 2],
        }
        with open_sink(under_test) as sink:
            sink.write(batch_of([document]))
        stored = list(under_test.stored().values())
        assert len(stored) == 1, f"one document was written, and the destination holds {len(stored)}"
        for name in ("text", "list"):
            assert stored[0].get(name) == document[name], (
                f"the field {name!r} was written as {document[name]!r} and came back as {stored[0].get(name)!r}"
            )

    def test_it_goes_on_after_it_was_closed_and_opened_again(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            token = sink.write(numbered(3)).resume_token
        with open_sink(under_test, token) as sink:
            sink.write(numbered(3, first=3))
        found = numbers(under_test)
        assert found == list(range(6)), (
            "a new sink for the same destination adds to what is there: the numbers 0 to 5; "
            f"the destination holds {_shorten(found)}"
        )

    def test_closing_what_was_never_opened_is_nothing(self, under_test: UnderTest) -> None:
        sink = under_test.make()
        for _ in range(2):
            try:
                sink.close()
            except Exception as error:
                raise AssertionError(
                    "close() must not raise, also if open() was never called, or close() was called before; "
                    f"it raised {type(error).__name__}: {error}"
                ) from error

    def test_a_probe_leaves_nothing_behind(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            sink.probe()
        found = under_test.stored()
        assert not found, f"probe() must not leave a document; the destination holds {len(found)}"

    def test_a_refused_document_does_not_hold_back_its_neighbours(self, under_test: UnderTest) -> None:
        if under_test.refused is None:
            return
        with open_sink(under_test) as sink:
            sink.write(numbered(1))
            good = json.dumps({"@timestamp": TIME, "number": 8})
            result = sink.write(batch_of([good, under_test.refused, good.replace("8", "9")], first=10_000))
        rejected = [rejection.index for rejection in result.rejected]
        assert (sorted(result.stored), rejected) == ([0, 2], [1]), (
            "of three documents the destination rejects the one in the middle, so `stored` has to be [0, 2] and "
            f"`rejected` has to name index 1; they are {sorted(result.stored)} and {rejected}"
        )
        assert result.rejected[0].kind, "`Rejection.kind` is empty; it has to be the destination's name for the error"
        found = numbers(under_test)
        assert found == [0, 8, 9], (
            f"the neighbours of a rejected document have to be stored: 0, 8 and 9; the destination holds {found}"
        )


@dataclass(frozen=True)
class ParserUnderTest:
    """A parser of a plug-in as the kit sees it."""

    make: Callable[[], ParseLine]
    """Calls the factory with the options that are to be tested."""

    line: str
    """A line in the parser's format."""

    fields: Mapping[str, Any]
    """The fields that this line becomes."""

    foreign: str | None = None
    """A line that is not in its format, if there is one."""


_ODD_LINES = ("", " ", "\t", "{", "}", "\x00", "\ufeff", "ü", "\U0001f600", '"', "a=" * 1000, "x" * 100_000)


class ParserConformance:
    """Tests what every parser of a plug-in has to do. Subclasses define the fixture `under_test`."""

    def test_a_line_becomes_its_fields(self, under_test: ParserUnderTest) -> None:
        found = _parse(under_test.make(), under_test.line)
        assert found == dict(under_test.fields), (
            f"the line {under_test.line!r} became other fields than expected: {found!r} instead of "
            f"{dict(under_test.fields)!r}"
        )

    def test_the_same_line_gives_the_same_fields_again(self, under_test: ParserUnderTest) -> None:
        parse_line = under_test.make()
        first = _parse(parse_line, under_test.line)
        for other in (*_ODD_LINES, under_test.foreign or ""):
            with suppress(Exception):  # another test is for these
                parse_line(other)
        again = _parse(parse_line, under_test.line)
        assert again == first, (
            "a line may be parsed again after an error or a restart and has to give the same fields, whatever lines "
            f"came between; it gave {first!r} and then {again!r}"
        )

    def test_the_fields_can_be_written_as_json(self, under_test: ParserUnderTest) -> None:
        fields = _parse(under_test.make(), under_test.line)
        try:
            msgspec.json.encode(fields)
        except Exception as error:
            raise AssertionError(
                "fields have to be text, numbers, booleans, None, times, lists and mappings of these; "
                f"{fields!r} cannot be written as JSON ({error})"
            ) from error

    def test_a_line_in_another_format_raises_value_error(self, under_test: ParserUnderTest) -> None:
        if under_test.foreign is None:
            return
        try:
            found = under_test.make()(under_test.foreign)
        except ValueError as error:
            reason = str(error)
        except Exception as error:
            raise AssertionError(
                "a line in another format has to raise ValueError with the reason; "
                f"{under_test.foreign!r} raised {type(error).__name__}: {error}"
            ) from error
        else:
            raise AssertionError(
                "a line in another format has to raise ValueError, so that it is shipped as it is; "
                f"{under_test.foreign!r} became {found!r}"
            )
        assert reason, (
            "the ValueError for a line in another format has no text; say why the line cannot be parsed, because the "
            "document has it in `error.message`"
        )

    def test_no_line_makes_it_fail(self, under_test: ParserUnderTest) -> None:
        parse_line = under_test.make()
        for line in _ODD_LINES:
            try:
                parse_line(line)
            except ValueError:
                continue
            except Exception as error:
                raise AssertionError(
                    "for a line that it cannot parse a parser raises ValueError and nothing else; "
                    f"{_shorten(line)} raised {type(error).__name__}: {error}"
                ) from error


def _parse(parse_line: ParseLine, line: str) -> dict[str, Any]:
    try:
        found = parse_line(line)
    except Exception as error:
        raise AssertionError(
            f"the line {line!r} has to become fields; it raised {type(error).__name__}: {error}"
        ) from error
    assert isinstance(found, Mapping), f"a parser returns a mapping of fields; this one returned {found!r}"
    return dict(found)


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
