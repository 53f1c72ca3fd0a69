"""A whole chunk is redacted at a stroke, and comes out as if each value of each record had been looked at alone."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.transform.redaction.chunk_text import pack, unpack
from sidecar.transform.redaction.detectors import DETECTORS
from sidecar.transform.redaction.redactor import (
    MASK,
    DetectorRule,
    FieldRule,
    Redactor,
    RegexRule,
    Rule,
    drop,
    make_hash,
    mask,
    redact_members,
)
from sidecar.transform.redaction.search import Text, lower
from tests.support.builders.records import parsed

PIECES = st.sampled_from(
    [
        *("password", "Passwd", "PASSPHRASE", "pwd", "secret", "client_secret", "API-KEY", "apikey", "access_token"),
        *(
            "auth-token",
            "token",
            "=",
            ": ",
            "='",
            '"',
            "'",
            "hunter2",
            "b&c",
            ";",
            ",",
            "}",
            "]",
            ")",
            "://",
            "x://u:",
        ),
        *(
            "postgres://ann:s3@db",
            "@",
            "ann@ex.com",
            "@x.y",
            "ann",
            ".com",
            ".",
            "-",
            "_",
            "/",
            " ",
            "\n",
            "\t",
            "\\",
        ),
        *("\\n", "é", "ſ", "K", "İ", "ı", "\U0001f600", "\u0001", "\x1b[31m", "\b", "\f", "\x7f", "<", "٣", "１"),
        *("Authorization: Bearer abcdefgh12", "bearer abcdefghij", "authorization", "eyJabcdef.abcdef.x", "eyJ"),
        *("4111 1111 1111 1111", "5500-0055-5555-5559", "4111111111111111", "1111", "0", "{", "["),
        *(
            "203.0.113.77",
            "256.1.1.1",
            "1.2.3",
            "01.2.3.4",
            "2001:db8::1",
            "2001:db8:85a3:8d3:1319:8a2e:370:7348",
            "::",
        ),
        *("AKIAIOSFODNN7EXAMPLE", "ASIA", "aws_secret_access_key=", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        *(
            "-----BEGIN PRIVATE KEY-----",
            "-----END PRIVATE KEY-----",
            "DE89 3704 0044 0532 0130 00",
            "DE89",
            "y" * 64,
        ),
    ]
)
TEXTS = st.lists(PIECES, max_size=6).map("".join)
KEYS = TEXTS | st.sampled_from(
    [
        "a",
        "b",
        "user",
        "id",
        "user.id",
        "password",
        "Pass_Word",
        "x.password",
        "access_token",
        "private_key",
        ":b",
        'q"k',
    ]
)
NUMBERS = st.sampled_from([1, -1.5, 4111111111111111, -4111111111111111, 5500005555555559, True, None])
VALUES = st.recursive(
    TEXTS | NUMBERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)


@st.composite
def json_lines(draw: st.DrawFn) -> str:
    """A line as one of many libraries writes it."""
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")]))
    return json.dumps(draw(OBJECTS), ensure_ascii=draw(st.booleans()), separators=separators)


ACTIONS = st.sampled_from([mask, drop, make_hash(b"0123456789abcdef")])
RULES = st.one_of(
    st.builds(DetectorRule, st.sampled_from(sorted(DETECTORS)).map(DETECTORS.__getitem__), ACTIONS),
    st.builds(RegexRule, st.sampled_from(["a", r"\d+", "^p", '[^,"]+b$', "(?i)ANN(@)"]), ACTIONS),
    st.builds(FieldRule, st.sampled_from(["user.id", "message", "a", "a.b", 'q"k', "x.password"]), ACTIONS),
)


def swept(rules: list[Rule], lines: list[str], as_json: bool) -> tuple[list[str], list[str]]:
    records = parsed("json" if as_json else "plain", *lines)
    return list(records.bodies), list(Redactor(rules).redact(records).bodies)


@given(rules=st.lists(RULES, min_size=1, max_size=4), lines=st.lists(json_lines(), min_size=1, max_size=8))
def test_objects_come_out_as_if_each_value_had_been_looked_at_alone(rules: list[Rule], lines: list[str]) -> None:
    before, after = swept(rules, lines, as_json=True)
    assert after == [redact_members(body, rules) for body in before]
    for body in after:
        json.loads(f"{{{body}}}")


@given(rules=st.lists(RULES, min_size=1, max_size=4), lines=st.lists(TEXTS.filter(bool), min_size=1, max_size=8))
@example(rules=[DetectorRule(DETECTORS["password"], mask)], lines=["password", "=hunter2"])
@example(rules=[DetectorRule(DETECTORS["private_key"], mask)], lines=["-----BEGIN PRIVATE KEY-----", "MIIE"])
@example(rules=[DetectorRule(DETECTORS["credit_card"], mask)], lines=["4111 1111", "1111 1111"])
def test_lines_of_text_do_so_too_and_nothing_is_found_across_two_of_them(rules: list[Rule], lines: list[str]) -> None:
    before, after = swept(rules, [line.replace("\n", " ") for line in lines], as_json=False)
    assert after == [redact_members(body, rules) for body in before]


@pytest.mark.parametrize("name", DETECTORS)
@given(parts=st.lists(TEXTS, min_size=1, max_size=5))
def test_each_name_is_found_wherever_a_string_begins_and_ends(name: str, parts: list[str]) -> None:
    rules: list[Rule] = [DetectorRule(DETECTORS[name], mask)]
    before, after = swept(
        rules, [json.dumps({"a": part, "b": [part, 1]}, ensure_ascii=False) for part in parts], True
    )
    assert after == [redact_members(body, rules) for body in before]


@given(value=OBJECTS)
def test_what_is_folded_can_be_unfolded(value: dict[str, Any]) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert unpack(pack(text)) == text


@given(text=st.text() | TEXTS)
def test_without_capitals_every_character_is_at_its_place(text: str) -> None:
    assert len(lower(text)) == len(text)


def redacted(line: str, *names: str) -> str:
    (after,) = swept([DetectorRule(DETECTORS[name], mask) for name in names], [line], as_json=True)[1]
    return f"{{{after}}}"


def test_white_space_between_members_stays_where_the_application_put_it() -> None:
    line = '{ "to" : "ann@example.com" ,\t"n": 4111111111111111 , "a" : [ 1 , "x" ] }'
    after = f'{{ "to" : "{MASK}" ,\t"n": "{MASK}" , "a" : [ 1 , "x" ] }}'
    assert redacted(line, "email", "credit_card") == after


def test_a_key_is_no_value() -> None:
    line = '{"ann@example.com":{"203.0.113.7":"ann@example.com"}}'
    assert redacted(line, "email", "ip") == f'{{"ann@example.com":{{"203.0.113.7":"{MASK}"}}}}'


@pytest.mark.parametrize("before", ["\t", "\n", '"', "\\"])
def test_what_is_written_as_an_escape_does_not_hide_what_comes_after_it(before: str) -> None:
    line = json.dumps({"a": f"{before}203.0.113.7 {before}GB82WEST12345698765432"})
    assert json.loads(redacted(line, "ip", "iban")) == {"a": f"{before}203.0.113.0 {before}{MASK}"}


@pytest.mark.parametrize(
    ("name", "key"), [("password", "Pass_Word"), ("private_key", "private_key"), ("aws_key", "secret-access-key")]
)
def test_a_field_has_to_go_by_its_name_alone(name: str, key: str) -> None:
    assert json.loads(redacted(f'{{"{key}":"abc"}}', name)) == {key: MASK}


_LONG = 300_000


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize(
    "again",
    [
        "pass",
        "password: ",
        "a.a@",
        "@a.b",
        "1.2.3.",
        "1::",
        "x://u:",
        "eyJaaaaa-",
        "1 ",
        "4 ",
        "4111 ",
        "DE89 ",
        "bearer ",
        '"',
    ],
)
def test_a_hostile_line_is_not_slower(name: str, again: str) -> None:
    line = json.dumps({"a": again * (_LONG // len(again)), "b": [4111111111111111] * 5_000})
    began = time.process_time()
    redacted(line, name)
    assert time.process_time() - began < 5  # quadratic work would need minutes


HINTS = {
    *(hint for detector in DETECTORS.values() for look in detector.patterns for hint, _ in look.branches if hint),
    *(end for detector in DETECTORS.values() for end in detector.key_ends),
    *("colou?r", "pw{2}", "ab*", "x", "://?", re.escape("user.name|id"), re.escape("größe"), r"\|a"),
}


@pytest.mark.parametrize("hint", sorted(HINTS))
@given(before=st.text("aP_ \u212a\ud800"), drawn=st.data())
def test_what_a_pattern_matches_is_not_missed_for_the_letters_that_it_begins_with(
    hint: str, before: str, drawn: st.DataObject
) -> None:
    # What is looked back at cannot be drawn.
    match = drawn.draw(st.from_regex(hint.partition("(?:(?<=")[0], fullmatch=True))
    text = f"{before}refresh_{match.upper() if match.isascii() else match}"
    assert Text(text).has(hint) == (re.search(hint, lower(text)) is not None)
