"""Our fields beside the application's: nothing is altered, nothing is lost, ours are always right."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.document.field_conflicts import resolve_conflicts
from sidecar.lib.jsontext.nested import possible_root_names
from sidecar.model.reserved_fields import RESERVED_NAMES

OURS = {
    "@timestamp": '"2026-11-23T01:00:00Z"',
    "event.ingested": '"2026-11-23T01:00:01Z"',
    "log.file.path": '"/var/log/app/a.log"',
    "log.offset": "7",
}


def after(body: str) -> Any:
    return json.loads("{" + resolve_conflicts(body, OURS) + "}")


def test_objects_are_merged_so_that_an_ecs_logger_keeps_its_level() -> None:
    document = after('"log":{"level":"info"},"a":64.40')
    assert document["log"] == {"level": "info", "file": {"path": "/var/log/app/a.log"}, "offset": 7}
    assert '"a":64.40' in resolve_conflicts('"log":{"level":"info"},"a":64.40', OURS)


def test_a_field_of_the_sidecar_wins_and_the_applications_value_moves_to_original() -> None:
    document = after('"log":{"offset":3,"level":"info"}')
    assert document["log"]["offset"] == 7
    assert document["log"]["level"] == "info"
    assert document["original"] == {"log": {"offset": 3}}


def test_a_dotted_name_is_treated_like_the_nested_one() -> None:
    document = after('"log.offset":3,"log.level":"info"')
    assert document["log.level"] == "info"
    assert document["original"] == {"log": {"offset": 3}}


def test_an_escaped_spelling_of_a_reserved_name_is_found() -> None:
    assert after(r'"l\u006fg":"text"')["original"] == {"log": "text"}


def test_a_scalar_in_place_of_an_object_of_the_sidecar_moves() -> None:
    document = after('"log":"text","event":[1]')
    assert document["original"] == {"log": "text", "event": [1]}
    assert document["log"]["offset"] == 7


def test_metadata_names_of_the_databases_always_move() -> None:
    assert after('"_id":"x","_source":{"a":1}')["original"] == {"_id": "x", "_source": {"a": 1}}


def test_an_application_that_uses_original_keeps_its_value() -> None:
    document = after('"log":{"offset":3},"original":{"log":{"offset":"mine"},"other":1}')
    assert document["original"]["other"] == 1
    assert document["original"]["log"] == {"offset": 3}
    assert document["original"]["original"] == {"log": {"offset": "mine"}}


def test_a_member_with_the_sidecars_value_stays_in_place() -> None:
    text = resolve_conflicts('"a":1,"@timestamp":"2026-11-23T01:00:00Z","b":2', OURS)
    assert text.startswith('"a":1,"@timestamp":"2026-11-23T01:00:00Z","b":2')
    assert "original" not in text


@pytest.mark.parametrize(
    "body",
    [
        '"log":1,"' + "a." * 100_000 + '":1',
        '"log":1,"log.offset.' + "a." * 100_000 + '":1',
        ",".join(f'"log":{number}' for number in range(20_000)),
    ],
    ids=["many dots", "many dots below a leaf of ours", "many times the same name"],
)
def test_unusual_spellings_of_names_are_not_slower(body: str) -> None:
    began = time.process_time()
    document = after(body)
    assert time.process_time() - began < 5
    assert document["log"] == {"file": {"path": "/var/log/app/a.log"}, "offset": 7}


def test_each_value_of_a_name_that_was_written_more_than_once_is_kept() -> None:
    assert sorted(after('"log":1,"log":2,"log":3')["original"].values()) == [1, 2, 3]


NAMES = st.sampled_from(
    ["log", "log.offset", "log.file", "log.file.path", "offset", "file", "path", "event", "ingested",
     "event.ingested", "@timestamp", "original", "_id", "_index", "a", "b.c", "log.level", "é", "original.log",
     "log.offset.x", "@timestamp.x"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def flat(value: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        return [leaf for name, inner in value.items() for leaf in flat(inner, f"{path}.{name}" if path else name)]
    return [(path, json.dumps(value, sort_keys=True))]


@given(st.dictionaries(NAMES, VALUES, max_size=6), st.booleans())
def test_for_any_record_the_sidecars_fields_are_right_and_no_value_is_lost(
    fields: dict[str, Any], ascii_only: bool
) -> None:
    body = json.dumps(fields, ensure_ascii=ascii_only)[1:-1]
    document = after(body)
    paths = dict(flat(document))
    for path, value in OURS.items():
        assert paths[path] == value
    assert not RESERVED_NAMES & document.keys()
    values = sorted(value for _, value in flat(document))
    for _, value in flat(fields):
        if value != "{}":
            assert value in values
            values.remove(value)


def test_every_spelling_at_the_root_that_could_touch_a_leaf_is_reserved() -> None:
    assert possible_root_names(["a.b.c", "d"]) == {"a", "a.b", "a.b.c", "d"}
