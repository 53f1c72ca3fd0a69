"""What the Elasticsearch sink makes of answers, refusals and connections that fail."""

from __future__ import annotations

import base64
import gc
import gzip
import inspect
import json
import re
import ssl
import threading
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import elastic_transport
import pytest
import trustme
from elastic_transport import NodeConfig

from sidecar.deliver.retry import RetryingWriter
from sidecar.errors import DeliveryError, Misconfigured, RequestBlocked, RequestTooLarge, Retryable
from sidecar.model.batch import Batch
from sidecar.model.documents import CompressedDocuments, EncodedDocuments
from sidecar.sinks.elasticsearch import node as node_module
from sidecar.sinks.elasticsearch.errors import TRANSPORT_ERRORS
from sidecar.sinks.elasticsearch.node import BoundedHttpNode
from sidecar.sinks.elasticsearch.sink import ElasticsearchSettings, ElasticsearchSink
from tests.support.builders.batches import batch_of
from tests.support.cleanup import close_after_test
from tests.support.refusals import SECRET, check_result, deliver
from tests.support.servers.elasticsearch_proxy import JSON, ElasticsearchProxy, Request, opened
from tests.support.servers.replying import replying

CREATED = b'{"create":{"status":201}}'


@pytest.fixture
def proxy() -> Iterator[ElasticsearchProxy]:
    with opened(ElasticsearchProxy()) as proxy:
        yield proxy


class NoWait(threading.Event):
    """A stop that is never set, and pauses of no length."""

    def wait(self, timeout: float | None = None) -> bool:
        return False


def sink_at(proxy: ElasticsearchProxy, scheme: str = "http", **settings: Any) -> ElasticsearchSink:
    given = {"hosts": [f"{scheme}://127.0.0.1:{proxy.port}"], "index": "app", **settings}
    return close_after_test(ElasticsearchSink(ElasticsearchSettings.model_validate(given)))


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def test_every_exception_of_the_transport_has_an_entry() -> None:
    members = [
        *inspect.getmembers(elastic_transport, inspect.isclass),
        *inspect.getmembers(node_module, inspect.isclass),
    ]
    classes = {found for _, found in members if issubclass(found, elastic_transport.TransportError)}
    missing = [each.__name__ for each in classes if each not in TRANSPORT_ERRORS]
    assert not missing


def test_a_compressed_request_and_its_compressed_answer_are_the_same_as_plain_ones(proxy: ElasticsearchProxy) -> None:
    batch = batch_of('{"n":1}', '{"n":2}')
    answer = b'{"errors":false,"items":[%b,%b]}' % (CREATED, CREATED)
    proxy.answer(200, answer)
    proxy.answer(200, gzip.compress(answer), {**JSON, "Content-Encoding": "gzip"})
    for compress in (False, True):
        assert sink_at(proxy, compress=compress).write(batch).stored == range(2)
    plain, compressed = proxy.requests
    assert gzip.decompress(compressed.body) == plain.body
    told = {"content-encoding": "gzip", "accept-encoding": "gzip"}
    assert {name: compressed.headers.get(name) for name in told} == told
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    ("settings", "actions"),
    [
        ({}, ('{"create":{"_id":"ID"}}', '{"create":{"_id":"ID"}}')),
        ({"document_id": "none"}, ('{"create":{}}', '{"create":{}}')),
        (
            {"index": "app-{k:none}"},
            ('{"create":{"_index":"app-1","_id":"ID"}}', '{"create":{"_index":"app-2","_id":"ID"}}'),
        ),
    ],
)
@pytest.mark.parametrize("compress", [False, True])
def test_the_parts_of_a_batch_are_one_body(
    proxy: ElasticsearchProxy, settings: dict[str, Any], actions: tuple[str, ...], compress: bool
) -> None:
    texts = ('{"k":1}', '{"k":"2"}')
    batch = Batch([part for text in texts for part in batch_of(text).parts])
    proxy.answer(200, b'{"errors":false,"items":[%b,%b]}' % (CREATED, CREATED))
    assert sink_at(proxy, compress=compress, **settings).write(batch).stored == range(2)
    body = proxy.requests[0].body
    rows = zip(actions, batch.ids, texts, strict=True)
    expected = "".join(f"{action.replace('ID', key)}\n{text}\n" for action, key, text in rows)
    assert (gzip.decompress(body) if compress else body).decode() == expected


def compressed_batch(sink: ElasticsearchSink) -> Batch:
    """Return a batch of which the second part was built when the sink was known to be far."""
    assert sink.envelope is not None
    first, second = (EncodedDocuments.from_documents(batch_of(text).parts[0], sink.envelope) for text in "ab")
    return Batch([first, CompressedDocuments.from_encoded(second)])


def body_of(batch: Batch) -> bytes:
    rows = zip(batch.ids, batch.documents, strict=True)
    return "".join(f'{{"create":{{"_id":"{key}"}}}}\n{text}\n' for key, text in rows).encode()


@pytest.mark.parametrize(("compress", "is_gzip"), [("auto", True), (True, True), (False, False)])
def test_documents_that_were_compressed_are_sent_as_gzip(
    proxy: ElasticsearchProxy, compress: bool | str, is_gzip: bool
) -> None:
    proxy.answer(200, b'{"errors":false,"items":[%b,%b]}' % (CREATED, CREATED))
    sink = sink_at(proxy, compress=compress)
    batch = compressed_batch(sink)
    sink.write(batch)
    (request,) = proxy.requests
    assert request.headers.get("content-encoding") == ("gzip" if is_gzip else None)
    body = gzip.decompress(request.body) if is_gzip else request.body
    assert body == body_of(batch)


