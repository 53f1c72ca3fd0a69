"""Runs the `tests` of pipelines: lines, and the documents that they must become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from sidecar.config.pipeline import RuleTest
from sidecar.config.settings import Settings
from sidecar.lib.clock import FixedClock, SystemClock
from sidecar.lib.jsontext.nested import flatten
from sidecar.tools.explain import explain


def run_rule_tests(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each difference between expected and actual documents, in the order of the tests."""
    for name, pipeline in settings.pipelines.items():
        for test in pipeline.tests:
            for difference in _differences(settings, name, test):
                yield f'pipelines.{name}.tests: "{test.name}": {difference}'


def _differences(settings: Settings, pipeline: str, test: RuleTest) -> Iterator[str]:
    clock = FixedClock(test.now.timestamp()) if test.now else SystemClock()
    # The text of a test is UTF-8, like the configuration, even if the files of the pipeline have another encoding.
    rules = settings.model_copy(
        update={"pipelines": {pipeline: settings.pipelines[pipeline].model_copy(update={"encoding": "utf-8"})}}
    )
    events = explain(rules, pipeline, "/test.log", test.data(), clock)
    documents = [event.document for event in events if event.outcome == "document"]
    if len(documents) != len(test.expect):
        yield f"expected {_count_documents(len(test.expect))}, got {_count_documents(len(documents))}"
    for number, (expected, document) in enumerate(zip(test.expect, documents, strict=False), 1):
        fields = flatten(document)
        for path, value in _expected_fields(expected):
            actual = _value_at(fields, path)
            if value is None and actual is not None:
                yield f"document {number}: {path}: must be absent, but is {_json(actual)}"
            elif value is not None and not _is_equal(actual, value):
                got = "is missing" if actual is None else f"is {_json(actual)}"
                yield f"document {number}: {path}: expected {_json(value)}, {got}"


def _count_documents(count: int) -> str:
    return f"{count} document{'' if count == 1 else 's'}"


def _expected_fields(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from flatten(_json(dict(document))).items()


def _value_at(fields: Mapping[str, Any], path: str) -> Any:
    """Return the value of this field; for an object, its fields by dotted path. Return None if it is missing."""
    if path in fields:
        return fields[path]
    head = f"{path}."
    return {name.removeprefix(head): value for name, value in fields.items() if name.startswith(head)} or None


def _is_equal(actual: Any, expected: Any) -> bool:
    """Return whether both are the same JSON value: 1 equals 1.0, but `true` does not equal 1 as in Python."""
    if isinstance(actual, list) and isinstance(expected, list):
        return len(actual) == len(expected) and all(map(_is_equal, actual, expected))
    if isinstance(actual, dict) and isinstance(expected, dict):
        return actual.keys() == expected.keys() and all(_is_equal(actual[name], expected[name]) for name in actual)
    return bool(actual == expected) and isinstance(actual, bool) == isinstance(expected, bool)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
