"""Names with a date in them."""

from __future__ import annotations

import pytest

from sidecar.sinks.common.target_name import TargetTemplate
from tests.support.builders.batches import batch_of


def names(pattern: str, *times: str) -> object:
    return TargetTemplate(pattern).for_batch(batch_of(*["{}"] * len(times), times=times))


def test_a_name_without_a_date_is_used_as_it_is() -> None:
    assert names("logs", "2026-01-01T00:00:00Z") == "logs"


def test_documents_of_one_day_share_one_name() -> None:
    assert names("l-%Y.%m.%d", "2026-01-02T00:00:00Z", "2026-01-02T23:59:59.999999999Z") == "l-2026.01.02"


def test_each_document_goes_to_its_own_day_in_utc() -> None:
    found = names("l-%Y.%m.%d", "2026-01-02T00:30:00+01:00", "2026-01-02T00:30:00Z", "2026-01-01T23:00:00-02:00")
    assert found == ["l-2026.01.01", "l-2026.01.02", "l-2026.01.02"]


def test_offsets_that_end_in_the_same_day_share_one_name() -> None:
    assert names("l-%Y.%m.%d", "2026-01-02T00:30:00+01:00", "2026-01-01T12:00:00.5Z") == "l-2026.01.01"


def test_a_leap_second_is_a_time_like_any_other() -> None:
    assert names("l-%Y.%m.%d", "2016-12-31T23:59:60Z", "2016-12-31T23:59:60+00:00") == "l-2016.12.31"


@pytest.mark.parametrize(
    ("time", "name"),
    [("0001-01-01T00:00:00+14:00", "l-0001.01.01"), ("9999-12-31T23:59:59-14:00", "l-9999.12.31")],
)
def test_a_day_that_does_not_exist_in_utc_is_that_of_the_text(time: str, name: str) -> None:
    assert names("l-%Y.%m.%d", time) in (name, name.replace("l-000", "l-"))


def test_hours_weeks_and_days_of_the_year_can_be_asked_for() -> None:
    assert names("l-%G-w%V-%j-%H", "2026-01-02T03:04:05Z") == "l-2026-w01-002-03"


def test_a_document_without_a_time_takes_the_day_its_generation_began() -> None:
    assert names("l-%Y.%m.%d", "", "2026-06-21T00:00:00Z") == "l-2026.06.21"


def test_a_replay_goes_where_it_was_meant_to_go() -> None:
    assert TargetTemplate("l-%Y").for_batch(batch_of("{}", "{}", targets=["a", "b"])) == ["a", "b"]
    assert TargetTemplate("l-%Y").for_batch(batch_of("{}", "{}", targets=["a", "a"])) == "a"


@pytest.mark.parametrize("pattern", ["%", "x-%B", "%%%", "%-d", "%S"])
def test_an_invalid_date_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="not a supported part of a date"):
        TargetTemplate(pattern)


def by_field(pattern: str, *documents: str, lower: bool = True) -> object:
    return TargetTemplate(pattern, lower=lower).for_batch(
        batch_of(*documents, times=["2026-01-02T00:00:00Z"] * len(documents))
    )


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ('{"service":{"name":"shop"}}', "logs-shop"),
        ('{"service.name":"shop"}', "logs-shop"),
        ('{"service":{"name":"Shop / \u00fc*?#:%d"}}', "logs-shop_________d"),
        ('{"service":{"name":"../.kibana"}}', "logs-.._.kibana"),
        ('{"service":{"name":""}}', "logs-other"),
        ('{"service":{}}', "logs-other"),
        ('{"service":"x"}', "logs-other"),
        ('{"service":{"name":null}}', "logs-other"),
        ('{"service":{"name":["a"]}}', "logs-other"),
        ("{}", "logs-other"),
        ('{"service":{"name":7}}', "logs-7"),
        ('{"service":{"name":true}}', "logs-true"),
        ('{"service":1e999}', "logs-other"),
        ('{"service":{"name":"' + "x" * 500 + '"}}', "logs-" + "x" * 64),
    ],
)
def test_a_field_chooses_a_name_after_the_prefix_and_no_other(document: str, name: str) -> None:
    assert by_field("logs-{service.name:other}", document) == name


def test_names_with_fields_and_dates_are_made_for_each_document() -> None:
    found = by_field("l-{a:none}-%Y-{b.c:x}", '{"a":"p","b":{"c":"q"}}', '{"a":"p","b.c":"q"}', '{"a":"r"}')
    assert found == ["l-p-2026-q", "l-p-2026-q", "l-r-2026-x"]
    assert by_field("l-{a:none}", '{"a":"X"}', '{"a":"X"}', lower=False) == "l-X"
    assert by_field("l-{a:none}-%Y") == []


@pytest.mark.parametrize(
    "pattern",
    ["{a:b}", "%Y{a:b}", "-{a:b}", "logs-{a}", "logs-{:b}", "logs-{a:}", "logs-{a:b", "logs-a:b}", "logs-{}"],
)
def test_a_field_without_a_prefix_or_without_a_name_for_what_is_missing_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"a field must be written|begin with constant text"):
        TargetTemplate(pattern)