def test_a_server_that_does_not_support_gzip_gets_plain_requests_from_then_on(proxy: ElasticsearchProxy) -> None:
    created = b'{"errors":false,"items":[%b,%b]}' % (CREATED, CREATED)
    for status, content in ((415, b""), (200, created), (200, created)):
        proxy.answer(status, content)
    sink = sink_at(proxy)
    batch = compressed_batch(sink)
    before = sink.compress
    for _ in range(2):
        assert sink.write(batch).stored == range(2)
    assert (before, sink.compress) == ("auto", False)
    body = body_of(batch)
    assert [gzip.decompress(proxy.requests[0].body), *(each.body for each in proxy.requests[1:])] == [body] * 3


def test_gzip_that_was_asked_for_and_is_not_supported_is_an_error(proxy: ElasticsearchProxy) -> None:
    proxy.answer(415, b"")
    with pytest.raises(Misconfigured, match="answered 415"):
        sink_at(proxy, compress=True).write(batch_of('{"n":1}'))


@pytest.mark.parametrize(
    ("settings", "compress"),
    [
        ({}, "auto"),
        ({"compress": True}, True),
        ({"compress": False}, False),
        ({"compress": True, "index": "app-{team:none}"}, "auto"),
        ({"compress": False, "index": "app-{team:none}"}, False),
    ],
)
def test_documents_that_need_their_own_action_lines_are_compressed_early_only_for_a_late_sink(
    proxy: ElasticsearchProxy, settings: dict[str, Any], compress: bool | str
) -> None:
    assert sink_at(proxy, **settings).compress == compress


@pytest.mark.parametrize("items", [b"", CREATED, CREATED + b"," + CREATED + b"," + CREATED])
@pytest.mark.parametrize("errors", [b"false", b"true"])
def test_an_answer_about_another_number_of_documents_settles_nothing(
    proxy: ElasticsearchProxy, items: bytes, errors: bytes
) -> None:
    proxy.answer(200, b'{"errors":%b,"items":[%b]}' % (errors, items))
    with pytest.raises(Retryable, match="one result per document"):
        sink_at(proxy).write(batch_of("{}", "{}"))


@pytest.mark.parametrize("body", [b"{}", b"[]", b"", b"<html>welcome</html>", b'{"errors":false}', b'{"took":1}'])
def test_an_invalid_response_settles_nothing(proxy: ElasticsearchProxy, body: bytes) -> None:
    proxy.answer(200, body)
    with pytest.raises(Retryable) as fault:
        sink_at(proxy).write(batch_of("{}"))
    assert "welcome" not in str(fault.value)


def test_a_web_page_instead_of_an_answer_is_not_repeated(proxy: ElasticsearchProxy) -> None:
    proxy.answer(200, b"<html>welcome</html>", {"Content-Type": "text/html"})
    with pytest.raises(DeliveryError) as fault:
        sink_at(proxy).write(batch_of("{}"))
    assert "welcome" not in str(fault.value)


def test_every_item_is_judged_even_if_the_answer_says_that_there_was_no_error(proxy: ElasticsearchProxy) -> None:
    busy = b'{"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"full"}}}'
    proxy.answer(200, b'{"errors":false,"items":[%b,%b]}' % (CREATED, busy))
    verdict = sink_at(proxy).write(batch_of("{}", "{}"))
    assert list(verdict.stored) == [0]
    assert isinstance(verdict.error, Retryable)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_document_that_cannot_be_taken_now_is_left_to_be_sent_again(proxy: ElasticsearchProxy, status: int) -> None:
    item = b'{"create":{"status":%d,"error":{"type":"some_exception","reason":"r"}}}' % status
    proxy.answer(200, b'{"errors":true,"items":[%b,%b]}' % (item, CREATED))
    verdict = sink_at(proxy).write(batch_of("{}", "{}"))
    assert (list(verdict.stored), list(verdict.rejected)) == ([1], [])
    assert isinstance(verdict.error, Retryable)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "some_new_exception"), (401, "security_exception"), (403, "security_exception"),
     (404, "index_not_found_exception"), (409, "some_other_conflict"), (418, "x")],
)  # fmt: skip
def test_an_error_that_is_not_about_a_document_is_misconfigured(
    proxy: ElasticsearchProxy, status: int, kind: str
) -> None:
    busy = b'{"create":{"status":503,"error":{"type":"x","reason":"r"}}}'
    item = b'{"create":{"status":%d,"error":{"type":"%b","reason":"r"}}}' % (status, kind.encode())
    proxy.answer(200, b'{"errors":true,"items":[%b,%b,%b]}' % (busy, item, CREATED))
    verdict = sink_at(proxy).write(batch_of("{}", "{}", "{}"))
    assert (list(verdict.stored), list(verdict.rejected)) == ([2], [])
    assert isinstance(verdict.error, Misconfigured)


@pytest.mark.parametrize(("setting", "scope"), [("dead_letter", "unclear"), ("wait", "kept")])
def test_the_setting_decides_on_a_document_with_an_unknown_error(
    proxy: ElasticsearchProxy, setting: str, scope: str
) -> None:
    item = b'{"create":{"status":400,"error":{"type":"some_new_exception","reason":"r"}}}'
    proxy.answer(200, b'{"errors":true,"items":[%b,%b]}' % (CREATED, item))
    proxy.answer(403, b"<html>blocked</html>", {"Content-Type": "text/html"})
    sink = sink_at(proxy, unknown_refusals=setting)
    result = sink.write(batch_of("{}", "{}"))
    assert [(each.rejection.index, each.scope) for each in result.refused] == [(1, scope)]
    with pytest.raises(RequestBlocked) as blocked:
        sink.write(batch_of("{}"))
    assert blocked.value.may_reject == (setting == "dead_letter")


