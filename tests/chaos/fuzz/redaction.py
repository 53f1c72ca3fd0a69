"""Secrets between other text: none of them is in what is left, and the rest of the record is still JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sidecar.model.records import RecordBatch
from sidecar.parse.json import JsonParser
from sidecar.parse.plain import PlainTextParser
from sidecar.parse.time.timestamps import Timestamps
from sidecar.transform.redaction.detectors import DETECTORS
from sidecar.transform.redaction.redactor import (
    Action,
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
from tests.chaos.fuzz.fuzzed_input import FuzzedInput
from tests.chaos.fuzz.parsing import framed

_SECRETS = {
    "password": ("password=hunter2hunter2", "hunter2hunter2"),
    "authorization": ("Authorization: Bearer abcdefgh12345", "abcdefgh12345"),
    "jwt": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N", "eyJzdWIi"),
    "credit_card": ("4111 1111 1111 1111", "4111 1111 1111 1111"),
    "email": ("ann.smith@example.com", "ann.smith"),
    "ip": ("203.0.113.77", "203.0.113.77"),
    "aws_key": ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    "private_key": ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----", "MIIEvQIBADANBg"),
    "iban": ("DE89 3704 0044 0532 0130 00", "0044 0532"),
}
"""For each name a text, and what of it must not be left."""

_PATTERN, _BY_PATTERN = r"order-\d+", "order-77777"
_FIELD = "user.id"
_BY_FIELD = "somebody-in-particular"
_ACTIONS: tuple[Action, ...] = (mask, drop, make_hash(b"0123456789abcdef"))
_AROUND = (" ", " \t", "\n ", ' "', " '", " (", " é ", " \\ ", " , ", " \U0001f600 ")


def _rules(fuzzed: FuzzedInput) -> tuple[list[Rule], list[tuple[str, str]]]:
    """Some rules, and what they are to find."""
    rules: list[Rule] = []
    planted = []
    for name in DETECTORS:
        if fuzzed.below(3) == 0:
            rules.append(DetectorRule(DETECTORS[name], fuzzed.one_of(_ACTIONS)))
            planted.append(_SECRETS[name])
    if not rules or fuzzed.below(2):
        rules.append(RegexRule(_PATTERN, fuzzed.one_of(_ACTIONS)))
        planted.append((_BY_PATTERN, _BY_PATTERN))
    if fuzzed.below(2):
        rules.append(FieldRule(_FIELD, fuzzed.one_of(_ACTIONS)))
    return rules, planted


def _message(fuzzed: FuzzedInput, secret: str) -> str:
    around = fuzzed.one_of(_AROUND)
    return f"{fuzzed.text()}{around}{secret}{around[::-1]}{fuzzed.text()}"


def _object(fuzzed: FuzzedInput, planted: list[tuple[str, str]]) -> str:
    secret, _ = fuzzed.one_of(planted)
    value: Any = _message(fuzzed, secret)
    for _ in range(fuzzed.below(4)):
        value = [value, fuzzed.below(9)] if fuzzed.below(2) else {fuzzed.text(): value, "n": 1.5}
    said: dict[str, Any] = {fuzzed.text() or "a": value, "user": {"id": _BY_FIELD, "name": fuzzed.text()}}
    return json.dumps(said, ensure_ascii=bool(fuzzed.below(2)))


def _records(fuzzed: FuzzedInput, planted: list[tuple[str, str]]) -> RecordBatch:
    is_json = bool(fuzzed.below(3))
    lines: list[str] = []
    while fuzzed.is_left and len(lines) < 20:
        text = _object(fuzzed, planted) if is_json else _message(fuzzed, fuzzed.one_of(planted)[0])
        lines.append(text.replace("\n", " ").replace("\r", " "))
    parser = JsonParser(Timestamps(), frozenset()) if is_json else PlainTextParser()
    return parser.parse(framed("".join(f"{line}\n" for line in lines).encode(errors="replace")))


def check(data: bytes) -> None:
    """Redact a chunk, and each of its records alone."""
    fuzzed = FuzzedInput(data)
    rules, planted = _rules(fuzzed)
    records = _records(fuzzed, planted)
    members = Redactor(rules).redact(records).bodies
    assert list(members) == [redact_members(body, rules) for body in records.bodies]
    hides_field = any(isinstance(rule, FieldRule) for rule in rules)
    for body in members:
        left = list(_strings(json.loads(f"{{{body}}}")))
        for text in left:
            assert not any(trace in text for _, trace in planted), f"{text} is left in {body}"
        assert not (hides_field and _BY_FIELD in left), body


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _strings(inner)
