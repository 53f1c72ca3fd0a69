"""The tests that users keep with their rules: lines, and the documents that they have to become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from sidecar.config.pipeline import RuleTest
from sidecar.config.settings import Settings
from sidecar.lib.clock import FixedClock, SystemClock
from sidecar.tools.explain import explain, flatten


def run_rule_tests(settings: Settings) -> Iterator[str]:
    """A sentence for each difference between what is expected and what comes out, in the order of the tests."""
    for name, pipeline in settings.pipelines.items():
        for test in pipeline.tests:
            for difference in _differences(settings, name, test):
                yield f'pipelines.{name}.tests: "{test.name}": {difference}'


def _differences(settings: Settings, pipeline: str, test: RuleTest) -> Iterator[str]:
    clock = FixedClock(test.now.timestamp()) if test.now else SystemClock()
    # The text of a test is in UTF-8, as the configuration is, whatever the files of the pipeline are in.
    rules = settings.model_copy(
        update={"pipelines": {pipeline: settings.pipelines[pipeline].model_copy(update={"encoding": "utf-8"})}}
    )
    made = [item for item in explain(rules, pipeline, "/test.log", test.data(), clock) if item.outcome == "document"]
    if len(made) != len(test.expect):
        yield f"{_documents(len(test.expect))} expected, {_documents(len(made))} made"
    for number, (expected, item) in enumerate(zip(test.expect, made, strict=False), 1):
        found = flatten(item.document)
        for path, value in _expected(expected):
            actual = _at(found, path)
            if value is None and actual is not None:
                yield f"document {number}: {path}: must not be there, is {_json(actual)}"
            elif value is not None and not _same(actual, value):
                is_so = "is not there" if actual is None else f"is {_json(actual)}"
                yield f"document {number}: {path}: expected {_json(value)}, {is_so}"


def _documents(count: int) -> str:
    return f"{count} document{'' if count == 1 else 's'}"


def _expected(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from flatten(_json(dict(document))).items()


def _at(found: Mapping[str, Any], path: str) -> Any:
    """The value of this field; of an object what is below it, by dotted path. None if there is neither."""
    if path in found:
        return found[path]
    head = f"{path}."
    return {name.removeprefix(head): value for name, value in found.items() if name.startswith(head)} or None


def _same(found: Any, expected: Any) -> bool:
    """Whether both are the same JSON. A number is the same however it is written; true is not 1, to Python it is."""
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(_same, found, expected))
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(_same(found[name], expected[name]) for name in found)
    return bool(found == expected) and isinstance(found, bool) == isinstance(expected, bool)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