def test_a_refusal_that_quotes_a_large_document_is_asked_for_without_its_reason(proxy: ElasticsearchProxy) -> None:
    error = b'"type":"document_parsing_exception","reason":"%b"' % (b"x" * (9 << 20))
    proxy.answer(200, b'{"errors":true,"items":[{"create":{"status":400,"error":{%b}}}]}' % error)
    proxy.answer(200, b'{"errors":true,"items":[{"create":{"status":400,"error":{%b}}}]}' % error[:35])
    result = sink_at(proxy).write(batch_of('{"f":1}'))
    assert [(each.kind, each.status) for each in result.rejected] == [("document_parsing_exception", 400)]
    first, second = proxy.requests
    assert first.body == second.body
    assert ("error.reason" in first.path, "error.reason" in second.path) == (True, False)


# The words of Elasticsearch 8 and 9, and of OpenSearch 2 and 3. Elasticsearch 9 estimates more than the document has.
COORDINATING = (
    "coordinating operation [all_bytes=%d, coordinating_operation_bytes=%d, max_coordinating_bytes=53687091]"
)
BOTH = COORDINATING.replace("max_coordinating_bytes", "max_coordinating_and_primary_bytes")
PRIMARY = "primary operation [all_bytes=%d, primary_operation_bytes=%d, max_primary_bytes=53687091]"


def under_pressure(reason: str, in_use: int, operation: int) -> bytes:
    """The error of a server whose memory for indexing does not suffice for an operation of this size."""
    text = f"rejected execution of {reason % (in_use, operation)}"
    return b'{"type":"es_rejected_execution_exception","reason":"%b"}' % text.encode()


class SmallServer(ElasticsearchProxy):
    """Has memory for requests up to 1000 bytes, and stores them."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason

    def reply(self, request: Request) -> tuple[int, bytes, Mapping[str, str]]:
        size, count = len(request.body), len(request.body.splitlines()) // 2
        if size <= 1000:
            return 200, b'{"errors":false,"items":[%b]}' % b",".join([CREATED] * count), JSON
        error = under_pressure(self.reason, 0, 53687091 + size)
        if self.reason != PRIMARY:
            return 429, b'{"error":%b,"status":429}' % error, JSON
        item = b'{"create":{"status":429,"error":%b}}' % error
        return 200, b'{"errors":true,"items":[%b]}' % b",".join([item] * count), JSON


@pytest.mark.parametrize("reason", [COORDINATING, BOTH, PRIMARY])
def test_a_document_that_is_larger_than_the_memory_for_indexing_holds_back_no_other(reason: str) -> None:
    with opened(SmallServer(reason)) as server:
        result = RetryingWriter(sink_at(server), threading.Event()).deliver(
            batch_of("{}", '{"s3cret":"%s"}' % ("x" * 2000), "{}")
        )
    assert {index: (each.kind, each.status) for index, each in result.rejected.items()} == {1: ("too_large", 429)}
    assert re.search(r"5368\d+ bytes .* 53687091", result.rejected[1].reason)
    assert result.postponed == {}


@pytest.mark.parametrize("reason", [COORDINATING, BOTH])
def test_a_request_for_which_memory_will_be_free_later_is_sent_again(proxy: ElasticsearchProxy, reason: str) -> None:
    proxy.answer(429, b'{"error":%b,"status":429}' % under_pressure(reason, 53680000, 53687091))
    with pytest.raises(Retryable, match="429") as busy:
        sink_at(proxy).write(batch_of("{}"))
    assert type(busy.value) is Retryable


def test_documents_for_which_memory_will_be_free_later_are_sent_again(proxy: ElasticsearchProxy) -> None:
    item = b'{"create":{"status":429,"error":%b}}' % under_pressure(PRIMARY, 53680000, 53687091)
    proxy.answer(200, b'{"errors":true,"items":[%b]}' % item)
    result = sink_at(proxy).write(batch_of("{}"))
    assert (result.stored, result.rejected, type(result.error)) == ([], [], Retryable)


class Refusing(ElasticsearchProxy):
    """Refuses each document with the secret for this reason, and stores all others."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__()
        error = b'"type":"%b","reason":"%b"' % (kind.encode(), reason.replace("{}", SECRET).encode())
        self._item = b'{"create":{"status":%d,"error":{%b}}}' % (status, error)

    def reply(self, request: Request) -> tuple[int, bytes, Mapping[str, str]]:
        self.requests.append(request)
        documents = request.body.splitlines()[1::2]
        items = [self._item if SECRET.encode() in document else CREATED for document in documents]
        return 200, b'{"errors":true,"items":[%b]}' % b",".join(items), JSON


ABOUT_A_DOCUMENT = {
    "grok": (400, "illegal_argument_exception", "Provided Grok expressions do not match field value: [bad {} 2]"),
    "convert": (400, "illegal_argument_exception", "unable to convert [{}] to integer"),
    "script": (400, "script_exception", "runtime error"),
    "missing field": (400, "illegal_argument_exception", "field [{}] not present as part of path [{}.name]"),
    "dissect": (400, "dissect_exception", "Unable to find match for dissect pattern: %{a} against source: {}"),
    "nested fields": (400, "illegal_argument_exception", "Limit of nested fields [100] has been exceeded"),
    "dimensions": (400, "illegal_argument_exception", "Limit of total dimension fields [32768] has been exceeded"),
    "time series": (400, "timestamp_error", "the document timestamp [{}] is outside of ranges of currently writable"),
    "range field": (400, "document_parsing_exception", "error parsing field [r], expected an object but got {}"),
    "new": (422, "some_new_exception", "{}"),
    "one type": (400, "illegal_argument_exception", "the final mapping would have more than 1 type: [{}, docker]"),
}
"""Refusals of plug-ins and versions that the servers for tests do not have."""


