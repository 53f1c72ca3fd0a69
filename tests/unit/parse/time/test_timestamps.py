"""Times of the user's own formats: the year, the zone and the fraction that were meant, for about a microsecond."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.parse.time.timestamps import Timestamps
from sidecar.testing import ManualClock


def clock(now: str) -> ManualClock:
    return ManualClock(datetime.fromisoformat(f"{now}+00:00").timestamp())


@pytest.mark.parametrize(
    ("now", "form", "written", "expected"),
    [
        ("2027-01-01T00:00:30", "%b %d %H:%M:%S", "Dec 31 23:59:59", "2026-12-31T23:59:59Z"),
        ("2026-12-31T23:59:59", "%b %d %H:%M:%S", "Jan  1 00:00:01", "2027-01-01T00:00:01Z"),
        ("2026-11-23T01:00:00", "%m-%d %H:%M:%S.%f", "02-29 12:00:00.5", "2024-02-29T12:00:00.5Z"),
        ("2028-02-29T12:00:00", "%m-%d %H:%M:%S.%f", "02-29 12:00:00.5", "2028-02-29T12:00:00.5Z"),
        ("2026-11-23T01:00:00", "%m-%d %H:%M:%S", "02-30 12:00:00", ""),
        ("2026-11-23T01:00:00", "%H:%M:%S", "00:59:00", "2026-11-23T00:59:00Z"),
        ("2026-11-23T01:00:00", "%H:%M:%S,%f", "23:59:00,123456789", "2026-11-22T23:59:00.123456789Z"),
        ("2026-11-23T01:00:00", "%H:%M:%S", "noon", ""),
    ],
)
def test_what_a_format_leaves_out_is_what_was_last(now: str, form: str, written: str, expected: str) -> None:
    assert Timestamps([form], clock=clock(now)).read(written) == expected


def test_the_same_text_is_another_day_tomorrow_and_another_year_next_year() -> None:
    now = clock("2026-11-23T12:00:00")
    daily, yearly = Timestamps(["%H:%M:%S"], clock=now), Timestamps(["%b %d %H:%M:%S"], clock=now)
    assert daily.read("01:00:00") == "2026-11-23T01:00:00Z"
    assert yearly.read("Nov 01 01:00:00") == "2026-11-01T01:00:00Z"
    now.advance(24 * 3600)
    assert daily.read("01:00:00") == "2026-11-24T01:00:00Z"
    now.advance(365 * 24 * 3600)
    assert yearly.read("Nov 01 01:00:00") == "2027-11-01T01:00:00Z"


@pytest.mark.parametrize(
    ("form", "written", "expected"),
    [
        ("%d.%m.%Y %H:%M:%S.%f", "23.11.2026 01:00:00.123456789", "2026-11-23T01:00:00.123456789+01:00"),
        ("%Y-%m-%d %H:%M:%S,%f%z", "2026-11-23 01:00:00,5+0000", "2026-11-23T01:00:00.5Z"),
        ("%H:%M:%S.%f %d.%m.%Y", "01:00:00.25 23.11.2026", "2026-11-23T01:00:00.25+01:00"),
        ("%Y%m%d%H%M%S%f", "20261123010000250000", "2026-11-23T01:00:00.250000+01:00"),
        ("%Y-%m-%d %H:%M:%S.%f", "2026-11-23 01:00:00", ""),
        ("%Y-%m-%d %H:%M:%S.%f", "2026-11-23 01:00:00.x", ""),
        ("%Y-%m-%d %H:%M:%S.%f", "2026-11-23 01:00:00.1234567890", ""),
        ("common_log", "23/Nov/2026:01:00:00 +0100", "2026-11-23T01:00:00+01:00"),
        ("common_log", "23/Foo/2026:01:00:00 +0100", ""),
        ("epoch", "1795395600.123456789", "2026-11-23T01:00:00.123456789Z"),
        ("epoch_ms", "1795395600123", "2026-11-23T01:00:00.123Z"),
        ("epoch_us", "-1", "1969-12-31T23:59:59.999999Z"),
        ("epoch_ns", "12", "1970-01-01T00:00:00.000000012Z"),
        ("epoch", "99999999999999999999999", ""),
        ("epoch", "1795395600.", "2026-11-23T01:00:00Z"),
        ("epoch", "٣", "1970-01-01T00:00:03Z"),
    ],
)
def test_formats_by_name_and_by_directives(form: str, written: str, expected: str) -> None:
    assert Timestamps([form], "Europe/Berlin").read(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Mon Jul  6 12:00:00 UTC 2026", "2026-07-06T12:00:00Z"),
        ("Mon Jul  6 12:00:00 America/New_York 2026", "2026-07-06T12:00:00-04:00"),
        ("Mon Jul  6 12:00:00 CEST 2026", "2026-07-06T12:00:00+02:00"),
        ("Mon Jul  6 12:00:00 Europe/Nowhere 2026", "2026-07-06T12:00:00Z"),
        ("Mon Jul", ""),
    ],
)
def test_a_zone_by_its_name_in_a_format(written: str, expected: str) -> None:
    assert Timestamps(["%a %b %d %H:%M:%S %Z %Y"], "Europe/Berlin").read(written) == expected


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "iso8601"])
def test_where_a_clock_is_put_on_or_back_the_offset_before_the_change_holds(form: str) -> None:
    times = Timestamps([form], "Europe/Berlin")
    assert times.read("2026-03-29 02:30:00") == "2026-03-29T02:30:00+01:00"
    assert times.read("2026-10-25 02:30:00") == "2026-10-25T02:30:00+02:00"


@pytest.mark.parametrize(
    ("form", "shape"),
    [
        ("%d.%m.%Y %H:%M:%S.%f", "23.11.2026 01:{0:02}:{1:02}.{2:03}"),
        ("%b %d %H:%M:%S.%f", "Nov 22 01:{0:02}:{1:02}.{2:03}"),
        ("iso8601", "2026-11-23 01:{0:02}:{1:02},{2:03}"),
        ("common_log", "23/Nov/2026:01:{0:02}:{1:02} +0000"),
        ("epoch_ms", "17953956{1:02}{2:03}"),
    ],
)
def test_a_time_costs_little_once_its_second_is_known(form: str, shape: str) -> None:
    times = Timestamps([form], "Europe/Berlin", ManualClock())
    many = [shape.format(n // 3600, n // 60 % 60, n % 1000) for n in range(20_000)]
    assert all(map(times.read, many))
    assert all(times.convert_all(many))
    # One or two µs each, and less than one together; the bounds are for a machine that is busy, and a conversion for
    # each takes more than that.
    assert min(_took(lambda: list(map(times.read, many))) for _ in range(5)) < len(many) * 5e-6
    assert min(_took(lambda: times.convert_all(many)) for _ in range(5)) < len(many) * 3e-6


def _took(read: Callable[[], list[str]]) -> float:
    began = thread_time()
    read()
    return thread_time() - began


FORMATS = [
    (), ("iso8601",), ("epoch",), ("epoch_ms",), ("epoch_us", "iso8601"), ("epoch_ns",), ("common_log",),
    ("%d.%m.%Y %H:%M:%S.%f",), ("%b %d %H:%M:%S",), ("%H:%M:%S,%f", "epoch"), ("%Y-%m-%d %H:%M:%S.%f", "iso8601"),
    ("%a %b %d %H:%M:%S.%f %Z %Y",), ("%Y",), ("%Y.%m.%d.%f%z",), ("%S.%f.%M",),
]  # fmt: skip
TEXTS = [
    "2026-11-23T01:00:00Z", "2026-11-23T01:00:00.5+00:00", "2026-11-23T01:00:00.1234567890123Z", "2026-11-23 01:00",
    "2026-11-23 01:00:00,123", "2026-11-23 01:00:00.123", "2026-11-23 01:00:01.5", "2026-11-23 01:00:00.5 +0130",
    "2026-13-23 01:00:00.5", "1795395600", "1795395600.5", "1795395601.", "-1", "1795395600123", "1795395600123456",
    "1795395600123456789", "99999999999999999999", "9999999999999", "\u0663", "23/Nov/2026:01:00:00 +0000",
    "23/Nov/2026:01:00:01 -0130", "23/Foo/2026:01:00:00 +0000", "23.11.2026 01:00:00.123456",
    "23.11.2026 01:00:00.5x", "23.11.2026 01:00:00.1234567890", "Nov 23 01:00:00",
    "Nov 22 01:00:01", "01:00:00,5", "23:59:59,123456789",
    "Mon Nov 23 01:00:00.25 UTC 2026", "Mon Nov 23 01:00:01.5 America/New_York 2026", "2026", "2026.11.23.5+0000",
    "2026.11.23.5+0000.1", "59.5.07", "", " ", " 1795395600 ", "2026-11-23 01:00:00.5\n", "1\n2", "x" * 200,
]  # fmt: skip


@given(st.sampled_from(FORMATS), st.lists(st.sampled_from(TEXTS), min_size=1, max_size=4), st.booleans())
def test_times_that_are_read_together_are_those_of_each_by_itself(
    formats: tuple[str, ...], texts: list[str], is_one: bool
) -> None:
    if is_one:
        texts = [texts[0]] * 3
    times = Timestamps(formats, "Europe/Berlin", clock("2026-11-23T12:00:00"))
    together = times.convert_all(texts)
    assert together == [Timestamps(formats, "Europe/Berlin", clock("2026-11-23T12:00:00")).read(t) for t in texts]
    assert times.convert_all(texts) == together


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-11-23T01:00:00.123456789+01:00", "2026-11-23T01:00:00.123456789+01:00"),
        ("2026-11-23 01:00:00,123", "2026-11-23T01:00:00.123Z"),
        ("2026-11-23T01:00:00+0530", "2026-11-23T01:00:00+05:30"),
        ("2026-11-23T01:00z", "2026-11-23T01:00:00Z"),
        ("1795395600", "2026-11-23T01:00:00Z"),
        ("1795395600123", "2026-11-23T01:00:00.123Z"),
        ("1795395600123456789", "2026-11-23T01:00:00.123456789Z"),
        ("2026-13-23T01:00:00Z", ""),
        ("2026-02-30T01:00:00Z", ""),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_times_of_all_usual_shapes(written: str, expected: str) -> None:
    assert Timestamps().read(written) == expected


def test_a_time_without_a_zone_is_in_the_one_that_was_told() -> None:
    assert Timestamps(zones="Europe/Berlin").read("2026-07-01 12:00:00") == "2026-07-01T12:00:00+02:00"
    berlin = Timestamps(["%d/%b/%Y %H:%M:%S"], "Europe/Berlin")
    assert berlin.read("23/Nov/2026 01:00:00") == "2026-11-23T01:00:00+01:00"
    assert berlin.read("2026-11-23T01:00:00Z") == ""


def test_an_offset_with_seconds_is_no_time_because_no_database_takes_it() -> None:
    assert Timestamps(["%Y-%m-%d %H:%M:%S"], "Europe/Berlin").read("1850-01-01 00:00:00") == ""
    assert Timestamps(["%Y-%m-%d %H:%M:%S%z"]).read("2026-11-23 01:00:00+00:00:01") == ""
