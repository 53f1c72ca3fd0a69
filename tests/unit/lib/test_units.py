"""Sizes and durations as users write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.lib.units import format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1, "1B"),
        (1500, "1500B"),
        (2048, "2KiB"),
        (5000, "5KB"),
        (3 << 20, "3MiB"),
        (10**9, "1GB"),
        (1 << 40, "1024GiB"),
    ],
)
def test_a_size_is_shown_in_the_largest_unit_that_fits(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0ms"), (0.1, "100ms"), (2.0, "2s"), (90, "90s"), (300.0, "5m"), (1209600.0, "14d")]
)
def test_a_duration_is_shown_in_the_largest_unit_that_fits(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(1, 1 << 50), st.floats(0, 3e9))
def test_what_is_shown_is_read_as_the_same_number(size: int, seconds: float) -> None:
    assert parse_size(format_size(size)) == size
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=1e-9, abs=1e-6)