@pytest.mark.parametrize("kind", ABOUT_A_DOCUMENT)
def test_a_document_that_is_refused_while_others_are_stored_is_a_dead_letter(kind: str) -> None:
    with opened(Refusing(*ABOUT_A_DOCUMENT[kind])) as server:
        check_result(deliver(sink_at(server), json.dumps({"text": SECRET})))
    assert len(server.requests) == 1


def test_a_document_at_which_a_server_fails_again_and_again_is_a_dead_letter() -> None:
    with opened(Refusing(500, "null_pointer_exception", "x")) as server:
        writer = RetryingWriter(sink_at(server), NoWait())
        check_result(writer.deliver(batch_of("{}", json.dumps({"text": SECRET}), "{}")))


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (500, "node_closed_exception", "node closed"),
        (503, "process_cluster_event_timeout_exception", "failed to process cluster event (put-mapping) within 30s"),
        (500, "mapper_exception", "timed out while waiting for a dynamic mapping update"),
        (400, "resource_already_exists_exception", "index [app/x] already exists"),
        (500, "failed_to_commit_cluster_state_exception", "timed out while waiting for enough masters to ack"),
    ],
)
def test_a_document_that_a_changing_cluster_cannot_store_waits(status: int, kind: str, reason: str) -> None:
    with opened(Refusing(status, kind, reason)) as server:
        writer = RetryingWriter(sink_at(server), NoWait())
        result = writer.deliver(batch_of("{}", json.dumps({"text": SECRET}), "{}"))
    assert (result.rejected, result.postponed) == ({}, {1: ""})
    assert isinstance(result.reasons[""], Retryable)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("illegal_argument_exception", "Number of documents in the index can't exceed [2147483519]"),
        (
            "illegal_argument_exception",
            "number of documents in the index cannot exceed 2147483519 (current: 214748351)",
        ),
    ],
)
def test_documents_of_a_full_shard_wait_although_other_shards_store_theirs(kind: str, reason: str) -> None:
    with opened(Refusing(400, kind, reason)) as server:
        writer = RetryingWriter(sink_at(server, index="app-{k:none}"), threading.Event())
        result = writer.deliver(batch_of('{"k":"a"}', json.dumps({"k": "a", "text": SECRET}), '{"k":"b"}'))
    assert (result.rejected, result.postponed, result.attempts) == ({}, {1: "app-a"}, 1)
    assert "roll over" in str(result.reasons["app-a"])


@pytest.mark.parametrize(
    "error", [f'"MapperParsingException[{SECRET}]"', "null", "{}", "[]", '{"type":{},"reason":[]}']
)
def test_an_error_in_another_form_is_about_its_document_only(error: str, proxy: ElasticsearchProxy) -> None:
    refused = b'{"create":{"status":400,"error":%b}}' % error.encode()
    proxy.answer(200, b'{"errors":true,"items":[%b,%b,%b]}' % (CREATED, refused, CREATED))
    result = RetryingWriter(sink_at(proxy), NoWait()).deliver(batch_of("{}", json.dumps({"text": SECRET}), "{}"))
    assert (list(result.rejected), result.postponed, result.attempts) == ([1], {}, 1)
    rejection = result.rejected[1]
    assert (rejection.kind, SECRET in rejection.answer) == ("unknown", SECRET in error)
    assert SECRET.lower() not in rejection.reason.lower()


def test_a_server_that_accepts_no_ids_is_named(proxy: ElasticsearchProxy) -> None:
    reason = "Document ID is not supported in create/index operation request"
    refused = {"create": {"status": 400, "error": {"type": "illegal_argument_exception", "reason": reason}}}
    proxy.answer(200, json.dumps({"errors": True, "items": [refused] * 20}).encode())
    with pytest.raises(Misconfigured, match="set document_id: none"):
        RetryingWriter(sink_at(proxy), NoWait()).deliver(batch_of(*["{}"] * 20))


@pytest.mark.parametrize("kind", ["validation_exception", "illegal_argument_exception"])
def test_an_index_for_which_there_is_no_shard_left_holds_back_no_other(kind: str) -> None:
    reason = (
        "Validation Failed: 1: this action would add [2] total shards, but this cluster currently has [2]/[1] ..."
    )
    with opened(Refusing(400, kind, reason)) as server:
        writer = RetryingWriter(sink_at(server, index="app-{k:none}"), threading.Event())
        result = writer.deliver(batch_of('{"k":"old"}', json.dumps({"k": "new", "text": SECRET})))
    assert (result.rejected, result.postponed, result.attempts) == ({}, {1: "app-new"}, 1)


def test_an_index_that_may_not_be_created_holds_back_no_other() -> None:
    reason = "no such index [app-x] and [action.auto_create_index] contains [-app-x]"
    with opened(Refusing(404, "index_not_found_exception", reason)) as server:
        writer = RetryingWriter(sink_at(server, index="app-{k:none}"), threading.Event())
        result = writer.deliver(batch_of('{"k":"good"}', json.dumps({"k": "x", "text": SECRET})))
    assert (result.rejected, result.postponed, result.error) == ({}, {1: "app-x"}, None)


FLOOD_STAGE = (429, "cluster_block_exception", "disk usage exceeded flood-stage watermark")
NO_PRIMARY = (503, "unavailable_shards_exception", "primary shard is not active Timeout")


