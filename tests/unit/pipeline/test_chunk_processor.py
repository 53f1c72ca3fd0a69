"""A chunk becomes documents, and everything that came of its lines is counted."""

import json
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from sidecar.config.pipeline import PipelineSettings
from sidecar.deliver.batcher import BatchPart
from sidecar.model.documents import BulkFraming, CompressedDocuments, EncodedDocuments
from sidecar.model.lines import Chunk
from sidecar.pipeline.builder import build_stages
from sidecar.pipeline.chunk_processor import ChunkProcessor
from sidecar.pipeline.tap import Tap, Taps
from tests.support.builders.files import FilesFixture


class ProcessorFixture(FilesFixture):
    """The stages of a pipeline, and one file whose lines go through them."""

    def __init__(self, folder: Path, framing: BulkFraming | None = None, **pipeline: Any) -> None:
        super().__init__(folder)
        settings = PipelineSettings.model_validate({"paths": [str(folder / "*.log")], **pipeline})
        self.stages = build_stages(settings, self.clock, "host", {})
        self.taps = Taps(self.clock)
        self.processor = ChunkProcessor(self.context, framing, self.taps)

    def process(self, data: bytes, *, compress: bool = False) -> BatchPart:
        cursor = self.write("a.log", data)
        chunk = Chunk(cursor.file.generation, cursor.offset, data, cursor.offset + len(data))
        return self.processor.process(cursor.advance(chunk), chunk, self.stages, compress=compress)


@pytest.fixture
def fixture(tmp_path: Path) -> ProcessorFixture:
    return ProcessorFixture(tmp_path)


def test_each_line_is_a_document_of_an_unsettled_span(fixture: ProcessorFixture) -> None:
    part = fixture.process(b"one\ntwo\n")
    assert (len(part.documents), part.log_bytes) == (2, 8)
    assert (part.span.start, part.span.end, part.span.settled) == (0, 8, False)
    assert (fixture.counters.bytes_read, fixture.counters.lines_read) == (8, 2)


def test_a_chunk_without_documents_is_settled_and_counted(fixture: ProcessorFixture) -> None:
    part = fixture.process(b"\n\n")
    assert part.span.settled
    assert part.span.amounts.bytes_ == {"skipped:empty": 2}


def test_lines_of_invalid_text_become_dead_letters_where_the_encoding_is_strict(tmp_path: Path) -> None:
    part = ProcessorFixture(tmp_path, encoding_errors="strict").process(b"good\n\xff\n")
    assert len(part.documents) == 1
    assert [letter.kind for letter in part.span.dead_letters] == ["invalid_text"]


def test_a_pipeline_that_parses_badly_says_so_once(tmp_path: Path) -> None:
    fixture = ProcessorFixture(tmp_path, parser="json")
    fixture.process(b'{"a":1}\n' * 900 + b"no json\n" * 99)
    assert fixture.counters.unparsed_share == 0
    fixture.process(b"no json\n" * 10)
    assert fixture.counters.unparsed_share == pytest.approx(109 / 1009)
    fixture.process(b"no json\n" * 1000)
    assert fixture.counters.unparsed_share == 1
    assert fixture.event_names().count("LinesNotParsed") == 1
    fixture.process(b'{"a":1}\n' * 1000)
    assert fixture.counters.unparsed_share == 0


def test_a_parser_that_accepts_no_line_is_reported_after_a_few_lines(tmp_path: Path) -> None:
    fixture = ProcessorFixture(tmp_path, parser="json")
    fixture.process(b"no json\n" * 49)
    assert (fixture.counters.unparsed_share, "LinesNotParsed" in fixture.event_names()) == (0, False)
    fixture.process(b"no json\n")
    assert (fixture.counters.unparsed_share, "LinesNotParsed" in fixture.event_names()) == (1, True)
    fixture.process(b'{"a":1}\n')
    assert fixture.counters.unparsed_share == 0


def test_lines_that_the_parser_does_not_match_are_counted(tmp_path: Path) -> None:
    fixture = ProcessorFixture(tmp_path, parser="json")
    fixture.process(b'{"a": 1}\nno json\n')
    assert fixture.counters.unparsed == 1


def test_a_transform_that_fails_is_reported_once_and_counted_always(tmp_path: Path) -> None:
    fixture = ProcessorFixture(tmp_path, parser="json", transforms=[{"convert": {"n": "integer"}}])
    fixture.process(b'{"n": "x"}\n{"n": "y"}\n')
    fixture.process(b'{"n": "z"}\n')
    assert fixture.event_names().count("TransformFailed") == 1
    assert list(fixture.counters.transform_errors.values()) == [3]


def test_documents_are_encoded_together_for_a_bulk_encoding_sink(tmp_path: Path) -> None:
    part = ProcessorFixture(tmp_path, BulkFraming("<", ">\n")).process(b"one\n")
    assert isinstance(part.documents, EncodedDocuments)


def test_documents_are_compressed_on_request_and_their_ranges_stay(tmp_path: Path) -> None:
    part = ProcessorFixture(tmp_path, BulkFraming("<", ">\n")).process(b"one\n\ntwo\n", compress=True)
    assert isinstance(part.documents, CompressedDocuments)
    assert [json.loads(text)["message"] for text in part.documents.json_lines()] == ["one", "two"]
    assert list(part.documents.starts) == list(part.ranges.starts) == [0, 5]
    assert part.ranges.ends_of([0, 5]) == [4, 9]


def test_without_a_tap_no_code_of_taps_runs(fixture: ProcessorFixture) -> None:
    """Shippers must not notice that taps exist: the calls are counted by an interpreter hook."""
    calls: list[str] = []

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.endswith("pipeline/tap.py"):
            calls.append(frame.f_code.co_name)

    def process() -> list[str]:
        calls.clear()
        sys.setprofile(profile)
        try:
            fixture.process(b"one\n" * 100)
        finally:
            sys.setprofile(None)
        return list(calls)

    assert process() == []
    fixture.taps.find("socket", "me", (), lambda: Tap(None, "document", None, fixture.clock))
    assert process() == ["offer"], "once for the chunk, and not for its lines"
