"""JSON becomes the same BSON by every way that is open to it: compiled, as one array, alone, and with care."""

from __future__ import annotations

import json
from typing import Any

import bson
import bson.errors
import pytest
from bson.decimal128 import Decimal128
from hypothesis import given
from hypothesis import strategies as st

from sidecar.model.batch import Batch, Rejection
from sidecar.sinks.mongodb._bson import documents
from sidecar.sinks.mongodb.bson_encoder import Encoder, Rows
from tests.support.builders.batches import batch_of, generation

FAULTS = (bson.errors.BSONError, OverflowError, UnicodeEncodeError)
COMPILED = Encoder(bson.encode, Decimal128, FAULTS, documents)
AS_AN_ARRAY = Encoder(bson.encode, Decimal128, FAULTS, None)
ONE_BY_ONE = Encoder(bson.encode, Decimal128, FAULTS, lambda lines: [None] * (lines.count(b"\n") // 2))

BLANKS = st.sampled_from(["", "", "", " ", "\t", "  \r "])
TIMES = st.sampled_from([
    "2026-11-23T01:00:00Z", "2026-11-23T01:00:00.1Z", "2026-11-23T01:00:00.123456789+01:00",
    "1969-12-31T23:59:59.9994Z",
    "2024-02-29T12:00:00-23:59", "2023-02-29T12:00:00Z", "2000-02-29T00:00:00.000Z", "1900-02-29T00:00:00Z",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2016-12-31T23:59:60Z", "2026-11-23T01:00:00",
    "2026-11-23T01:00:00.Z", "2026-11-23 01:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T01:00Z",
    "2026-W47-1", "soon",
])  # fmt: skip
WRITTEN_TIMES = st.datetimes().map(lambda moment: f"{moment.isoformat()}Z") | TIMES
NUMBERS = st.sampled_from([
    "0", "-0", "0.0", "-0.0", "1e5", "1E+5", "1e-5", "0.1", "5e-324", "2.2250738585072011e-308",
    "1.7976931348623157e308",
    "1e999", "-1e999", "64.40", "0.000000000000000000001", "123456789012345.6", "9007199254740993",
    "9007199254740993.0",
    "2147483647", "2147483648", "-2147483648", "-2147483649", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775809", "18446744073709551616", "1" * 60, "0." + "3" * 80,
])  # fmt: skip
WRITTEN_NUMBERS = (
    NUMBERS
    | st.integers().map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**16), max_value=10**16).map(str)
)
ESCAPED = st.sampled_from([
    r"\"", r"\\", r"\/", r"\b\f\n\r\t", r"\u0041", r"\u00e9", r"\u20AC", r"\ud83d\ude00", r"\ud800", r"\udc00\ud800",
    r"\ud800\u0041", r"\u0000", r"\ud800\ud800",
])  # fmt: skip
PLAIN = st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cs", "Cc"]), max_size=12)
TEXTS = st.lists(PLAIN | ESCAPED, max_size=4).map(lambda parts: '"' + "".join(parts) + '"')
KEYS = (
    st.sampled_from(['"a"', '"b"', '"event"', '"ingested"', '"@timestamp"', '"_id"', '""', '"$a"', '"a.b"']) | TEXTS
)


def joined(begin: str, parts: list[str], end: str) -> str:
    return begin + ",".join(parts) + end


def objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.tuples(KEYS, BLANKS, values, BLANKS).map(lambda found: f"{found[3]}{found[0]}{found[1]}:{found[2]}")
    times = st.tuples(st.sampled_from(['"@timestamp"', '"ingested"']), WRITTEN_TIMES)
    dated = times.map(lambda found: f'{found[0]}:"{found[1]}"')
    return st.lists(members | dated, max_size=6).map(lambda parts: joined("{", parts, "}"))


def arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.tuples(BLANKS, values).map("".join), max_size=12).map(lambda parts: joined("[", parts, "]"))


SCALARS = st.sampled_from(["null", "true", "false"]) | WRITTEN_NUMBERS | TEXTS
VALUES = st.recursive(SCALARS, lambda values: objects(values) | arrays(values), max_leaves=20)
DOCUMENTS = objects(VALUES)


def encoded(encoder: Encoder, batch: Batch) -> tuple[Rows, list[Rejection]]:
    rejected: list[Rejection] = []
    return encoder.encode_batch(batch, "logs", rejected), rejected


@given(st.lists(DOCUMENTS, min_size=1, max_size=5))
def test_every_encoder_writes_the_same_bytes(texts: list[str]) -> None:
    batch = batch_of(*texts)
    expected = encoded(ONE_BY_ONE, batch)
    assert encoded(COMPILED, batch) == expected
    assert encoded(AS_AN_ARRAY, batch) == expected