@pytest.mark.parametrize(("status", "kind", "reason"), [FLOOD_STAGE, NO_PRIMARY])
def test_an_index_that_is_unavailable_for_a_while_holds_back_no_other(
    proxy: ElasticsearchProxy, status: int, kind: str, reason: str
) -> None:
    item = b'{"create":{"status":%d,"error":{"type":"%b","reason":"%b"}}}' % (status, kind.encode(), reason.encode())
    proxy.answer(200, b'{"errors":true,"items":[%b,%b,%b]}' % (item, CREATED, item))
    writer = RetryingWriter(sink_at(proxy, index="app-{k:none}"), threading.Event())
    result = writer.deliver(batch_of('{"k":"full"}', '{"k":"good"}', '{"k":"full"}'))
    assert (result.rejected, result.postponed) == ({}, {0: "app-full", 2: "app-full"})
    assert isinstance(result.reasons["app-full"], Retryable)
    assert len(proxy.requests) == 1


def test_a_document_for_an_index_that_stores_others_is_sent_again(proxy: ElasticsearchProxy) -> None:
    status, kind, reason = FLOOD_STAGE
    item = b'{"create":{"status":%d,"error":{"type":"%b","reason":"%b"}}}' % (status, kind.encode(), reason.encode())
    proxy.answer(200, b'{"errors":true,"items":[%b,%b]}' % (item, CREATED))
    proxy.answer(200, b'{"errors":false,"items":[%b]}' % CREATED)
    result = RetryingWriter(sink_at(proxy), threading.Event()).deliver(batch_of("{}", "{}"))
    assert (result.rejected, result.postponed, result.attempts) == ({}, {}, 2)


RACE = b"""{"create":{"status":400,"error":{"type":"illegal_argument_exception",
"reason":"mapper [n] cannot be changed from type [float] to [long]"}}}"""


def test_a_document_that_lost_a_race_for_the_mapping_is_sent_again_alone(proxy: ElasticsearchProxy) -> None:
    refused = b'{"create":{"status":400,"error":{"type":"document_parsing_exception","reason":"failed to parse"}}}'
    proxy.answer(200, b'{"errors":true,"items":[%b,%b,%b,%b]}' % (CREATED, RACE, refused, RACE))
    proxy.answer(200, b'{"errors":true,"items":[%b,%b]}' % (CREATED, RACE))
    proxy.answer(200, b'{"errors":true,"items":[%b]}' % RACE)
    proxy.answer(200, b'{"errors":true,"items":[%b]}' % RACE)
    result = sink_at(proxy).write(batch_of('{"n":1.5}', '{"n":1}', '{"n":"a"}', '{"n":2}'))
    assert sorted(result.stored) == [0, 1]
    assert sorted((each.index, each.kind) for each in result.rejected) == [
        (2, "document_parsing_exception"), (3, "illegal_argument_exception"),
    ]  # fmt: skip
    assert [len(request.body.splitlines()) for request in proxy.requests] == [8, 4, 2, 2]


def test_a_race_for_the_mapping_settles_nothing_if_the_second_request_fails(proxy: ElasticsearchProxy) -> None:
    proxy.answer(200, b'{"errors":true,"items":[%b,%b]}' % (CREATED, RACE))
    proxy.answer(503, b"{}")
    result = sink_at(proxy, index="app-{n:none}").write(batch_of('{"n":1.5}', '{"n":1}'))
    assert (list(result.stored), result.rejected) == ([0], [])
    assert isinstance(result.error, Retryable)


def test_a_document_that_went_to_the_failure_store_is_stored_and_counted_apart(proxy: ElasticsearchProxy) -> None:
    proxy.answer(200, b'{"errors":false,"items":[%b,{"create":{"status":201,"failure_store":"used"}}]}' % CREATED)
    verdict = sink_at(proxy).write(batch_of("{}", "{}"))
    assert (verdict.stored, verdict.failure_store) == (range(2), [1])


def test_a_document_that_an_ingest_pipeline_dropped_is_counted_apart(proxy: ElasticsearchProxy) -> None:
    proxy.answer(200, b'{"errors":false,"items":[%b,{"create":{"status":200}}]}' % CREATED)
    verdict = sink_at(proxy).write(batch_of("{}", "{}"))
    assert (verdict.stored, verdict.dropped) == (range(2), [1])


@pytest.mark.parametrize(
    ("status", "fault"),
    [(413, RequestTooLarge), (408, Retryable), (429, Retryable), (500, Retryable), (502, Retryable), (503, Retryable),
     (504, Retryable), (507, Retryable), (400, RequestBlocked), (401, Misconfigured), (404, Misconfigured)],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["application/json", "text/html"])
def test_a_request_that_is_refused_as_a_whole_settles_nothing(
    proxy: ElasticsearchProxy, status: int, fault: type[DeliveryError], kind: str
) -> None:
    body = b'{"error":{"type":"t","reason":"r"},"status":1}' if kind == "application/json" else b"<html>hello</html>"
    proxy.answer(status, body, {**JSON, "Content-Type": kind})
    with pytest.raises(DeliveryError) as refused:
        sink_at(proxy).write(batch_of("{}"))
    assert type(refused.value) is fault
    assert str(status) in str(refused.value)
    assert "hello" not in str(refused.value)


@pytest.mark.parametrize("status", [403, 406, 418, 422, 451])
@pytest.mark.parametrize(
    ("body", "fault"),
    [(b"<html>blocked</html>", RequestBlocked), (b'{"Message":"no"}', RequestBlocked),
     (b'{"error":{"type":"security_exception","reason":"r"}}', Misconfigured)],
)  # fmt: skip
def test_only_a_gateway_refuses_a_request_because_of_one_document(
    proxy: ElasticsearchProxy, status: int, body: bytes, fault: type[DeliveryError]
) -> None:
    proxy.answer(status, body)
    with pytest.raises(Misconfigured, match=str(status)) as refused:
        sink_at(proxy).write(batch_of("{}"))
    assert type(refused.value) is fault


