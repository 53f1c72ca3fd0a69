"""The tests that users keep beside their rules: lines, and the documents that they have to become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from sidecar.clock import FixedClock, SystemClock
from sidecar.preview import leaves, preview
from sidecar.settings import RuleTest, Settings


def failures(settings: Settings) -> Iterator[str]:
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
    made = [item for item in preview(rules, pipeline, "/test.log", test.data(), clock) if item.outcome == "document"]
    if len(made) != len(test.expect):
        yield f"{_documents(len(test.expect))} expected, {_documents(len(made))} made"
    for number, (expected, item) in enumerate(zip(test.expect, made, strict=False), 1):
        found = leaves(item.document)
        for path, value in _expected(expected):
            if value is None and found.get(path) is not None:
                yield f"document {number}: {path}: must not be there, is {_json(found[path])}"
            elif value is not None and (path not in found or not _same(found[path], value)):
                yield f"document {number}: {path}: expected {_json(value)}, {_is(found, path)}"


def _documents(count: int) -> str:
    return f"{count} document{'' if count == 1 else 's'}"


def _expected(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from leaves(_json(dict(document))).items()


def _same(found: Any, expected: Any) -> bool:
    return bool(found == expected) and isinstance(found, bool) == isinstance(expected, bool)


def _is(found: Mapping[str, Any], path: str) -> str:
    return f"is {_json(found[path])}" if path in found else "is not there"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
