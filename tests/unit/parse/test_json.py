"""JSON lines: kept as they are written, the same at a stroke and line by line."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sidecar.decode.framing import Framer
from sidecar.document.builder import DocumentBuilder
from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.json import JsonParser
from sidecar.parse.time.timestamps import Timestamps
from sidecar.testing import ManualClock
from tests.support.builders.records import chunk

RESERVED = DocumentBuilder(ManualClock(), "here").reserved_names()
TIME = "2026-11-23T01:00:00.123456789Z"


def framed(data: bytes) -> LineBatch:
    return Framer().frame(chunk(data, 100))


def parsed(data: bytes, **options: str) -> RecordBatch:
    return JsonParser(Timestamps(), RESERVED, **options).parse(framed(data))


def test_the_members_are_the_applications_own_text() -> None:
    records = parsed(b'{"a":64.40,"b":12345678901234567890}\n{"c" : 1e5,"c":2}\n')
    assert list(records.bodies) == ['"a":64.40,"b":12345678901234567890', '"c" : 1e5,"c":2']
    assert list(records.starts) == [100, 137]


@pytest.mark.parametrize("name", ["@timestamp", "timestamp", "time", "ts"])
def test_the_time_is_found_under_its_usual_names_and_kept_as_written(name: str) -> None:
    assert list(parsed(b'{"%b":"%b"}\n' % (name.encode(), TIME.encode())).times) == [TIME]


def test_a_number_is_an_epoch_and_a_field_may_be_named() -> None:
    assert list(parsed(b'{"ts":1795395600.5}\n').times) == ["2026-11-23T01:00:00.5Z"]
    assert list(parsed(b'{"meta":{"at":1795395600000}}\n', field="meta.at").times) == ["2026-11-23T01:00:00.000Z"]


@pytest.mark.parametrize(
    "written",
    ['"2026-11-23 01:00:00,123"', '"2026-11-23T01:00:00.123+0000"', "1795395600123", "1795395600.123",
     '"1795395600123"', '"\\u0032026-11-23 01:00:00.123"'],
)  # fmt: skip
@pytest.mark.parametrize("name", ["@timestamp", "time", "ts"])
def test_times_that_are_converted_are_the_same_at_a_stroke_and_line_by_line(name: str, written: str) -> None:
    lines = framed("".join(f'{{"{name}":{written},"n":{n}}}\n' for n in range(3)).encode())
    one, finisher = JsonParser(Timestamps(), RESERVED), DocumentBuilder(ManualClock(), "here")
    together, apart = one.parse(lines), one.parse(replace(lines, is_uniform=False))
    assert together.times == apart.times == ["2026-11-23T01:00:00.123Z"] * 3
    assert finisher.build(together).json_lines() == finisher.build(apart).json_lines()
    assert (together.root_names is not None) is (name != "@timestamp" and "u0032" not in written)


AS_TIME = ["1", "1.5", '"2026-11-23 01:00:00"', f'"{TIME}"', "null", "true", "[1]", '""', "-1", "1e3"]


@given(st.lists(st.sampled_from(AS_TIME), max_size=4))
def test_times_of_all_kinds_are_the_same_at_a_stroke_and_line_by_line(values: list[str]) -> None:
    lines = framed(b"".join(b'{"time":%s}\n' % value.encode() for value in values) or b'{"a":1}\n')
    one, finisher = JsonParser(Timestamps(), RESERVED), DocumentBuilder(ManualClock(), "here")
    together, apart = one.parse(lines), one.parse(replace(lines, is_uniform=False))
    assert together.times == apart.times
    assert finisher.build(together).json_lines() == finisher.build(apart).json_lines()


def test_a_time_that_would_inject_something_is_no_time() -> None:
    records = parsed(b'{"time":"2026-11-23T01:00:00Z\\"},{\\"x\\":\\""}\n{"time":"2026\\n-11"}\n')
    assert list(records.times) == ["", ""]


@pytest.mark.parametrize(
    "line",
    ["not json", "{}x", '{"a":1}{"b":2}', "[1]", "1", '"text"', '{"a":', '{"a":1,}', "[" * 5000, '{"a":' * 5000],
)
def test_what_is_not_one_object_becomes_a_message_with_the_reason_and_spoils_no_neighbour(line: str) -> None:
    records = parsed(f'{{"a":1}}\n{line}\n{{"b":2}}\n'.encode())
    assert list(records.errors) == [1]
    assert json.loads("{" + records.bodies[1] + "}") == {"message": line}
    assert [records.bodies[0], records.bodies[2]] == ['"a":1', '"b":2']


def test_one_value_over_two_lines_is_two_lines_that_do_not_parse() -> None:
    assert list(parsed(b'{"a":1}\n{"b":\n2}\n{"c":3}{"d":4}\n').errors) == [1, 2, 3]


def test_an_empty_object_is_a_record_without_fields() -> None:
    records = parsed(b'{}\n{ }\n{"a":1}\n')
    assert list(records.bodies) == ["", "", '"a":1']
    assert not records.errors


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm() -> None:
    assert list(parsed('\ufeff{"a":1}\r\n{"b":2}\r\n'.encode()).bodies) == ['"a":1', '"b":2']


def test_fields_go_under_a_target_on_request() -> None:
    assert list(parsed(b'{"a":1}\n', target="app.log").bodies) == ['"app":{"log":{"a":1}}']


def test_a_reserved_name_sends_the_chunk_the_general_way() -> None:
    for line in (
        b'{"log":null}\n',
        b'{"_id":1}\n',
        b'{"l\\u006fg":1}\n',
        b'{"log.offset.x":1}\n',
    ):
        assert parsed(b'{"a":1}\n' + line).root_names is None
    for line in (
        b'{"b":"say \\"hi\\""}\n',
        b'{"log.level":"info"}\n',
        b'{"error":{"message":"boom"}}\n{"error":null}\n',
    ):
        assert parsed(b'{"a":1}\n' + line).root_names == frozenset()


def test_a_value_under_error_leaves_the_chunk_together_and_is_told() -> None:
    for member, names in ((b'"error":"boom"', ["error"]), (b'"error":{}', []), (b'"error":null', [])):
        found = parsed(b'{"time":"%b",%b}\n{"time":"%b"}\n' % (TIME.encode(), member, TIME.encode()))
        assert (found.root_names, list(found.times)) == (frozenset(names), [TIME, TIME])


@pytest.mark.parametrize("field", ["host", "log.offset"])
def test_a_time_under_a_name_of_ours_moves_to_original_as_other_values_do(field: str) -> None:
    finisher = DocumentBuilder(ManualClock(), "here")
    document = json.loads(finisher.build(parsed(f'{{"{field}":"{TIME}"}}\n'.encode(), field=field)).json_lines()[0])
    for part in ("original", *field.split(".")):
        document = document[part]
    assert document == TIME


def test_lines_without_any_time_go_at_a_stroke_too() -> None:
    records = parsed(b'{"a":1}\n{"b":2}\n')
    assert (records.root_names, list(records.times)) == (frozenset(), ["", ""])


NAMES = st.sampled_from(
    ["a", "time", "@timestamp", "ts", "log", "log.offset", "log.offset.x", "log.level", "offset.x", "offset", "_id",
     "ä", "event.ingested", "@timestamp.x", "error", "error.message", "x y"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6) | st.just(TIME),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)
LINES = st.builds(
    lambda fields, ascii_only, compact: json.dumps(
        fields, ensure_ascii=ascii_only, separators=(",", ":") if compact else (", ", ": ")
    ),
    OBJECTS,
    st.booleans(),
    st.booleans(),
) | st.sampled_from(
    [
        "{}",
        "{ }",
        "plain",
        '{"a":1}{"b":2}',
        '{"a":1} ',
        ' {"a":1}',
        '{"a":1 }',
        "{\t}",
        '{"a":1}\r',
        "",
        "[]",
        '{"a":',
        "}",
        '{"a":1}}',
        '{"time":"x","host":2}',
        '{"@timestamp":1}',
        '{"host":"here","a":[1]}',
        '{"event":"x"}',
    ]
)


@given(st.lists(LINES, min_size=1, max_size=5))
def test_documents_are_the_same_to_the_byte_whichever_lines_they_come_with(lines: list[str]) -> None:
    finisher = DocumentBuilder(ManualClock(), "here")
    together = finisher.build(parsed("".join(f"{line}\n" for line in lines).encode())).json_lines()
    one_by_one = []
    offset = 100
    for line in lines:
        data = f"{line}\n".encode()
        records = JsonParser(Timestamps(), RESERVED).parse(Framer().frame(chunk(data, offset)))
        one_by_one += finisher.build(records).json_lines()
        offset += len(data)
    assert together == one_by_one
    for text in together:
        msgspec.json.decode(text)


def test_one_line_of_text_does_not_send_its_neighbours_the_general_way() -> None:
    lines = [f'{{"time":"{TIME}","n":{number}}}' for number in range(50)] + ["text", f'{{"time":"{TIME}"}}']
    records = parsed("".join(f"{line}\n" for line in lines).encode())
    assert records.root_names == frozenset({"message"})
    assert list(records.errors) == [50]
    assert records.times == [*[TIME] * 50, "", TIME]


def test_an_object_over_several_lines_of_one_event_is_one_line_in_the_document() -> None:
    text = '{\n  "a": 1,\n  "b": "x\\ny"\n}'
    records = JsonParser(Timestamps()).parse(Framer().frame(chunk([text], event_starts=(0,))))
    assert (records.bodies, records.errors) == (['   "a": 1,   "b": "x\\ny" '], {})
