"""A list of parsers: each line goes to the first one that can parse it."""

import pytest

from sidecar.parse.access_log import nginx
from sidecar.parse.chain import ParserChain
from sidecar.parse.json import JsonParser
from sidecar.parse.plain import PlainTextParser
from sidecar.parse.time.timestamps import Timestamps
from sidecar.parse.time.zones import Zones
from tests.support.builders.records import documents, fields, framed

ORDINARY = (
    '203.0.113.7 - ann [23/Nov/2026:01:00:00 +0000] "GET /a?b=1 HTTP/1.1" 200 512 "https://shop.example/" "curl/8.5"'
)


def test_a_list_gives_each_line_to_the_first_that_can() -> None:
    chain = ParserChain([JsonParser(Timestamps()), nginx(Zones()), PlainTextParser()])
    records = chain.parse(framed('{"a":1}', ORDINARY, "text"))
    assert not records.errors
    assert [sorted(found)[0] for found in fields(records)] == ["a", "http", "message"]
    assert list(records.times) == ["", "2026-11-23T01:00:00Z", ""]


@pytest.mark.parametrize(
    "chain", [["logfmt", "json", "plain"], ["nginx", "json", "logfmt", "plain"], ["json", "plain"]]
)
def test_lines_that_a_parser_rejects_become_the_documents_that_they_are_alone(chain: list[str]) -> None:
    lines = [
        '{"@timestamp":"2026-11-23T01:00:00Z","a":1}', "a=1 b=2", "text", ORDINARY,
        '{"@timestamp":"2026-11-23T01:00:01Z"}', '{"host":"web-1"}', "a=1 a=2",
        '{"time":"2026-11-23T01:00:02Z","_id":7}',
    ]  # fmt: skip
    for some in (lines, lines[:1], [lines[0], lines[4]], lines[1:4]):
        alone = [document for line in some for document in documents([line], parser=chain)]
        together = documents(some, parser=chain)
        for one, other in zip(together, alone, strict=True):
            assert one["log"].pop("offset") >= other["log"].pop("offset")
            assert one == other
