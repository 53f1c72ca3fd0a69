"""Fields renamed, copied, dropped, converted: what is meant changes, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sidecar.lib.conversions import converter_for
from sidecar.lib.jsontext.edit import insert, insert_all
from sidecar.lib.jsontext.nested import MAX_PATH_DEPTH
from sidecar.transform.fields import (
    ConvertFields,
    CopyFields,
    DropFields,
    FieldChange,
    HashFields,
    KeepFields,
    LowercaseFields,
    RenameFields,
)
from tests.support.builders.records import chunk, documents, members, stages, transformed

NAMES = st.sampled_from(["a", "b", "c", "dd", "@x", "e f", "ü"])
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5) | st.sampled_from([1.5, -0.25])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, min_size=1, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(NAMES, VALUES, min_size=1, max_size=5)


def written(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    else:
        yield path, json.dumps(value)


BLANK = st.sampled_from(["", "", " "])
RAW_KEYS = st.sampled_from(["a", "b", "c", "a.b", "ü", "z", "z.y", "\\u0061", "aa", "@timestamp"])
RAW_VALUES: st.SearchStrategy[str] = st.recursive(
    st.sampled_from(
        ["1", "-1.50", "true", "null", '""', '"X,\\"a\\":"', '"\\u00c4ß"', '"ÄSS"', '"\\\\"', "12345678901234567890"]
    )
    | st.text(max_size=4).map(json.dumps),
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(RAW_KEYS, inner), max_size=2).map(
            lambda rows: "{" + ", ".join(f'"{key}": {value}' for key, value in rows) + "}"
        )
    ),
    max_leaves=5,
)
RAW_BODIES = st.lists(st.tuples(BLANK, RAW_KEYS, BLANK, BLANK, RAW_VALUES, BLANK), max_size=5).map(
    lambda rows: ",".join(f'{a}"{key}"{b}:{c}{value}{d}' for a, key, b, c, value, d in rows)
)
FIELD_CHANGES: Mapping[str, FieldChange] = {
    "rename": RenameFields({"a": "z", "b.c": "b.x", "ü": "c"}),
    "rename in turn": RenameFields({"a": "c", "c": "b"}),
    "move": RenameFields({"a": "n.z", "b": "z"}),
    "move up": RenameFields({"a.b": "z"}),
    "copy": CopyFields({"a": "z", "b.c": "n.m", "c": "a.d"}),
    "drop": DropFields(["a", "b.c", "ü"]),
    "keep": KeepFields(["b", "a", "ü"]),
    "keep below": KeepFields(["a.b"]),
    "lowercase": LowercaseFields(["a", "b.c", "ü"]),
    "convert": ConvertFields(
        {"a": ("integer", converter_for("integer", str)), "b": ("string", converter_for("string", str))}
    ),
    "fingerprint": HashFields(["a", "b.c"], "z"),
    "fingerprint below": HashFields(["ü"], "n.hash"),
}


def as_written(body: str) -> Any:
    """The members in their order, with numbers as they are written; blanks between them do not matter."""
    return json.loads(f"{{{body}}}", object_pairs_hook=list, parse_int=str, parse_float=str)


@pytest.mark.parametrize("name", FIELD_CHANGES)
@given(bodies=st.lists(RAW_BODIES, max_size=4))
def test_records_are_changed_in_one_pass_as_one_by_one(name: str, bodies: list[str]) -> None:
    change = FIELD_CHANGES[name]
    rows = change.apply_all(bodies)
    assert len(rows) == len(bodies)
    for body, changed in zip(bodies, rows, strict=True):
        reasons: list[str] = []
        if changed is not None:
            assert as_written(changed) == as_written(change.apply(body, reasons.append))
            assert not reasons


@pytest.mark.parametrize("name", ["rename", "move", "drop", "keep", "lowercase", "fingerprint", "fingerprint below"])
def test_ordinary_records_are_all_changed_in_one_pass(name: str) -> None:
    body = '"a": 7, "b": {"c": "X, \\"y\\"", "e": [1]}, "d": 1.50, "ü": "Ä"'
    assert None not in FIELD_CHANGES[name].apply_all([body, '"d":1'])


def object_of(text: str) -> Any:
    return json.loads(f"{{{text}}}")


@pytest.mark.parametrize(
    ("before", "transform", "after"),
    [
        ('{"a":64.40,"b":"x"}', {"rename": {"a": "z"}}, '"z":64.40,"b":"x"'),
        ('{"a":64.40,"b":"x"}', {"rename": {"a": "n.z"}}, '"b":"x","n":{"z":64.40}'),
        ('{"n":{"y":1},"a":2}', {"rename": {"a": "n.z"}}, '"n":{"y":1,"z":2}'),
        ('{"n":{"z":1},"a":2}', {"rename": {"n.z": "n.y"}}, '"n":{"y":1},"a":2'),
        ('{"n.z":1,"a":2}', {"rename": {"n.z": "n.y"}}, '"n.y":1,"a":2'),
        ('{"n":{"z":1},"a":2}', {"rename": {"n.z": "b"}}, '"a":2,"b":1'),
        ('{"a.b.c":1}', {"rename": {"a.b": "x"}}, '"x":{"c":1}'),
        ('{"a":{"b.c":1}}', {"rename": {"a.b": "a.x"}}, '"a":{"x.c":1}'),
        ('{"a":1}', {"rename": {"a": "a.b"}}, '"a":{"b":1}'),
        ('{"a":1,"b":2}', {"rename": {"a": "c", "b": "a"}}, '"c":1,"a":2'),
        ('{"\\u0061":1}', {"rename": {"a": "b"}}, '"b":1'),
        ('{"a":{"b":[1, 2]}}', {"copy": {"a.b": "c"}}, '"a":{"b":[1, 2]},"c":[1, 2]'),
        ('{"a":1,"b":{"c":2,"d":3}}', {"drop_fields": ["a", "b.d"]}, '"b":{"c":2}'),
        ('{"b":{"d":3},"a":1}', {"drop_fields": ["b.d"]}, '"a":1'),
        ('{"b.d.e":3,"a":1}', {"drop_fields": ["b.d"]}, '"a":1'),
        ('{"a":1,"a":2,"b":3}', {"drop_fields": ["a"]}, '"b":3'),
        ('{"a":1,"b":{"c":2,"d":3.0}}', {"keep_fields": ["b.d"]}, '"b":{"d":3.0}'),
        ('{"@timestamp":"2026-11-23T01:00:00Z","a":1,"b":2}', {"keep_fields": ["b"]},
         '"@timestamp":"2026-11-23T01:00:00Z","b":2'),
        ('{"a":"WARN","b":"WARN"}', {"lowercase": ["a"]}, '"a":"warn","b":"WARN"'),
        ('{"a":"W\\u00c4","b":1}', {"lowercase": ["a"]}, '"a":"wä","b":1'),
        ('{"a":["X"],"b":"X"}', {"lowercase": ["a"]}, '"a":["X"],"b":"X"'),
        ('{"a":{"b":{"c":{"d":{"e":1,"f":2}}}}}', {"drop_fields": ["a.b.c.d.e"]}, '"a":{"b":{"c":{"d":{"f":2}}}}'),
    ],
)  # fmt: skip
def test_a_transform_changes_what_it_names(before: str, transform: Any, after: str) -> None:
    assert members(before, transform) == after


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("integer", '"42"', "42"), ("integer", '"-007"', "-7"), ("integer", "42", "42"), ("integer", "64.0", "64"),
        ("integer", '"9223372036854775807"', "9223372036854775807"), ("integer", '" 5 "', "5"),
        ("float", '"64.40"', "64.40"), ("float", '".5"', "0.5"), ("float", "3", "3"), ("float", '"1e3"', "1e3"),
        ("boolean", '"Yes"', "true"), ("boolean", "0", "false"), ("boolean", "true", "true"),
        ("string", "64.40", '"64.40"'), ("string", '"x"', '"x"'), ("string", "[1]", '"[1]"'),
        ("date", "1795395600", '"2026-11-23T01:00:00Z"'), ("date", '"2026-11-23 01:00:00"', '"2026-11-23T01:00:00Z"'),
        ("date", '"2026-11-23T01:00:00.123456789+01:00"', '"2026-11-23T01:00:00.123456789+01:00"'),
        ("ip", '"10.0.0.1"', '"10.0.0.1"'), ("ip", '"2001:db8::1"', '"2001:db8::1"'),
        ("integer", "null", "null"),
    ],
)  # fmt: skip
def test_a_value_becomes_one_of_another_type(kind: str, before: str, after: str) -> None:
    found = transformed([f'{{"a":{before}}}'], {"convert": {"a": kind}})
    assert found.bodies == [f'"a":{after}']
    assert not found.failures


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", '"x"'), ("integer", '""'), ("integer", "64.5"), ("integer", '"9223372036854775808"'),
        ("integer", '"' + "0" * 500 + 'x"'), ("integer", "true"), ("integer", '"٣"'),
        ("float", '"1e999"'), ("float", '"nan"'), ("float", '"1_0"'), ("boolean", '"maybe"'), ("boolean", "2"),
        ("date", '"tomorrow"'), ("date", "true"), ("date", "{}"), ("ip", '"10.0.0.256"'), ("ip", "1"),
        ("ip", '"fe80::1%0"'),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_stays_and_says_so_and_is_counted(kind: str, value: str) -> None:
    lines = [f'{{"a":{value}}}', '{"b":1}']
    found = transformed(lines, {"convert": {"a": kind}})
    assert found.bodies == [f'"a":{value}', '"b":1']
    assert found.failures == {"convert": 1}
    first, second = documents(lines, {"convert": {"a": kind}})
    assert first["error"] == {"message": f"convert: a cannot be read as {kind}"}
    assert first["a"] == json.loads(value)
    assert "error" not in second


def test_a_date_is_read_in_the_zone_and_the_formats_of_the_pipeline() -> None:
    times = {"formats": ["%d.%m.%Y %H:%M"], "zone": "Europe/Berlin"}
    found = transformed(['{"due":"23.11.2026 02:00"}'], {"convert": {"due": "date"}}, timestamp=times)
    assert found.bodies == ['"due":"2026-11-23T02:00:00+01:00"']


@pytest.mark.parametrize(
    ("line", "transform"),
    [
        ('{"a":1,"b":2}', {"rename": {"a": "b"}}), ('{"a":1,"b":{"c":2}}', {"rename": {"a": "b"}}),
        ('{"a":1,"b":2}', {"rename": {"a": "b.c"}}), ('{"a":1,"b.c.d":2}', {"rename": {"a": "b.c"}}),
        ('{"a":1,"b":null}', {"copy": {"a": "b"}}), ('{"a":1,"fingerprint":2}', {"fingerprint": {"fields": ["a"]}}),
    ],
)  # fmt: skip
def test_nothing_is_written_over_and_the_record_says_so(line: str, transform: Any) -> None:
    found = transformed([line], transform)
    assert found.bodies == [line[1:-1]]
    assert list(found.failures.values()) == [1]
    assert "already" in documents([line], transform)[0]["error"]["message"]


def test_transforms_are_done_in_the_order_in_which_they_are_written() -> None:
    steps = [{"rename": {"a": "b"}}, {"lowercase": ["b"]}, {"copy": {"b": "c"}}, {"drop_fields": ["b"]}]
    assert members('{"a":"X"}', *steps) == '"c":"x"'
    assert members('{"a":"X"}', *reversed(steps)) == '"b":"X"'


def test_a_field_that_is_renamed_before_it_is_redacted_is_redacted_under_its_new_name() -> None:
    steps = [{"rename": {"a": "b"}}, {"redact": [{"field": "b"}]}]
    assert members('{"a":"secret"}', *steps) == '"b":"[REDACTED]"'


OURS = ["log.offset", "log.file.path", "event.ingested", "_id", "@timestamp", "host.name", "log.offset.x"]


@pytest.mark.parametrize("path", OURS)
@pytest.mark.parametrize(
    "transform", ["rename", "drop_fields", "target", "copy", "sample", "drop_when", "fingerprint"]
)
def test_a_field_of_ours_cannot_be_renamed_or_dropped_or_set(path: str, transform: str) -> None:
    given: dict[str, Any] = {
        "rename": {"rename": {path: "x"}}, "drop_fields": {"drop_fields": ["x", path]},
        "target": {"rename": {"x": path}}, "copy": {"copy": {"x": path}},
        "sample": {"sample": {"rate": 0.5, "field": path}}, "drop_when": {"drop_when": f"exists {path}"},
        "fingerprint": {"fingerprint": {"fields": ["x"], "target": path}},
    }  # fmt: skip
    with pytest.raises(ValidationError, match=f"{path} is set by the sidecar"):
        stages(given[transform])


def test_what_the_application_wrote_beside_a_field_of_ours_can_be_dropped_and_ours_stay() -> None:
    (document,) = documents(['{"log":{"level":"info","offset":5},"a":1}'], {"drop_fields": ["log"]})
    assert document["log"] == {"file": {"path": "/var/log/app/a.log"}, "offset": 0}
    assert "original" not in document


def test_a_field_that_comes_to_stand_where_a_transform_adds_one_moves_aside() -> None:
    (document,) = documents(['{"a":1}'], {"rename": {"a": "team"}}, {"add": {"team": "payments"}})
    assert (document["team"], document["original"]["team"]) == ("payments", 1)


def test_keep_fields_leaves_what_the_sidecar_adds_and_the_time() -> None:
    (document,) = documents(
        ['{"time":"2026-11-23T01:00:00Z","a":1,"b":2}'], {"keep_fields": ["b"]}, {"add": {"c": 3}}
    )
    assert document["@timestamp"] == "2026-11-23T01:00:00Z"
    assert document["log"]["offset"] == 0
    assert (document["b"], document["c"], "a" in document, "time" in document) == (2, 3, False, False)


def test_a_line_that_could_not_be_parsed_says_so_after_all_transforms() -> None:
    (document,) = documents(["no json"], {"rename": {"message": "text"}}, {"convert": {"text": "integer"}})
    assert document["text"] == "no json"
    assert "not one JSON object" in document["error"]["message"]


@given(OBJECTS, st.sampled_from(["rename", "copy", "drop_fields", "lowercase", "convert"]))
def test_a_transform_of_a_field_that_is_not_there_changes_no_byte(value: dict[str, Any], kind: str) -> None:
    transform: dict[str, Any] = {
        "rename": {"zz.a": "y"}, "copy": {"zz": "y.z"}, "drop_fields": ["zz", "a.zz"], "lowercase": ["b.zz"],
        "convert": {"zz": "integer"},
    }  # fmt: skip
    for separators in ((",", ":"), (", ", ": ")):
        line = json.dumps(value, separators=separators)
        assert members(line, {kind: transform[kind]}) == line[1:-1]


@given(OBJECTS, st.sampled_from(["a", "b.c", "dd.a.b"]), st.sampled_from(["z", "y.z", "b.z"]))
def test_to_rename_there_and_back_is_to_do_nothing(value: dict[str, Any], old: str, new: str) -> None:
    there, back = {"rename": {old: new}}, {"rename": {new: old}}
    found = transformed([written(value)], there, back)
    if not found.failures:
        assert sorted(leaves(object_of(found.bodies[0]))) == sorted(leaves(value))


@given(OBJECTS, st.lists(st.sampled_from(["a", "b", "a.b", "b.c", "dd.a.b", "c.dd"]), min_size=1, unique=True))
def test_what_is_kept_and_what_is_dropped_are_all_there_is(value: dict[str, Any], paths: list[str]) -> None:
    line = written(value)
    kept = object_of(members(line, {"keep_fields": paths}))
    rest = object_of(members(line, {"drop_fields": paths}))
    found = [*leaves(kept), *leaves(rest)]
    assert sorted(each for each in found if each[0]) == sorted(leaves(value))


@given(OBJECTS, st.sampled_from(["a", "b.c", "dd.a.b"]))
def test_the_members_that_are_not_meant_keep_their_order(value: dict[str, Any], path: str) -> None:
    rest = object_of(members(written(value), {"drop_fields": [path]}))
    assert [name for name in value if name in rest] == list(rest)


def test_the_same_values_have_the_same_fingerprint_however_they_are_written() -> None:
    transform = {"fingerprint": {"fields": ["user", "url.path"], "target": "event.hash"}}
    lines = [
        '{"user":"ann","url":{"path":"/x"},"n":1}', '{"url.path":"/x","n":2,"user":"\\u0061nn"}',
        '{"user":"bob","url":{"path":"/x"}}', '{"user":"ann"}', '{"n":1}', '{"user":"\\"ann"}',
    ]  # fmt: skip
    found = [document["event"].get("hash") for document in documents(lines, transform)]
    assert found[0] == found[1] == "08ab85d8e3e61037a43b60933c3bad93"
    assert len(set(found)) == 5
    assert found[4] is None


@pytest.mark.parametrize("path", ["", ".a", "a..b", "a.", ".".join("a" * 40)])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="is not a field path"):
        stages({"drop_fields": [path]})


ODD = st.sampled_from(["a", "b", "a.b", ":", ",", "a:b", "{", "[", " ", "aa", "b.a"])
ODD_VALUES = st.recursive(
    st.sampled_from(["a", "b", ":", ",", "{", "a:", ":a", "}", 1, None]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(ODD, inner, min_size=1, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(ODD, ODD_VALUES, min_size=1, max_size=4),
    st.sampled_from(["a", "b", ":", ",", "a.b", "b.a", "a:b.a"]),
    st.sampled_from(["x", "x.y", "b", "a.x"]),
)  # fmt: skip
def test_a_field_is_found_at_once_or_by_reading_all_members_with_the_same_result(
    value: dict[str, Any], old: str, new: str
) -> None:
    body, escaped = written(value)[1:-1], ',"zz":"\\n"'

    def silent(_: str) -> None: ...

    for change in (RenameFields({old: new}), CopyFields({old: new}), DropFields([old]), HashFields([old], new)):
        # With a backslash somewhere nothing can be told at once.
        quickly, slowly = change.apply(body, silent), change.apply(body + escaped, silent)
        fields = json.loads(f"{{{slowly}}}")
        assert fields.pop("zz") == "\n"
        assert json.loads(f"{{{quickly}}}") == fields
    keep = KeepFields([old, new])
    assert keep.apply(body, silent) == keep.apply(body + escaped, silent)


@pytest.mark.parametrize("path", ["a", "b"])
def test_a_field_and_one_below_it_are_not_moved_over_each_other(path: str) -> None:
    body, failures = '"a":{"log.offset":1,"log":"x"}', list[str]()
    assert RenameFields({"a.log": path}).apply(body, failures.append) == body
    assert CopyFields({"a.log": path}).apply(body, failures.append) == body
    assert len(failures) == 2


OURS_TOO = st.sampled_from(["a", "log", "offset", "file", "host", "@timestamp", "event", "team", "log.offset", "b.c"])
WITH_OURS = st.recursive(
    st.integers(0, 9) | st.just("2026-11-23T01:00:00Z"),
    lambda inner: st.dictionaries(OURS_TOO, inner, min_size=1, max_size=3),
    max_leaves=6,
)
PATH = st.sampled_from(["a", "b", "b.c", "team", "team.x", "log.level", "a.log", "event.x"])
CHANGES = st.one_of(
    st.tuples(PATH, PATH).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: {"rename": {pair[0]: pair[1]}}),
    st.tuples(PATH, PATH).map(lambda pair: {"copy": {pair[0]: pair[1]}}),
    PATH.map(lambda path: {"drop_fields": [path]}),
    PATH.map(lambda path: {"keep_fields": [path]}),
    PATH.map(lambda path: {"convert": {path: "integer"}}),
    st.just({"fingerprint": {"fields": ["a"], "target": "team.x"}}),
    st.just({"drop_when": "a == 1"}),
    st.just({"redact": [{"field": "a"}]}),
)


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), names
    return dict(pairs)


@settings(max_examples=300)
@given(
    st.lists(st.dictionaries(OURS_TOO, WITH_OURS, max_size=4), min_size=1, max_size=3), st.lists(CHANGES, max_size=4),
    st.booleans(),
)  # fmt: skip
def test_our_own_fields_are_right_and_once_whatever_is_changed(
    values: list[dict[str, Any]], changes: list[Any], adds: bool
) -> None:
    lines = [written(value) for value in values]
    pipeline = stages(*changes, *([{"add": {"team": "payments"}}] if adds else []))
    _, records, found = pipeline.documents(chunk(lines))
    starts = [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]
    assert sorted([*found.starts, *(gap.start for gap in records.filtered)]) == starts
    for text, start, time in zip(found.json_lines(), found.starts, records.times, strict=True):
        found_leaves = list(leaves(json.loads(text, object_pairs_hook=without_doubles)))
        ours = {
            "@timestamp": time or "2026-11-23T01:00:00.000000Z", "log.offset": start,
            "log.file.path": "/var/log/app/a.log", "event.ingested": "2026-11-23T01:00:00.000000Z",
            "host.name": "web-1", **({"team": "payments"} if adds else {}),
        }  # fmt: skip
        for path, value in ours.items():
            assert [said for name, said in found_leaves if name == path] == [json.dumps(value)]


def test_a_renamed_name_of_many_parts_makes_no_more_levels_than_databases_read() -> None:
    name = ".".join(["a"] * 2000)
    for change in ({"rename": {"a.a": "b"}}, {"copy": {"a.a": "b"}}):
        (found,) = documents([f'{{"{name}":1}}'], change)
        text, deepest = found["b"], 1
        while isinstance(text, dict):
            ((_, text),) = text.items()
            deepest += 1
        assert text == 1
        assert deepest <= MAX_PATH_DEPTH + 1


def test_fields_that_are_put_together_come_out_as_one_after_another() -> None:
    leaves = [("x.y", "1"), ("x.z", "2"), ("x.y", "3"), ("a.b.c", "4"), ("q", "5"), ("a.d", "6")]
    for body in ("", '"q":1', '"a":{"b":{"e":0}},"x":1', '"a.b":{},"a":{}', '"x":{"y":{}},"x":{}'):
        one_by_one = body
        for path, value in leaves:
            one_by_one = insert(one_by_one, path, value)
        assert insert_all(body, leaves) == one_by_one
