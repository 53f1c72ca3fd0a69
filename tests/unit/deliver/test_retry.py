"""One batch until each of its records is settled: scripted answers of a destination."""

import threading
from collections.abc import Callable, Sequence

import pytest

from sidecar.deliver.retry import UNIFORM_REJECTION_LIMIT, RetryingWriter
from sidecar.errors import DeliveryError, Misconfigured, RequestTooLarge, Retryable
from sidecar.model.batch import Batch, Rejection, WriteResult
from sidecar.model.documents import RenderedDocuments
from tests.support.builders.records import GENERATION

Answer = Callable[[Batch], WriteResult]


class Destination:
    """Answers as the script says, the last answer again and again; remembers the ids that it was sent."""

    def __init__(self, *script: Answer) -> None:
        self.script = list(script)
        self.sent: list[list[str]] = []

    def open(self) -> None: ...

    def close(self) -> None: ...

    def probe(self) -> None: ...

    def write(self, batch: Batch) -> WriteResult:
        self.sent.append(batch.ids)
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return answer(batch)


class Hurry(threading.Event):
    """A stop that never comes, and that nobody has to wait for."""

    def wait(self, timeout: float | None = None) -> bool:
        return False


def batch_of(size: int) -> Batch:
    texts = [f'{{"n":{n}}}' for n in range(size)]
    return Batch([RenderedDocuments(GENERATION, range(size), texts, [""] * size)])


def everything(batch: Batch) -> WriteResult:
    return WriteResult(range(len(batch)))


def verdict(stored: Sequence[int] = (), rejected: Sequence[int] = (), fault: DeliveryError | None = None) -> Answer:
    return lambda _: WriteResult(stored, [Rejection(i, "mapping", "no", 400) for i in rejected], fault)


def failing(fault: Exception) -> Answer:
    def answer(_: Batch) -> WriteResult:
        raise fault

    return answer


def courier(destination: Destination) -> RetryingWriter:
    return RetryingWriter(destination, Hurry())


def test_all_stored_is_settled_in_one_attempt() -> None:
    outcome = courier(Destination(everything)).deliver(batch_of(3))
    assert (outcome.rejected, outcome.attempts) == ({}, 1)


def test_only_what_was_not_taken_is_sent_again() -> None:
    destination = Destination(verdict(stored=[0, 2], fault=Retryable("429")), everything)
    courier(destination).deliver(batch_of(4))
    assert destination.sent == [["z-0", "z-1", "z-2", "z-3"], ["z-1", "z-3"]]


def test_a_rejected_record_does_not_hold_back_its_neighbours_and_keeps_its_index_over_attempts() -> None:
    destination = Destination(verdict(stored=[0], rejected=[1]), verdict(stored=[0], rejected=[1]))
    outcome = courier(destination).deliver(batch_of(4))
    assert sorted(outcome.rejected) == [1, 3]
    assert outcome.rejected[3].index == 3


def test_a_record_that_the_sink_forgot_to_mention_is_sent_again() -> None:
    destination = Destination(verdict(stored=[0, 1]), everything)
    courier(destination).deliver(batch_of(3))
    assert destination.sent[1] == ["z-2"]


def test_a_record_that_is_called_stored_and_rejected_is_sent_again() -> None:
    destination = Destination(verdict(stored=[0, 1], rejected=[1]), everything)
    assert courier(destination).deliver(batch_of(2)).rejected == {}
    assert destination.sent[1] == ["z-1"]


def test_an_index_that_is_mentioned_twice_does_not_hide_one_that_is_not() -> None:
    destination = Destination(verdict(stored=[0, 0]), everything)
    courier(destination).deliver(batch_of(2))
    assert destination.sent[1] == ["z-1"]


def test_a_destination_that_takes_nothing_makes_it_give_up_with_the_reason() -> None:
    with pytest.raises(Retryable, match="503"):
        courier(Destination(verdict(fault=Retryable("503")))).deliver(batch_of(2))


