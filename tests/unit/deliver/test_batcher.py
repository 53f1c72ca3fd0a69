"""When a batch is full, and when it is sent."""

from sidecar.deliver.batcher import Batcher, BatchLimits, BatchPart
from sidecar.model.lines import RecordRanges
from sidecar.model.span import PendingSpan
from sidecar.testing import numbered

NEVER = float("inf")
LIMITS = BatchLimits(records=10, bytes=64 * 1024, linger_s=0.5, concurrency=1)


def part_of(records: int, size: int = 1_000) -> BatchPart:
    return BatchPart(numbered(records).parts[0], RecordRanges([], [], size), PendingSpan(0, size, b""), size)


def is_due(batcher: Batcher, now: float, *, quiet_since: float = NEVER, is_last: bool = False) -> bool:
    return batcher.is_due(now, quiet_since=quiet_since, is_last=is_last)


def test_an_empty_batch_is_never_due() -> None:
    batcher = Batcher(LIMITS)
    assert batcher.is_empty
    assert not is_due(batcher, 1e9, quiet_since=0.0, is_last=True)
    assert batcher.due_at() == NEVER


def test_a_batch_is_full_at_its_number_of_records() -> None:
    batcher = Batcher(LIMITS)
    batcher.add(part_of(9), now=5.0)
    before = batcher.is_full
    batcher.add(part_of(1), now=5.0)
    assert (before, batcher.is_full) == (False, True)
    assert is_due(batcher, 5.0)


def test_a_batch_is_full_at_its_number_of_bytes() -> None:
    batcher = Batcher(LIMITS)
    batcher.add(part_of(1, size=64 * 1024), now=5.0)
    assert batcher.is_full


def test_a_sink_that_takes_less_at_a_time_makes_batches_smaller() -> None:
    learned: list[int | None] = [None]
    batcher = Batcher(LIMITS, lambda: learned[0])
    batcher.add(part_of(4), now=5.0)
    before = batcher.is_full
    learned[0] = 4
    assert (before, batcher.is_full) == (False, True)
    learned[0] = 5
    assert batcher.max_chunk_records(overhead=1) == 1


def test_a_batch_is_due_when_its_first_part_has_waited_for_the_linger_time() -> None:
    batcher = Batcher(LIMITS)
    batcher.add(part_of(1), now=5.0)
    batcher.add(part_of(1), now=5.25)
    assert not is_due(batcher, 5.25)
    assert batcher.due_at() == 5.5
    assert is_due(batcher, 5.5)


def test_the_first_batch_after_silence_does_not_wait() -> None:
    batcher = Batcher(LIMITS)
    batcher.add(part_of(1), now=5.0)
    assert is_due(batcher, 5.0, quiet_since=4.5)
    assert is_due(batcher, 5.0, quiet_since=-NEVER)
    assert not is_due(batcher, 5.0, quiet_since=4.75)


def test_the_last_batch_does_not_wait() -> None:
    batcher = Batcher(LIMITS)
    batcher.add(part_of(1), now=5.0)
    assert is_due(batcher, 5.0, is_last=True)


def test_taking_a_batch_begins_the_next_one() -> None:
    batcher = Batcher(LIMITS)
    parts = [part_of(4), part_of(6)]
    for part in parts:
        batcher.add(part, now=5.0)
    assert batcher.take() == parts
    assert batcher.is_empty
    assert not batcher.is_full
    batcher.add(part_of(1), now=7.0)
    assert batcher.due_at() == 7.5


def test_a_batch_that_was_dropped_is_not_sent() -> None:
    batcher = Batcher(LIMITS)
    batcher.add(part_of(10), now=5.0)
    batcher.clear()
    assert batcher.take() == []


def test_a_chunk_fills_the_batch_and_no_more() -> None:
    batcher = Batcher(LIMITS)
    assert batcher.max_chunk_records(overhead=1) == 10
    batcher.add(part_of(7), now=5.0)
    assert batcher.max_chunk_records(overhead=1) == 3


def test_the_overhead_of_the_last_documents_bounds_the_next_chunk() -> None:
    batcher = Batcher(LIMITS)
    batcher.add(part_of(1, size=-(64 * 1024)), now=5.0)  # as if the document were that much longer than its line
    assert batcher.max_chunk_records(overhead=1) == 1
