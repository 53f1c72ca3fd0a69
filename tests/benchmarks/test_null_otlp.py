"""The null receiver of OTLP counts log records, and tells what they hold; bytes are made by hand, from the schema."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection

from tests.benchmarks.servers import null_server


def _field(number: int, content: bytes) -> bytes:
    """A field of the type LEN; contents are below 16 KiB."""
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])
    return bytes([number << 3 | 2]) + length + content


def _record(text: str, number: int) -> bytes:
    """A LogRecord with a time, a text and an attribute that is a whole number."""
    attribute = _field(1, b"n") + _field(2, bytes([3 << 3, number]))
    return b"\x09" + bytes(8) + _field(5, _field(1, text.encode())) + _field(6, attribute)


def _request(records: list[bytes]) -> bytes:
    """An ExportLogsServiceRequest with one resource (that has attributes of its own) and one scope."""
    scope = b"".join(_field(2, record) for record in records)
    return _field(1, _field(1, _field(1, b"")) + _field(2, scope))


def _post(port: int, path: str, body: bytes) -> tuple[int, bytes]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("POST", path, body=body, headers={"content-type": "application/x-protobuf"})
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_every_record_is_counted_and_accepted() -> None:
    with null_server("otlp") as null:
        assert _post(null.port, "/v1/logs", _request([_record("one", 1), _record("two" * 60, 2)])) == (200, b"")
        assert _post(null.port, "/v1/logs", _request([_record("three", 3)]))[0] == 200
        assert null.stats()["documents"] == 3


def test_what_is_kept_is_the_text_and_the_attributes() -> None:
    with null_server("otlp", keep=True) as null:
        _post(null.port, "/v1/logs", _request([_record("ü" * 100, 7), _record("two", 8)]))
        assert [found for _, found in null.documents()] == [{"body": "ü" * 100, "n": 7}, {"body": "two", "n": 8}]


def test_other_paths_are_no_logs() -> None:
    with null_server("otlp") as null:
        assert _post(null.port, "/v1/traces", b"")[0] == 404
        assert null.stats()["documents"] == 0