class Firewall(ElasticsearchProxy):
    """Refuses each request with a line that looks like an attack, and stores all other documents."""

    stored: ClassVar[list[bytes]] = []

    def reply(self, request: Request) -> tuple[int, bytes, Mapping[str, str]]:
        if b"etc/passwd" in request.body:
            return 403, b"<html>blocked</html>", {"Content-Type": "text/html", "Server": "waf"}
        documents = request.body.splitlines()[1::2]
        self.stored.extend(documents)
        return 200, b'{"errors":false,"items":[%b]}' % b",".join([CREATED] * len(documents)), JSON


def test_a_line_because_of_which_a_firewall_refuses_requests_holds_back_no_other() -> None:
    documents = [f'{{"n":{number}}}' for number in range(200)]
    documents[77] = '{"message":"GET /../../etc/passwd"}'
    with opened(Firewall()) as firewall:
        writer, batch = RetryingWriter(sink_at(firewall), threading.Event()), batch_of(*documents)
        with pytest.raises(RequestBlocked, match="answered 403"):
            writer.deliver(batch)
        result = writer.deliver(batch)
    assert {index: each.kind for index, each in result.rejected.items()} == {77: "request_blocked"}
    assert "passwd" not in result.rejected[77].reason
    assert sorted(Firewall.stored) == sorted(text.encode() for text in documents if "passwd" not in text)


UNKNOWN_PATH = [
    (400, b'{"error":"no handler found for uri [/logs/app/_bulk] and method [POST]","status":400}', JSON),
    (405, b'{"error":"Incorrect HTTP method for uri [/logs/app/_bulk] and method [POST]","status":405}', JSON),
    (404, b"<html>not found</html>", {"Content-Type": "text/html"}),
    (404, b'{"message":"no Route matched with those values"}', JSON),
]


@pytest.mark.parametrize("answer", UNKNOWN_PATH)
@pytest.mark.parametrize("does_probe", [False, True])
def test_a_path_that_the_server_does_not_know_is_named(
    proxy: ElasticsearchProxy, answer: tuple[int, bytes, Mapping[str, str]], does_probe: bool
) -> None:
    proxy.answer(*answer)
    sink = sink_at(proxy, hosts=[f"http://127.0.0.1:{proxy.port}/logs"])
    with pytest.raises(
        Misconfigured, match=r"/logs/app: the server has no API at the path /logs \(answered 40.*gateway"
    ):
        sink.probe() if does_probe else sink.write(batch_of("{}"))


@pytest.mark.parametrize(
    ("status", "kind"), [(404, "index_not_found_exception"), (400, "illegal_argument_exception")]
)
def test_the_path_is_not_to_blame_for_an_error_of_the_server_itself(
    proxy: ElasticsearchProxy, status: int, kind: str
) -> None:
    proxy.answer(status, b'{"error":{"type":"%b","reason":"r"},"status":%d}' % (kind.encode(), status))
    with pytest.raises(Misconfigured, match=rf"refuses the request \(answered {status} by .*: {kind}"):
        sink_at(proxy, hosts=[f"http://127.0.0.1:{proxy.port}/logs"]).write(batch_of("{}"))


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("soon", None), ("", None)]
)
def test_retry_after_of_the_server_is_honoured(proxy: ElasticsearchProxy, header: str, seconds: float | None) -> None:
    proxy.answer(429, b"{}", {**JSON, "Retry-After": header})
    with pytest.raises(Retryable) as fault:
        sink_at(proxy).write(batch_of("{}"))
    assert fault.value.retry_after == seconds


def test_a_web_page_is_not_taken_for_elasticsearch(proxy: ElasticsearchProxy) -> None:
    proxy.answer(200, b"<html>welcome</html>", {"Content-Type": "text/html"})
    with pytest.raises(
        Misconfigured, match=r"a web page of BaseHTTP/\S+ Python/\S+ answers at this address, not Elastic"
    ):
        sink_at(proxy).write(batch_of("{}"))


REFUSED_PROBE = b"""{"errors":true,"items":[{"create":{"status":400,"error":
    {"type":"document_parsing_exception","reason":"[1:1] Field [_field_names] is a metadata field"}}}]}"""


def test_a_probe_uses_the_write_path_and_sends_nothing_else(proxy: ElasticsearchProxy) -> None:
    proxy.answer(200, REFUSED_PROBE)
    proxy.answer(200, b'{"errors":false,"items":[%b]}' % CREATED)
    sink = sink_at(proxy, pipeline="geo", username="u", password="p")
    sink.probe()
    sink.write(batch_of("{}"))
    probe, write = proxy.requests
    assert probe.path == write.path
    same = ("accept", "content-type", "authorization", "user-agent")
    assert [probe.headers.get(name) for name in same] == [write.headers.get(name) for name in same]


def test_a_probe_reports_refusals_and_other_servers_like_a_write(proxy: ElasticsearchProxy) -> None:
    proxy.answer(401, b'{"error":{"type":"security_exception","reason":"no such user"},"status":401}')
    proxy.answer(200, b"<html>welcome</html>", {"Content-Type": "text/html"})
    with pytest.raises(Misconfigured, match=r"does not accept the credentials.*no such user"):
        sink_at(proxy).probe()
    with pytest.raises(
        Misconfigured, match=r"a web page of .* answers at this address, not Elasticsearch or OpenSearch"
    ):
        sink_at(proxy).probe()


def test_one_batch_is_one_request(proxy: ElasticsearchProxy) -> None:
    proxy.answer(200, b'{"errors":false,"items":[%b]}' % CREATED)
    sink = sink_at(proxy, pipeline="geo")
    sink.open()
    batch = batch_of('{"n":1}')
    sink.write(batch)
    sink.close()
    [request] = proxy.requests
    assert request.body == b'{"create":{"_id":"%b"}}\n{"n":1}\n' % batch.ids[0].encode()
    assert request.path.startswith("/app/_bulk?")
    assert "pipeline=geo" in request.path


