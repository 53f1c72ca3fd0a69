"""Finished documents: spliced at a stroke or one by one, the same to the byte."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from sidecar.document.builder import DocumentBuilder
from sidecar.document.field_conflicts import resolve_conflicts
from sidecar.document.kubernetes_fields import KubernetesFields, parse_downward_api
from sidecar.document.static_fields import StaticFields
from sidecar.model.batch import Batch
from sidecar.model.documents import BulkFraming, Documents, SplicedDocuments
from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.testing import ManualClock
from tests.support.builders.records import documents, framed

TIME = "2026-11-23T01:00:00.123456789Z"


def records(members: list[str], times: list[str] | None = None, names: frozenset[str] | None = None) -> RecordBatch:
    lines = framed(*(f"{{{member}}}" for member in members))
    return RecordBatch(lines, lines.starts, members, times or [""] * len(members), names)


def finished(found: RecordBatch, added: dict[str, Any] | None = None) -> Documents:
    return DocumentBuilder(ManualClock(), "web-1", [StaticFields(added or {}).leaves]).build(found)


def only(documents: Documents) -> Any:
    return json.loads(documents.json_lines()[0])


def test_the_document_has_the_fields_of_the_application_and_the_sidecar() -> None:
    assert only(finished(records(['"a":1'], [TIME]))) == {
        "@timestamp": TIME,
        "a": 1,
        "event": {"ingested": "2026-11-23T01:00:00.000000Z"},
        "host": {"name": "web-1"},
        "log": {"file": {"path": "/var/log/app/a.log"}, "offset": 0},
    }


def test_a_line_without_a_time_gets_the_time_at_which_it_was_read() -> None:
    documents = finished(records(['"a":1']))
    assert only(documents)["@timestamp"] == "2026-11-23T01:00:00.000000Z"
    assert documents.timestamps() == [""]


def test_a_line_without_a_time_goes_to_the_day_on_which_its_generation_began() -> None:
    assert Batch([finished(records(['"a":1']))]).event_times == ["1970-01-01T00:00:00.000000Z"]


def test_the_id_is_the_generation_and_the_offset() -> None:
    assert finished(records(['"a":1', '"b":2'])).ids() == ["z-0", "z-8"]


def test_a_timestamp_of_the_applications_own_stays_where_it_is() -> None:
    text = finished(records([f'"a":1,"@timestamp":"{TIME}"'], [TIME])).json_lines()[0]
    assert text.startswith(f'{{"a":1,"@timestamp":"{TIME}","event"')


def test_an_empty_object_is_a_document_too() -> None:
    assert "message" not in only(finished(records([""])))


def test_a_line_that_did_not_parse_has_the_reason() -> None:
    document = only(finished(replace(records(['"message":"x"']), errors={0: "not JSON"})))
    assert document["error"] == {"message": "not JSON"}


def test_annotations_of_a_line_are_fields_of_its_document() -> None:
    found = records(['"message":"x"'])
    noted = LineBatch(
        found.lines.chunk, 1, is_uniform=False, annotations={0: {"truncated": "true", "log.continuation": "true"}}
    )
    document = only(finished(replace(found, lines=noted)))
    assert document["truncated"] is True
    assert document["log"]["continuation"] is True
    assert document["log"]["offset"] == 0


MEMBERS = st.dictionaries(
    st.sampled_from(["a", "message", "b.c", "logger", "levél", "the\\u006cog"]),
    st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    min_size=1,
).map(lambda fields: json.dumps(fields, ensure_ascii=False)[1:-1])


@given(st.lists(st.tuples(MEMBERS, st.sampled_from(["", TIME])), min_size=1, max_size=5))
def test_the_fast_and_the_general_path_build_the_same_bytes(rows: list[tuple[str, str]]) -> None:
    members, times = [row[0] for row in rows], [row[1] for row in rows]
    at_a_stroke = finished(records(members, times, frozenset({"a"})))
    beside_error = replace(
        records([*members, '"message":"x"'], [*times, ""], None), errors={len(members): "not JSON"}
    )
    one_by_one = finished(beside_error)
    assert isinstance(at_a_stroke, SplicedDocuments)
    assert not isinstance(one_by_one, SplicedDocuments)
    for left, right, body in zip(at_a_stroke.json_lines(), one_by_one.json_lines()[:-1], members, strict=True):
        assert left == right, body
    pairs = zip(at_a_stroke.ids(), at_a_stroke.json_lines(), strict=True)
    assert at_a_stroke.encode(BulkFraming("<", ">\n")).decode() == "".join(
        f"<{name}>\n{text}\n" for name, text in pairs
    )
    without_ids = BulkFraming("", "{}\n", has_ids=False)
    assert at_a_stroke.encode(without_ids).decode() == "".join(f"{{}}\n{t}\n" for t in at_a_stroke.json_lines())
    assert one_by_one.encode(without_ids).startswith(at_a_stroke.encode(without_ids))


LEAVES = {
    "@timestamp": f'"{TIME}"',
    "event.ingested": '"2026-11-23T01:00:00.000000Z"',
    "host.name": '"web-1"',
    "env": '"prod"',
    "log.kind": "1",
    "log.file.path": '"/var/log/app/a.log"',
    "log.offset": "0",
}
NAMES = [
    "a",
    "env",
    "error",
    "host",
    "host.name",
    "log",
    "event",
    "@timestamp",
    "_id",
    "_pid",
    "original",
    "original.host",
    "l\u00f6g",
]
WITHIN = st.dictionaries(
    st.sampled_from(["name", "level", "file", "file.path", "offset", "a.b", "ingested", "kind", ""]),
    st.integers(),
    max_size=2,
)
COLLIDING = st.lists(
    st.tuples(
        st.sampled_from(NAMES), st.integers() | st.sampled_from([TIME, "log", '"host":', "web-1", "prod"]) | WITHIN
    ),
    max_size=6,
).map(lambda fields: ",".join(json.dumps({name: value}, separators=(",", ":"))[1:-1] for name, value in fields))


@settings(max_examples=1000)
@given(COLLIDING, st.booleans())
def test_a_record_with_reserved_names_follows_the_conflict_rule(body: str, has_failed: bool) -> None:
    found = replace(records([body], [TIME]), errors={0: "not JSON"} if has_failed else {})
    leaves = {**LEAVES, "error.message": '"not JSON"'} if has_failed else LEAVES
    assert finished(found, {"env": "prod", "log.kind": 1}).json_lines()[0] == f"{{{resolve_conflicts(body, leaves)}}}"


@settings(max_examples=500)
@given(st.lists(st.tuples(COLLIDING, st.sampled_from([TIME, "2026-11-23T01:00:00.000000Z"])), min_size=1, max_size=4))
def test_records_that_are_resolved_together_follow_the_conflict_rule(rows: list[tuple[str, str]]) -> None:
    found = records([body for body, _ in rows], [time for _, time in rows])
    built = finished(found, {"env": "prod", "log.kind": 1})
    for (body, time), start, text in zip(rows, found.starts, built.json_lines(), strict=True):
        leaves = {**LEAVES, "@timestamp": f'"{time}"', "log.offset": str(start)}
        assert text == f"{{{resolve_conflicts(body, leaves)}}}"


def test_texts_that_move_in_every_record_are_moved_in_one_pass() -> None:
    built = finished(records(['"a":1,"host":"x","b":2', '"host":"y","a":1', '"a":3']))
    assert isinstance(built, SplicedDocuments)
    assert [json.loads(text).get("original") for text in built.json_lines()] == [{"host": "x"}, {"host": "y"}, None]
    assert built.encode(BulkFraming("", "")).decode().count('"original":{"host":"') == 2


def test_fields_that_the_user_adds_may_be_dotted_or_nested() -> None:
    finisher = DocumentBuilder(
        ManualClock(),
        "web-1",
        [StaticFields({"team": "payments", "service": {"name": "shop"}, "log.kind": 1}).leaves],
    )
    document = only(finisher.build(records(['"a":1'], names=frozenset({"a"}))))
    assert (document["team"], document["service"], document["log"]["kind"]) == ("payments", {"name": "shop"}, 1)


def test_kubernetes_fields_come_from_the_environment_and_labels_are_read_again_when_they_change(
    tmp_path: Path,
) -> None:
    labels = tmp_path / "labels"
    labels.write_text('app.kubernetes.io/name="web"\ntier="a \\"b\\""\n')
    source = KubernetesFields({"POD_NAME": "web-0", "POD_NAMESPACE": "shop"}, tmp_path)
    finisher = DocumentBuilder(ManualClock(), "node-1", [source.leaves])
    first = only(finisher.build(records(['"a":1'])))["kubernetes"]
    assert first == {
        "namespace": "shop",
        "pod": {"name": "web-0"},
        "labels": {"app_kubernetes_io/name": "web", "tier": 'a "b"'},
    }
    (tmp_path / "new").write_text('tier="c"\n')
    (tmp_path / "new").rename(labels)
    assert only(finisher.build(records(['"a":1'])))["kubernetes"]["labels"] == {"tier": "c"}


def test_a_broken_line_of_a_downward_api_file_is_skipped() -> None:
    assert parse_downward_api('a="1"\nbroken\nb="2"\n') == {"a": "1", "b": "2"}


def test_a_dotted_name_below_a_label_or_an_added_field_moves_in_every_record() -> None:
    added = {"kubernetes": {str(number): number for number in range(5)}, "te/am": "payments"}
    line = '{"kubernetes.3.x":1,"te/am.x":2,"kubernetes.other":3}'
    (found,) = documents([line], {"add": added})
    assert found["original"] == {"kubernetes": {"3": {"x": 1}}, "te/am": {"x": 2}}
    assert (found["kubernetes"], found["kubernetes.other"]) == (added["kubernetes"], 3)