def test_a_request_that_is_too_large_is_halved_and_the_size_that_passed_is_remembered() -> None:
    def at_most_two(batch: Batch) -> WriteResult:
        if len(batch) > 2:
            raise RequestTooLarge("too large")
        return everything(batch)

    destination = Destination(at_most_two)
    carrier = courier(destination)
    assert carrier.deliver(batch_of(7)).rejected == {}
    assert carrier.limit is not None
    assert carrier.limit <= 3
    delivered = [name for ids in destination.sent if len(ids) <= 2 for name in ids]
    assert delivered == batch_of(7).ids


def taking(most: int, *, but_not: str = "") -> Destination:
    """A destination with a largest request, and one document that is too large by itself."""

    def answer(batch: Batch) -> WriteResult:
        if len(batch) > most or but_not in batch.ids:
            raise RequestTooLarge("too large")
        return everything(batch)

    return Destination(answer)


def test_a_document_that_is_too_large_by_itself_does_not_make_batches_smaller() -> None:
    destination = taking(1000, but_not="z-77")
    carrier = courier(destination)
    assert list(carrier.deliver(batch_of(200)).rejected) == [77]
    destination.sent.clear()
    carrier.deliver(batch_of(70))
    assert [len(ids) for ids in destination.sent] == [70]


def test_a_limit_is_learned_also_beside_a_document_that_is_too_large_by_itself() -> None:
    destination = taking(50, but_not="z-77")
    carrier = courier(destination)
    assert list(carrier.deliver(batch_of(200)).rejected) == [77]
    assert carrier.limit is not None
    assert 12 <= carrier.limit <= 50


def test_what_was_learned_is_kept_to_and_grows_again() -> None:
    destination = taking(10)
    carrier = courier(destination)
    carrier.deliver(batch_of(200))
    destination.sent.clear()
    for _ in range(10):
        carrier.deliver(batch_of(200))
    refused = [ids for ids in destination.sent if len(ids) > 10]
    assert len(refused) < len(destination.sent) / 5
    destination.script = [everything]
    for _ in range(30):
        carrier.deliver(batch_of(200))
    destination.sent.clear()
    carrier.deliver(batch_of(200))
    assert [len(ids) for ids in destination.sent] == [200]


def test_a_destination_that_asks_to_be_left_alone_for_long_is_not_waited_for_with_the_batch_in_hand() -> None:
    destination = Destination(verdict(stored=[0], fault=Retryable("429", retry_after=60.0)), everything)
    with pytest.raises(Retryable, match="429"):
        courier(destination).deliver(batch_of(2))
    assert len(destination.sent) == 1


def test_a_single_document_that_is_too_large_is_a_dead_letter() -> None:
    outcome = courier(Destination(failing(RequestTooLarge("too large")))).deliver(batch_of(2))
    assert {r.kind for r in outcome.rejected.values()} == {"too_large"}
    assert sorted(outcome.rejected) == [0, 1]


def test_a_whole_batch_refused_alike_is_a_bad_set_up_and_no_flood_of_dead_letters() -> None:
    size = UNIFORM_REJECTION_LIMIT + 1
    with pytest.raises(Misconfigured, match="rejected with the same error"):
        courier(Destination(verdict(rejected=range(size)))).deliver(batch_of(size))


def test_a_few_bad_documents_by_themselves_are_dead_letters() -> None:
    outcome = courier(Destination(verdict(rejected=[0, 1]))).deliver(batch_of(2))
    assert sorted(outcome.rejected) == [0, 1]


def test_bad_documents_one_by_one_without_a_good_one_between_them_are_a_bad_set_up_too() -> None:
    carrier = courier(Destination(verdict(rejected=[0])))
    for _ in range(UNIFORM_REJECTION_LIMIT - 1):
        carrier.deliver(batch_of(1))
    with pytest.raises(Misconfigured):
        carrier.deliver(batch_of(1))


def test_a_plug_in_that_fails_in_its_own_way_costs_a_retry_and_no_line() -> None:
    with pytest.raises(Retryable, match="KeyError"):
        courier(Destination(failing(KeyError("secret")))).deliver(batch_of(1))