def test_a_refused_connection_names_the_host_and_says_what_to_do() -> None:
    with opened(ElasticsearchProxy()) as closed:
        sink = sink_at(closed)
    with pytest.raises(
        Retryable, match=rf"127.0.0.1:{closed.port}/app: cannot be reached \(Connection refused\); check"
    ):
        sink.write(batch_of("{}"))


def test_a_name_that_does_not_resolve_is_reported_as_such() -> None:
    sink = ElasticsearchSink(ElasticsearchSettings.from_url("elasticsearch://u:s3cret@nowhere.invalid/app"))
    with pytest.raises(Retryable, match=r"nowhere.invalid:9200/app: the host name cannot be resolved") as fault:
        sink.write(batch_of("{}"))
    assert "s3cret" not in str(fault.value)


def test_a_connection_that_breaks_off_is_tried_again() -> None:
    class Silent(ElasticsearchProxy):
        def reply(self, request: Any) -> Any:
            raise ConnectionAbortedError

    with opened(Silent()) as proxy, pytest.raises(Retryable, match=r"closed the connection .* expects TLS"):
        sink_at(proxy).write(batch_of("{}"))


@pytest.mark.parametrize("interim", [[102], [103, 103], [100, 199]], ids=str)
def test_interim_responses_are_skipped_and_the_request_is_sent_to_its_end(
    proxy: ElasticsearchProxy, interim: list[int]
) -> None:
    proxy.interim = interim
    document = '{"text":"%s"}' % ("x" * (8 << 20))  # more than the buffers of a connection hold
    sink = sink_at(proxy)
    for _ in range(2):
        proxy.answer(200, b'{"errors":false,"items":[%b]}' % CREATED)
        assert sink.write(batch_of(document)).stored == range(1)
    assert all(document.encode() in request.body for request in proxy.requests)


def test_an_endless_interim_response_is_an_answer_that_cannot_be_read() -> None:
    with replying(b"HTTP/1.1 103 Early Hints\r\n" + b"A: b\r\n" * 1000, at_once=True) as port:
        settings = ElasticsearchSettings.model_validate({"hosts": [f"http://127.0.0.1:{port}"]})
        sink = close_after_test(ElasticsearchSink(settings))
        with pytest.raises(Retryable, match="cannot be read"):
            sink.write(batch_of('{"text":"%s"}' % ("x" * (8 << 20))))


def test_a_server_that_is_too_slow_is_tried_again(proxy: ElasticsearchProxy) -> None:
    answered = threading.Event()

    class Slow(ElasticsearchProxy):
        def reply(self, request: Any) -> Any:
            answered.wait(10)
            return 200, b"{}", JSON

    with opened(Slow()) as slow:
        with pytest.raises(Retryable, match="did not answer in time"):
            sink_at(slow, timeout=0.05).write(batch_of("{}"))
        answered.set()


def test_another_host_is_asked_when_one_is_down(proxy: ElasticsearchProxy) -> None:
    proxy.answer(200, b'{"errors":false,"items":[%b]}' % CREATED)
    with opened(ElasticsearchProxy()) as closed:
        pass
    hosts = [f"http://127.0.0.1:{port}" for port in (closed.port, proxy.port)]
    sink = ElasticsearchSink(ElasticsearchSettings.model_validate({"hosts": hosts}))
    outcomes = []
    with closing(sink):
        for _ in range(2):
            try:
                outcomes.append(sink.write(batch_of("{}")).stored)
            except Retryable:
                continue
            break
    assert outcomes == [range(1)]


def test_a_connection_beyond_those_that_are_kept_is_closed() -> None:
    both = threading.Barrier(2)

    class Together(ElasticsearchProxy):
        def reply(self, request: Request) -> tuple[int, bytes, Mapping[str, str]]:
            both.wait(10)
            return 200, b'{"errors":false,"items":[]}', JSON

    with opened(Together()) as proxy, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        node = BoundedHttpNode(NodeConfig("http", "127.0.0.1", proxy.port, connections_per_node=1))
        with ThreadPoolExecutor(2) as threads:
            answers = [threads.submit(node.perform_request, "POST", "/_bulk", b"{}") for _ in range(2)]
        assert [answer.result().meta.status for answer in answers] == [200, 200]
        node.close()
        gc.collect()
    dropped = [str(each.message) for each in warned if f"'127.0.0.1', {proxy.port})" in str(each.message)]
    assert dropped == []


def test_a_server_without_tls_is_reported_as_such(proxy: ElasticsearchProxy) -> None:
    with pytest.raises(Retryable, match="TLS handshake failed"):
        sink_at(proxy, "https").write(batch_of("{}"))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure_proxy(authority: trustme.CA) -> Iterator[ElasticsearchProxy]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    with opened(ElasticsearchProxy(), context) as proxy:
        proxy.answer(200, b'{"errors":false,"items":[%b]}' % CREATED)
        yield proxy


def test_a_certificate_that_is_not_trusted_is_reported_as_such(secure_proxy: ElasticsearchProxy) -> None:
    with pytest.raises(
        Retryable, match=rf"127.0.0.1:{secure_proxy.port}/app: the TLS certificate is not trusted.*ca_file"
    ):
        sink_at(secure_proxy, "https").write(batch_of("{}"))


