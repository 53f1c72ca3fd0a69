"""Records with too much in them: what is within the limits stays, the rest is one text, and nothing is lost."""

from __future__ import annotations

import json
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders.records import documents, transformed


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def test_fields_up_to_the_limit_stay_and_the_rest_is_one_text() -> None:
    line = "{" + ",".join(f'"f{number}":{number}.50' for number in range(700)) + "}"
    found = transformed(["{}", line])
    (document,) = documents([line])
    assert [name for name in document if name.startswith("f")] == [*(f"f{n}" for n in range(400)), "flattened"]
    assert document["flattened"].startswith('{"f400":400.50,')
    assert list(json.loads(document["flattened"])) == [f"f{n}" for n in range(400, 700)]
    assert document["error"]["message"] == "more than 400 fields: the rest is in flattened"
    assert found.failures == {"limits": 1}
    assert found.bodies[0] == ""


def test_levels_up_to_the_limit_stay() -> None:
    for found in (documents([nested(16)], max_depth=16), documents([nested(60)])):
        assert "flattened" not in found[0]
    (bad,) = documents(['{"level":"info","deep":' + nested(16) + ',"n":1.0}'], max_depth=16)
    assert bad["error"]["message"] == "more than 400 fields or 16 levels: the rest is in flattened"
    assert (bad["level"], bad["n"]) == ("info", 1.0)
    assert json.loads(bad["flattened"]) == {"deep": json.loads(nested(16))}


def test_braces_and_colons_in_texts_and_repeated_objects_are_not_fields() -> None:
    lines = [
        json.dumps({"message": "{" * 100 + ":" * 3000}), json.dumps({"pods": [{"name": "a", "id": 1}] * 1000}),
        json.dumps({"a": [[{"b": {"c": 1}}]] * 50}),
    ]  # fmt: skip
    assert transformed(lines, max_depth=16).bodies == [line[1:-1] for line in lines]


def test_the_applications_own_time_stays_and_its_own_flattened_is_flattened() -> None:
    line = (
        '{"flattened":"mine",' + ",".join(f'"f{n}":1' for n in range(600)) + ',"@timestamp":"2026-11-23T01:00:00Z"}'
    )
    (document,) = documents([line])
    assert document["@timestamp"] == "2026-11-23T01:00:00Z"
    assert json.loads(document["flattened"])["flattened"] == "mine"


def test_the_limits_can_be_changed() -> None:
    (document,) = documents(['{"a":1,"b":{"c":{"d":2}},"e":3,"f":4}'], max_fields=2, max_depth=2)
    assert (document["a"], document["e"]) == (1, 3)
    assert document["flattened"] == '{"b":{"c":{"d":2}},"f":4}'


def test_a_hostile_line_is_not_slower() -> None:
    lines = [
        nested(900),
        "{" + '"a":[' + ",".join(["{" + f'"k{n}":' + "[" * 50 + "]" * 50 + "}" for n in range(5000)]) + "]}",
    ]
    began = time.process_time()
    assert transformed(lines, max_depth=16).failures == {"limits": 2}
    assert transformed(lines).failures == {"limits": 1}
    assert time.process_time() - began < 10


VALUES = st.recursive(
    st.integers(0, 9) | st.sampled_from(["{", ":", '"', "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcdef"), inner, max_size=4),
    max_leaves=20,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(st.dictionaries(st.sampled_from("abcdef"), VALUES, min_size=1), st.integers(1, 8), st.integers(1, 4))
def test_each_field_stays_or_is_flattened(value: dict[str, Any], fields: int, levels: int) -> None:
    found = json.loads("{" + transformed([json.dumps(value)], max_fields=fields, max_depth=levels).bodies[0] + "}")
    rest = json.loads(found.pop("flattened", "{}"))
    assert {**found, **rest} == value
    assert not found.keys() & rest.keys()
    assert depth(found) <= levels
    assert len(found) <= fields
