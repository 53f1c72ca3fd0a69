"""A list of parsers: each line goes to the first one that can parse it."""

from sidecar.parse.access_log import nginx
from sidecar.parse.chain import ParserChain
from sidecar.parse.json import JsonParser
from sidecar.parse.plain import PlainTextParser
from sidecar.parse.time.timestamps import Timestamps
from sidecar.parse.time.zones import Zones
from tests.support.builders.records import fields, framed

ORDINARY = (
    '203.0.113.7 - ann [23/Nov/2026:01:00:00 +0000] "GET /a?b=1 HTTP/1.1" 200 512 "https://shop.example/" "curl/8.5"'
)


def test_a_list_gives_each_line_to_the_first_that_can() -> None:
    chain = ParserChain([JsonParser(Timestamps()), nginx(Zones()), PlainTextParser()])
    records = chain.parse(framed('{"a":1}', ORDINARY, "text"))
    assert not records.errors
    assert [sorted(found)[0] for found in fields(records)] == ["a", "http", "message"]
    assert list(records.times) == ["", "2026-11-23T01:00:00Z", ""]
