"""Ranges of parked records: joined, and cut where they were delivered."""

from hypothesis import given
from hypothesis import strategies as st

from sidecar.model.span import ParkedRange, cut_ranges, join_ranges


def test_adjacent_ranges_of_one_target_become_one() -> None:
    ranges = [ParkedRange(10, 20, 1, "a"), ParkedRange(0, 10, 2, "a"), ParkedRange(20, 30, 1, "b")]
    assert join_ranges(ranges) == [ParkedRange(0, 20, 3, "a"), ParkedRange(20, 30, 1, "b")]


spans = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=8).map(
    lambda pairs: [(start, start + size) for start, size in pairs]
)


@given(spans, spans)
def test_what_is_left_after_a_cut_is_every_byte_that_was_not_cut(
    ranges: list[tuple[int, int]], cuts: list[tuple[int, int]]
) -> None:
    whole: list[ParkedRange] = []
    for start, end in sorted(ranges):
        if not whole or start >= whole[-1].end:
            whole.append(ParkedRange(start, end, 1, "a"))
    before = {at for item in whole for at in range(item.start, item.end)}
    gone = {at for start, end in cuts for at in range(start, end)}
    left = [at for item in cut_ranges(whole, cuts) for at in range(item.start, item.end)]
    assert left == sorted(before - gone)
