"""RFC 3339 times: only those that each database accepts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.parse.time.rfc3339 import all_rfc3339, is_rfc3339


@pytest.mark.parametrize(
    "time",
    ["2026-11-23t01:00:00Z", "2026-11-23T01:00:00z", "2026-11-23 01:00:00Z", "2026-11-23T01:00:00.1234567890Z",
     "2026-11-23T01:00:00", "2026-11-23T01:00:00+0100", "2026-11-23T24:00:00Z", "", '2026-11-23T01:00:00Z","'],
)  # fmt: skip
def test_what_elasticsearch_would_not_take_is_never_passed_at_a_stroke(time: str) -> None:
    assert not is_rfc3339(time)
    assert not all_rfc3339(["2026-11-23T01:00:00Z", time, "2026-11-23T01:00:00.5Z"])
    assert all_rfc3339(["2026-11-23T01:00:00Z", "2026-11-23T01:00:00.123456789Z", "2026-11-23T01:00:00+01:00"])


TIMES = [f"2026-11-23T{hour:02}:{minute:02}:{minute:02}.5Z" for hour in (0, 19, 23) for minute in (0, 9, 59)]


WRONG = ["2026-11-23T24:00:00.5Z", "2026-11-23T23:60:00.5Z", "2026-11-23T23:00:60.5Z", "2026-11-31T23:00:00.5Z",
         "2026-11-23T2\u0663:00:00.5Z", "2026-11-23T23:00:00.:Z", "2026-11-23T23:00:00.5z", "2026-11-23T23:00:00,5Z",
         '2026-11-23T23:00:00"5Z', "2026-11-23T23:00:00.55", "", "2026-11-23T23:00:00.55Z"]  # fmt: skip


@given(st.lists(st.sampled_from([*TIMES, *TIMES, *WRONG]), min_size=1, max_size=8))
def test_times_that_are_looked_at_together_are_as_good_as_one_by_one(times: list[str]) -> None:
    if all_rfc3339(times):
        assert all(map(is_rfc3339, times))
    if set(times) <= set(TIMES):
        assert all_rfc3339(times)