def test_a_certificate_for_another_name_is_not_trusted(authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example").configure_cert(context)
    with (
        opened(ElasticsearchProxy(), context) as proxy,
        pytest.raises(Retryable, match=r"not trusted.*127\.0\.0\.1.*connect with"),
    ):
        sink_at(proxy, "https", ca_file=tmp_path / "ca.pem").write(batch_of("{}"))


def test_the_remedy_for_a_certificate_that_has_expired_is_another_one(authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    expired = datetime(2020, 1, 1, tzinfo=UTC)
    authority.issue_cert("127.0.0.1", not_before=expired - timedelta(days=9), not_after=expired).configure_cert(
        context
    )
    with (
        opened(ElasticsearchProxy(), context) as proxy,
        pytest.raises(
            Retryable, match=r"not trusted \(certificate has expired\); renew the certificate of the server"
        ),
    ):
        sink_at(proxy, "https", ca_file=tmp_path / "ca.pem").write(batch_of("{}"))


def test_the_authority_of_a_file_is_trusted(
    secure_proxy: ElasticsearchProxy, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    assert sink_at(secure_proxy, "https", ca_file=tmp_path / "ca.pem").write(batch_of("{}")).stored == range(1)


def test_verification_can_be_turned_off(secure_proxy: ElasticsearchProxy) -> None:
    assert sink_at(secure_proxy, "https", verify=False).write(batch_of("{}")).stored == range(1)


def test_a_client_certificate_is_shown_and_its_absence_is_named(authority: trustme.CA, tmp_path: Path) -> None:
    mine = authority.issue_cert("sidecar@example.org")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    mine.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    mine.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with opened(ElasticsearchProxy(), context) as proxy:
        proxy.answer(200, b'{"errors":false,"items":[%b]}' % CREATED)
        shown = {"client_certificate_file": tmp_path / "cert.pem", "client_key_file": tmp_path / "key.pem"}
        assert sink_at(proxy, "https", ca_file=tmp_path / "ca.pem", **shown).write(batch_of("{}")).stored == range(1)
        with pytest.raises(DeliveryError, match="client certificate"):
            sink_at(proxy, "https", ca_file=tmp_path / "ca.pem").write(batch_of("{}"))


def test_a_file_without_a_certificate_is_misconfigured(proxy: ElasticsearchProxy, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    with pytest.raises(Misconfigured, match="certificate files"):
        sink_at(proxy, "https", ca_file=tmp_path / "ca.pem").open()


def test_a_missing_secret_is_found_when_the_sink_is_opened(proxy: ElasticsearchProxy, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"no-such: the file cannot be read"):
        sink_at(proxy, username="u", password_file=tmp_path / "no-such").open()
    with pytest.raises(Misconfigured, match=r"no-such: the file cannot be read"):
        sink_at(proxy, "https", ca_file=tmp_path / "no-such").probe()


@pytest.mark.parametrize(
    ("given", "header"),
    [
        ({"username": "u", "password": "p:ä"}, basic("u:p:ä")),
        ({"api_key": "aWQ6a2V5"}, "ApiKey aWQ6a2V5"),
        ({"api_key": "id:key"}, "ApiKey aWQ6a2V5"),
    ],
)
def test_credentials_are_sent(proxy: ElasticsearchProxy, given: dict[str, str], header: str) -> None:
    proxy.answer(200, b'{"errors":false,"items":[%b]}' % CREATED)
    sink_at(proxy, **given).write(batch_of("{}"))
    assert proxy.requests[0].headers["authorization"] == header


@pytest.mark.elasticsearch
def test_a_password_that_changed_in_its_file_is_used_at_once(
    elasticsearch_url: str, index_name: str, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("old\n")
    with opened(ElasticsearchProxy(elasticsearch_url, authorization=basic("u:new"))) as proxy:
        sink = sink_at(proxy, index=index_name, username="u", password_file=tmp_path / "password")
        sink.open()
        with pytest.raises(
            Misconfigured, match=r"does not accept the credentials.*unable to authenticate.*check username"
        ) as fault:
            sink.write(batch_of('{"n":1}'))
        assert "old" not in str(fault.value)
        with pytest.raises(Misconfigured):
            sink.probe()
        (tmp_path / "password").write_text("newer")
        (tmp_path / "password").write_text("new")
        assert sink.write(batch_of('{"n":1}')).stored == range(1)
        sink.probe()


def test_the_server_is_asked_to_give_up_before_the_sidecar_does(proxy: ElasticsearchProxy) -> None:
    proxy.answer(200, b'{"errors":false,"items":[%b]}' % CREATED)
    sink_at(proxy, timeout="10s").write(batch_of("{}"))
    assert "timeout=9000ms" in proxy.requests[0].path


class CuttingProxy(ElasticsearchProxy):
    """Cuts each connection when its second request arrives, without an answer."""

    seen: ClassVar[set[str]] = set()

    def reply(self, request: Request) -> tuple[int, bytes, Mapping[str, str]]:
        thread = threading.current_thread().name  # each connection has its own
        if thread in self.seen:
            raise ConnectionAbortedError
        self.seen.add(thread)
        return 200, b'{"errors":false,"items":[%b]}' % CREATED, JSON


def test_a_request_on_a_stale_connection_is_sent_again_on_a_new_one() -> None:
    with opened(CuttingProxy()) as proxy:
        sink = sink_at(proxy)
        results = [sink.write(batch_of("{}")).stored for _ in range(3)]
    assert results == [range(1)] * 3


def test_a_changed_secret_is_noticed_after_an_attempt_that_failed(proxy: ElasticsearchProxy, tmp_path: Path) -> None:
    password = tmp_path / "password"
    sink = sink_at(proxy, username="u", password_file=password)
    with pytest.raises(Misconfigured, match="cannot be read"):
        sink.open()
    seen = [sink.has_changed_files()]
    password.write_text("one")
    seen.append(sink.has_changed_files())
    sink.open()
    seen.append(sink.has_changed_files())
    password.write_text("another")
    seen.append(sink.has_changed_files())
    assert seen == [False, True, False, True]
