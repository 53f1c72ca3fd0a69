"""What is taken out of records, and what is left alone."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sidecar.transform.redaction.detectors import DETECTORS
from sidecar.transform.redaction.redactor import MASK
from sidecar.transform.redaction.settings import RedactSettings
from tests.support.builders.records import documents, parsed, transformed


def redactor(*what: Any, **options: Any) -> Any:
    return RedactSettings.model_validate({"redact": list(what), **options}).redactor()


def message(name: str, line: str) -> str:
    (body,) = redactor(name).redact(parsed("plain", line)).bodies
    return str(json.loads(f"{{{body}}}")["message"])


def document(line: str, *what: Any, **options: Any) -> str:
    (body,) = redactor(*what, **options).redact(parsed("json", line)).bodies
    json.loads(f"{{{body}}}")
    return f"{{{body}}}"


FOUND = {
    "password": [
        ("login password=hunter2 ok", f"login password={MASK} ok"),
        ("Password: 'hunter2'", f"Password: '{MASK}'"),
        ('{"user":"ann","pwd":"x y"', f'{{"user":"ann","pwd":"{MASK} y"'),
        ("postgres://ann:s3cret@db/x", f"postgres://ann:{MASK}@db/x"),
        ("GET /?api_key=abc&x=1", f"GET /?api_key={MASK}&x=1"),
        ("client-secret = abc; next", f"client-secret = {MASK}; next"),
    ],
    "authorization": [
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {MASK}"),
        ("proxy-authorization: Basic YW5uOng=", f"proxy-authorization: Basic {MASK}"),
        ("sent bearer 0123456789abcdef to it", f"sent bearer {MASK} to it"),
    ],
    "jwt": [("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln used", f"token {MASK} used")],
    "credit_card": [
        ("paid with 4111 1111 1111 1111.", f"paid with {MASK}."),
        ("5500005555555559", MASK),
        ("378282246310005 and 6011-0009-9013-9424", f"{MASK} and {MASK}"),
        ("6 4111 1111 1111 1111 123 6", f"6 {MASK} 123 6"),
        ("1234 4111 1111 1111 1111", f"1234 {MASK}"),
        ("4111 1111 1111 1111 5500005555555559 200", f"{MASK} {MASK} 200"),
        ("12 3782 822463 10005 6011-0009-9013-9424 7", f"12 {MASK} {MASK} 7"),
    ],
    "email": [("to Ann.Lee+x@mail.example.com!", f"to {MASK}!")],
    "ip": [
        ("from 203.0.113.77:443", "from 203.0.113.0:443"),
        ("from 2001:db8:85a3:8d3:1319:8a2e:370:7348", "from 2001:db8:85a3::"),
        ("[2001:db8::1]", "[2001:db8::]"),
    ],
    "aws_key": [
        ("id AKIAIOSFODNN7EXAMPLE", f"id {MASK}"),
        ("aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", f"aws_secret_access_key={MASK}"),
    ],
    "private_key": [("x -----BEGIN RSA PRIVATE KEY----- MIIE -----END RSA PRIVATE KEY----- y", f"x {MASK} y")],
    "iban": [
        ("to DE89 3704 0044 0532 0130 00 now", f"to {MASK} now"),
        ("GB82WEST12345698765432", MASK),
        ("BE68 5390 0754 7034 EUR", f"{MASK} EUR"),
        ("BE68 5390 0754 7034 DE89 3704 0044 0532 0130 00 EURO", f"{MASK} {MASK} EURO"),
    ],
}

ORDINARY = [
    "2026-11-23T10:00:00.123456789Z INFO took 12.5 ms id=7f3a-4c1d offset 4111111111111112",
    "GET /password/reset HTTP/1.1 200 1234567890123 ref 978-3-16-148410-0",
    "version 1.2.3.4.5 build 20261123100000123 pid 4821 at 10:00:00",
    "uuid 123e4567-e89b-12d3-a456-426614174000 hash d41d8cd98f00b204e9800998ecf8427e",
    "secretary called; tokens left 5; author: Ann; std::vector::size; a::b; 12:30:45:10",
    "order 0000 0000 0000 0000 total 1 234 567 890 123 456 EUR; phone +49 30 1234567890",
    "user@localhost did not match; @timestamp; git@v2; DE12 is no account; GB29NWBK60161331926818",
    "kernel: [1234.567890] eth0: link up 10.5 of 99.9.9 AKIA is short",
]


@pytest.mark.parametrize("name", DETECTORS)
def test_each_name_has_examples_and_they_go(name: str) -> None:
    for before, after in FOUND[name]:
        assert message(name, before) == after


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("line", ORDINARY)
def test_ordinary_logs_are_left_alone(name: str, line: str) -> None:
    assert message(name, line) == line


def test_names_of_fields_say_that_their_values_have_to_go() -> None:
    line = '{"user":{"name":"ann","Pass_Word":"a b","pin":1},"api-key":{"a":[1]},"secret":null,"n":64.40}'
    after = f'{{"user":{{"name":"ann","Pass_Word":"{MASK}","pin":1}},"api-key":"{MASK}","secret":"{MASK}","n":64.40}}'
    assert document(line, "password") == after


def test_strings_are_judged_without_their_escapes_and_the_rest_stays_as_written() -> None:
    line = r'{ "a" : "mail ann\u0040example.com\n", "b":[ {"c":"x@example.com"} , 1.50,"ok"],"d":4111111111111111 }'
    after = document(line, "email", "credit_card")
    assert json.loads(after) == {
        "a": f"mail {MASK}\n", "b": [{"c": MASK}, 1.5, "ok"], "d": MASK,
    }  # fmt: skip
    assert "1.50" in after


def test_a_private_key_over_several_lines_of_one_string_goes_as_a_whole() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIE\nabc\n-----END PRIVATE KEY-----"
    assert json.loads(document(json.dumps({"a": f"x {key} y"}), "private_key")) == {"a": f"x {MASK} y"}
    assert json.loads(document(json.dumps({"a": key[:40]}), "private_key")) == {"a": MASK}


def test_actions_and_fields(tmp_path: Path) -> None:
    (tmp_path / "salt").write_bytes(os.urandom(32))
    line = '{"user":{"mail":"a@example.com","id":7},"to":"a@example.com","note":"cust-55 and cust-55"}'
    what = [
        {"field": "user.id", "action": "drop"},
        {"name": "email", "action": "hash"},
        {"pattern": "cust-([0-9]+)", "action": "mask"},
    ]
    found = json.loads(document(line, *what, salt_file=str(tmp_path / "salt")))
    assert found["user"] == {"mail": found["to"]}
    assert found["to"].startswith("[sha256:")
    assert found["note"] == f"cust-{MASK} and cust-{MASK}"
    (tmp_path / "other").write_bytes(os.urandom(32))
    other = json.loads(document(line, *what, salt_file=str(tmp_path / "other")))
    assert other["to"] != found["to"]


def test_dotted_names_are_the_same_field_and_an_empty_object_is_left_behind() -> None:
    assert document('{"a.b":1}', {"field": "a.b", "action": "drop"}) == "{}"
    assert document('{"a":{"b":1},"c":2}', {"field": "a.b", "action": "drop"}) == '{"a":{},"c":2}'


def test_a_pattern_that_takes_too_long_takes_the_whole_text_with_it() -> None:
    assert json.loads(document('{"a":"%s!","b":"x"}' % ("a" * 60), {"pattern": "(?:a|aa)+$"})) == {
        "a": MASK,
        "b": "x",
    }


def test_what_is_nested_too_deep_to_look_at_goes_as_a_whole() -> None:
    deep = '{"a":' * 100 + '"ann@example.com"' + "}" * 100
    after = document(deep, "email")
    assert "ann@" not in after
    assert MASK in after


def test_records_without_a_hit_are_the_same_objects() -> None:
    before = parsed("plain", *ORDINARY)
    assert redactor("private_key", "jwt").redact(before) is before


@pytest.mark.parametrize(
    "wrong",
    [
        {"redact": []}, {"redact": ["passwords"]}, {"redact": [{"pattern": "("}]}, {"redact": [{"pattern": "x*"}]},
        {"redact": ["email"], "action": "hash"}, {"redact": [{}]}, {"redact": [{"name": "email", "field": "x"}]},
        {"redact": ["email"], "action": "hash", "salt_file": "/nowhere"},
    ],
)  # fmt: skip
def test_contradictory_settings_are_refused_with_the_reason(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RedactSettings.model_validate(wrong)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(value=st.dictionaries(st.text(max_size=8), VALUES, max_size=4), secret=st.sampled_from(["ann@example.com"]))
def test_a_record_stays_valid_and_nothing_else_of_it_changes(value: dict[str, Any], secret: str) -> None:
    line = json.dumps({**value, "planted": [{"in": f"x {secret}"}]}, ensure_ascii=False)
    records = parsed("json", line)
    if records.errors or "\n" in line:
        return
    (body,) = redactor("email").redact(records).bodies
    found = json.loads(f"{{{body}}}")
    assert found.pop("planted") == [{"in": f"x {MASK}"}]
    value.pop("planted", None)
    assert found == json.loads(json.dumps(value))


@pytest.mark.parametrize("action", ["mask", "drop"])
def test_a_document_has_its_time_also_where_the_applications_own_is_taken_out(action: str) -> None:
    line = '{"@timestamp":"2026-11-23T01:00:00Z","a":1}'
    (found,) = documents([line], {"redact": [{"field": "@timestamp"}], "action": action})
    assert found["@timestamp"] == "2026-11-23T01:00:00Z"
    assert found.get("original", {}).get("@timestamp") == (MASK if action == "mask" else None)


def test_a_flood_of_texts_on_which_a_pattern_takes_too_long_is_masked_and_counted_and_holds_up_nothing() -> None:
    slow = "!" + "a" * 40
    lines = [f'{{"m":"{slow}","n":{number}}}' for number in range(300)]
    began = time.process_time()
    found = transformed(lines, {"redact": [{"pattern": ".(?:a|a)*!"}]})
    assert time.process_time() - began < 20, "a tenth of a second for each would be thirty"
    # Once the second is used up, a text has a millisecond, which a busy machine may take for any text.
    assert found.timeouts >= len(lines)
    assert all(json.loads(f"{{{body}}}")["m"] == "[REDACTED]" for body in found.bodies)


def test_names_that_are_redacted_themselves_cost_no_more_in_a_line_that_has_none_of_them() -> None:
    names = ",".join(f'"user{number}@example.com":1' for number in range(3000))
    other = ",".join(f'"k{number}":"a@b.example"' for number in range(3000))
    found = documents([f"{{{names}}}", f"{{{other}}}"], {"redact": ["email"]}, max_fields=10_000)
    assert {found[1][f"k{number}"] for number in range(3000)} == {"[REDACTED]"}
