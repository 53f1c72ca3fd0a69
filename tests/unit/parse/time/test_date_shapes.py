"""Dates in words and in figures: one time for each text, and no time where there may be two."""

from __future__ import annotations

import pytest

from sidecar.parse.time.date_shapes import local_time
from sidecar.parse.time.timestamps import Timestamps
from sidecar.testing import ManualClock

NOVEMBER = 1795395600.0
"""2026-11-23T01:00:00Z."""


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Mon Nov 23 01:00:00 2026", "2026-11-23T01:00:00Z"),
        ("Mon Nov 23 01:00:00.902 2026", "2026-11-23T01:00:00.902Z"),
        ("Mon Nov 23 01:00:00 CET 2026", "2026-11-23T01:00:00+01:00"),
        ("Mon, 23 Nov 2026 01:00:00 GMT", "2026-11-23T01:00:00Z"),
        ("Mon, 23 Nov 2026 01:00:00 +0100 (CET)", "2026-11-23T01:00:00+01:00"),
        ("23 Nov 2026 01:00:00,123", "2026-11-23T01:00:00.123Z"),
        ("23-Nov-2026 01:00:00 Europe/Berlin", "2026-11-23T01:00:00+01:00"),
        ("23.11.2026 01:00:00", "2026-11-23T01:00:00Z"),
        ("23. Mai 2026 13:00:00", "2026-05-23T13:00:00Z"),
        ("23 févr. 2026 13:00:00", "2026-02-23T13:00:00Z"),
        ("Nov 23, 2026 1:00:00 PM", "2026-11-23T13:00:00Z"),
        ("Nov 23 01:00:00", "2026-11-23T01:00:00Z"),
        ("@400000006b02b9da075bcd15", "2026-11-22T09:45:52.123456789Z"),
        ("20261123T010000Z", "2026-11-23T01:00:00Z"),
        ("2026-11-23T01Z", "2026-11-23T01:00:00Z"),
        ("2026-327T01:00:00Z", "2026-11-23T01:00:00Z"),
        ("2026-W48-1T01:00:00Z", "2026-11-23T01:00:00Z"),
        ("2026-11-22T24:00:00Z", "2026-11-23T00:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2026-11-23 01:00:00 EST", "2026-11-23T01:00:00-05:00"),
        ("01/02/2026 01:00:00", ""), ("11/23/26 01:00:00", ""), ("23 Nov 2026", ""), ("32 Nov 2026 01:00:00", ""),
        ("23 Foo 2026 01:00:00", ""), ("13:00:00 PM", ""), ("2026-11-23 25:00:00", ""), ("23:00", ""),
        ("@4000000", ""), ("2026-366T01:00:00Z", ""),
    ],
)  # fmt: skip
def test_a_time_by_default(written: str, expected: str) -> None:
    assert Timestamps(clock=ManualClock(NOVEMBER)).read(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("26/11/23 01:00:00", "2026-11-23T01:00:00"), ("261123  1:00:00", "2026-11-23T01:00:00"),
        ("991123 01:00:00", "1999-11-23T01:00:00"), ("1123 01:00:00", "2026-11-23T01:00:00"),
        ("11-23 01:00:00", "2026-11-23T01:00:00"), ("01:00:00", "2026-11-23T01:00:00"),
        ("1795395600", "2026-11-23T01:00:00Z"), ("", ""), ("now", ""),
    ],
)  # fmt: skip
def test_a_time_of_a_known_program_may_be_shorter(written: str, expected: str) -> None:
    assert local_time(written, "", NOVEMBER) == expected
