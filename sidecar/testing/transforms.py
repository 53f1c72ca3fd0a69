"""The conformance kit for transforms of plug-ins."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import msgspec

from sidecar.testing.words import shorten
from sidecar.transform.plugin import Function, Record


@dataclass(frozen=True)
class TransformUnderTest:
    """The transform under test, with the fields of a record before and after it."""

    function: Function
    """The function to which the entry point refers."""

    fields: Mapping[str, Any]
    """Fields of a record that the transform changes."""

    expected: Mapping[str, Any]
    """Fields of the record after the transform."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """Options with which the function is called."""


_ODD_VALUES: tuple[Any, ...] = (
    None,
    "",
    0,
    -1.5,
    True,
    [],
    {},
    [1, "x"],
    {"a": {"b": "c"}},
    "x" * 100_000,
    "\ud83d\ude00",
)


class TransformConformance:
    """Tests the rules that every transform must follow. Subclasses define the fixture `under_test`."""

    def test_it_can_be_called_with_its_options(self, under_test: TransformUnderTest) -> None:
        try:
            signature(under_test.function).bind([], **under_test.options)
        except TypeError as error:
            raise AssertionError(
                "a transform is called with the records as its only positional argument and its options by name; "
                f"it cannot be called with {shorten(dict(under_test.options))}: {error}"
            ) from error

    def test_a_record_gets_the_expected_fields(self, under_test: TransformUnderTest) -> None:
        found = _fields(_change(under_test, [_record(under_test.fields)])[0])
        assert found == dict(under_test.expected), (
            f"the record {shorten(dict(under_test.fields))} must become {shorten(dict(under_test.expected))}; "
            f"the transform produced {shorten(found)}"
        )

    def test_it_changes_the_records_in_place(self, under_test: TransformUnderTest) -> None:
        returned = _call(under_test, [_record(under_test.fields)])
        assert returned is None, (
            "a transform must change records in place with `set` and `drop`, because its return value is ignored; "
            f"it returned {shorten(returned)}"
        )

    def test_a_record_does_not_depend_on_other_records(self, under_test: TransformUnderTest) -> None:
        for count in (2, 500):
            records = _change(under_test, [_record(under_test.fields) for _ in range(count)])
            for index, record in enumerate(records):
                found = _fields(record)
                assert found == dict(under_test.expected), (
                    "the number of records in a call depends on how the file is read, so the result for a record "
                    f"must not depend on the other records; as number {index + 1} of {count} equal records it became "
                    f"{shorten(found)} instead of {shorten(dict(under_test.expected))}"
                )

    def test_the_same_record_gives_the_same_fields_again(self, under_test: TransformUnderTest) -> None:
        for record in _odd_records(under_test.fields):
            with suppress(Exception):  # a transform may fail on these; such a record is shipped unchanged
                under_test.function([record], **under_test.options)
        found = _fields(_change(under_test, [_record(under_test.fields)])[0])
        assert found == dict(under_test.expected), (
            "a record may be transformed again after an error or a restart, so the result must be the same even if "
            f"the function has seen other records since; it became {shorten(found)} instead of "
            f"{shorten(dict(under_test.expected))}"
        )

    def test_changed_records_are_valid_json(self, under_test: TransformUnderTest) -> None:
        for record in _odd_records(under_test.fields):
            before = record.members
            with suppress(Exception):  # such a record is shipped unchanged
                under_test.function([record], **under_test.options)
                try:
                    msgspec.json.decode(f"{{{record.members}}}")
                except msgspec.DecodeError:
                    break
        else:
            return
        raise AssertionError(
            "`members` are the fields of a record as JSON text, and only `set` and `drop` may change them; "
            f"{shorten(before)} became {shorten(record.members)}"
        )


def _record(fields: Mapping[str, Any]) -> Record:
    return Record(json.dumps(dict(fields), ensure_ascii=False)[1:-1], "")


def _fields(record: Record) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(f"{{{record.members}}}")
    return fields


def _change(under_test: TransformUnderTest, records: Sequence[Record]) -> Sequence[Record]:
    _call(under_test, records)
    return records


def _call(under_test: TransformUnderTest, records: Sequence[Record]) -> object:
    call: Callable[..., object] = under_test.function
    try:
        return call(records, **under_test.options)
    except Exception as error:
        raise AssertionError(
            f"the transform must change the record {shorten(dict(under_test.fields))}; it raised "
            f"{type(error).__name__}: {error}"
        ) from error


def _odd_records(fields: Mapping[str, Any]) -> list[Record]:
    """Return records without the fields, and with odd values in each of them."""
    odd = [_record({}), *(_record({**fields, name: value}) for name in fields for value in _ODD_VALUES)]
    return odd + [_record({name: value for name, value in fields.items() if name != omitted}) for omitted in fields]