@given(
    DOCUMENTS, st.integers(0, 200), st.sampled_from(["", ",", "}", "]", '"', "\\", ":", "0", "x", " ", "{", "\x01"])
)
def test_invalid_json_is_left_to_the_general_encoder(text: str, at: int, instead: str) -> None:
    """One character is another one: either it is JSON still, or nothing is made of it."""
    broken = text[:at] + instead + text[at + 1 :]
    [found] = documents(f"id\n{broken}\n".encode())
    try:
        json.loads(broken)
    except ValueError:
        assert found is None


FRAGMENTS = st.sampled_from([
    b"{", b"}", b"[", b"]", b'{"', b'":', b'"', b",", b":", b"\\", b"\\u", b"\\ud83d", b"d800", b"true", b"nul", b"-",
    b"1e", b"0.", b"9" * 20, b'"@timestamp":"2026-11-23T01:00:00.1', b'Z"', b'"event":{"ingested":"', b"\x00",
    b"\xff", b"\xc3", "ä".encode(),
])  # fmt: skip
JUNK = st.lists(FRAGMENTS, max_size=12).map(b"".join)


@given(st.lists(JUNK, max_size=6))
def test_whatever_the_bytes_are_each_second_line_is_a_document_or_left_to_python(lines: list[bytes]) -> None:
    data = b"".join(b"%b\n" % line for line in lines)
    if len(lines) % 2:
        with pytest.raises(ValueError, match="an id has no document"):
            documents(data)
    else:
        found = documents(data)
        is_text = [data.isascii() for data in lines]
        assert len(found) == len(lines) // 2
        for index, document in enumerate(found):
            assert document is None or bson.is_valid(document) or not all(is_text[2 * index : 2 * index + 2])


@pytest.mark.parametrize(
    "lines", [None, 7, "id\n{}\n", bytearray(b"id\n{}\n"), memoryview(b"id\n{}\n"), [b"id\n", b"{}\n"]]
)
def test_other_types_than_bytes_are_refused(lines: Any) -> None:
    with pytest.raises(TypeError):
        documents(lines)


def as_lines(*texts: str) -> bytes:
    return "".join(f"x-{index}\n{text}\n" for index, text in enumerate(texts)).encode()


LINE = (
    '{"@timestamp":"2026-11-23T01:00:00.123Z","level":"info","status":304,"took_ms":171.76,"cached":false,"seq":0,'
    '"ns":1764032400123456789,"tags":["a",{"b":null}],"text":"\\u00fc \\"quoted\\"\\n",'
    '"event":{"ingested":"2026-11-23T01:00:01Z"},"log":{"file":{"path":"/var/log/a.log"},"offset":241}}'
)


def test_an_ordinary_document_takes_the_fast_path() -> None:
    found = documents(as_lines(LINE, LINE))
    assert None not in found
    assert found == AS_AN_ARRAY.encode_in_python(as_lines(LINE, LINE))


@pytest.mark.parametrize(
    "text",
    [
        '{"a":9223372036854775808}', '{"a":1e999}', '{"a":1,"a":2}', '{"\\u0000":1}', '{"a":"\\ud800"}', '{"_id":1}',
        '{"@timestamp":"soon"}', '{"event":{"ingested":"soon"}}', "[]", "{", "", '{"a":01}', '{"a":1}x', '{"a":1,}',
        '{"a":-}', '{"a":1.}', '{"a":.5}', '{"a":1e}', '{"a":tru}', '{"a":"\\x"}', '{"a":"\\u12"}', '{a:1}', '{"a"}',
        "{" + ",".join(f'"{n}":{n}' for n in range(65)) + "}", '{"a":' * 101 + "1" + "}" * 101,
    ],
)  # fmt: skip
def test_a_document_for_the_general_encoder_does_not_affect_its_neighbours(text: str) -> None:
    before, found, behind = documents(as_lines(LINE, text, LINE))
    assert found is None
    assert None not in (before, behind)


@pytest.mark.parametrize("lines", [b"x-0\n", b"x-0\n{}", b"x-0\n{}\nx-1\n", b"\n"])
def test_an_id_without_a_document_is_refused(lines: bytes) -> None:
    with pytest.raises(ValueError, match="an id has no document"):
        documents(lines)


def test_no_lines_are_no_documents() -> None:
    assert documents(b"") == []


def test_a_large_document_is_encoded_whole() -> None:
    text = json.dumps({"m": ["x" * 1000] * 5000})
    [found] = documents(as_lines(text))
    assert found is not None
    assert bson.decode(found)["m"] == ["x" * 1000] * 5000


def test_ids_are_those_of_the_batch() -> None:
    batch = batch_of(LINE, '{"n":1e999}', of=generation())
    stored: list[dict[str, Any]] = [bson.decode(data) for data in encoded(COMPILED, batch)[0].data]
    assert [document["_id"] for document in stored] == batch.ids
