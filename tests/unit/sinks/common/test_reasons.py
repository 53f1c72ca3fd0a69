"""What is repeated of a server's message: known words and names that were sent, never a value of a document."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.sinks.common.reasons import describe_kind, describe_reason

SECRET = "s3cretValue"

MESSAGES = [
    "Provided Grok expressions do not match field value: [bad {} 2]",
    "unable to convert [{}] to integer",
    'For input string: "{}"',
    "field [{}] not present as part of path [{}.name]",
    "field [{}] doesn't exist",
    "cannot set [{}] with parent object of type [java.lang.String] as part of path [{}.x]",
    "Unable to find match for dissect pattern: %{{a}} %{{b}} against source: {}",
    "unable to parse date [{}]",
    "'{}' is not an IP string literal.",
    "Illegal character in path at index 3: {}",
    "com.fasterxml.jackson.core.JsonParseException: Unrecognized token '{}': was expecting",
    "runtime error: {}",
    "[1:30] error parsing field [r], expected an object but got {}",
    "failed to parse field [f] of type [long] in document with id '1'. Preview of field's value: '{}'",
    "[1:8] failed to parse: Failed to parse value [{}] as only [true] or [false] are allowed.",
    "Document contains at least one immense term in field=\"f\". The prefix of the first immense term is: '[{}]...'",
    "primary shard is not active, request: [BulkShardRequest [[x][0]] containing [index {{[x][1], source[{}]}}]]",
    "object mapping for [{}] tried to parse field [f] as object, but found a concrete value",
    'Can\'t extract geo keys: {{ _id: 1, loc: "{}" }} Point must only contain numeric elements',
    "Can't extract geo keys for index 'loc_2dsphere' on field 'loc': value '{}' is not a recognised geometry",
    'E11000 duplicate key error collection: d.c index: user_1 dup key: {{ user: "{}" }}',
    'Document failed validation: {{ f: "{}" }}',
    "found language override field in document with non-string type: {}",
    "language override unsupported: {}",
    "invalid key: \"{}\" (key must not start with '$' sign)",
    "The dollar ($) prefixed field '{}' in '{}' is not valid for storage.",
    "{}",
    "{} {} {}",
    "[{}]",
    "a_{}_b",
    "x-{}",
]


@pytest.mark.parametrize("message", MESSAGES)
def test_a_value_in_a_message_is_never_repeated(message: str) -> None:
    assert SECRET.lower() not in describe_reason(message.replace("{}", SECRET), ["app-index"]).lower()


@given(st.text(max_size=40), st.sampled_from(MESSAGES))
def test_no_word_is_repeated_that_is_not_known(value: str, message: str) -> None:
    told = describe_reason(message.replace("{}", f"{SECRET} {value} {SECRET}"))
    assert SECRET not in told


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("Limit of total fields [1000] has been exceeded", "Limit of total fields [1000] has been exceeded"),
        ("no such index [app-index]", "no such index [app-index]"),
        ("index [app-index] blocked by: [FORBIDDEN/8/index write (api)];",
         "index [app-index] blocked by: [FORBIDDEN/8/index write (api)];"),
        ("this action would add [2] shards, but this cluster currently has [1000]/[1000] maximum normal shards open",
         "this action would add [2] shards, but this cluster currently has [1000]/[1000] maximum normal shards open"),
        ("The number of nested documents has exceeded the allowed limit of [1].",
         "The number of nested documents has exceeded the allowed limit of [1]."),
        ("[f] of type [byte]. Preview of field's value: '1000'", "[…] of type [byte]. Preview of field's value: '…'"),
        ("Provided expressions do not match field value: [limit 1234]",
         "Provided … do not match field value: [limit …]"),
        ("pipeline with id [geo] does not exist", "pipeline with id [geo] does not exist"),
        ("failed to parse field [secret] of type [long]", "failed to parse field […] of type [long]"),
    ],
)  # fmt: skip
def test_known_words_and_names_that_were_sent_are_repeated(message: str, told: str) -> None:
    assert describe_reason(message, ["app-index", "geo"]) == told


@pytest.mark.parametrize(
    "value", ["4111 1111 1111 1111", "4111-1111-1111-1111", "10.20.30.40", "1234567", "43 1 2345", "4711", "7"]
)
def test_numbers_of_people_and_machines_are_not_repeated(value: str) -> None:
    assert describe_reason(f"for field [{value}]") == "for field […]"


@pytest.mark.parametrize(
    "value", ["$%&!?*#@", "\x01\x1b[", "<{~^|\\`+", "\u202e\ufeff", "§°", "::::", "....", "-=-=-=", "(((())))"]
)
def test_characters_of_a_value_are_not_repeated(value: str) -> None:
    told = describe_reason(f"for field [{value}]")
    assert told in ("for field […]", "for field …", "for field …[]", "for field […[]"), told


@pytest.mark.parametrize(
    ("kind", "told"),
    [("document_parsing_exception", "document_parsing_exception"), ("a value", "unknown"), ("", "unknown")],
)
def test_the_kind_of_an_error_is_a_name(kind: str, told: str) -> None:
    assert describe_kind(kind) == told
