"""One batch until each of its records is settled: scripted answers of a sink."""

import threading
from collections.abc import Callable, Sequence

import pytest

from sidecar.deliver.evidence import MIN_ATTEMPTS_ALONE, UNIFORM_REJECTION_LIMIT
from sidecar.deliver.retry import MAX_ATTEMPTS, RetryingWriter
from sidecar.errors import DeliveryError, Misconfigured, RequestTooLarge, Retryable
from sidecar.model.batch import Batch, Refusal, RefusalScope, Rejection, WriteResult
from sidecar.model.documents import RenderedDocuments
from tests.support.builders.records import GENERATION

Answer = Callable[[Batch], WriteResult]


class ScriptedAnswers:
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


class NoWait(threading.Event):
    """A stop that is never set, and pauses of no length."""

    def wait(self, timeout: float | None = None) -> bool:
        return False


def batch_of(size: int) -> Batch:
    texts = [f'{{"n":{n}}}' for n in range(size)]
    return Batch([RenderedDocuments(GENERATION, range(size), texts, [""] * size)])


def everything(batch: Batch) -> WriteResult:
    return WriteResult(range(len(batch)))


def result(stored: Sequence[int] = (), rejected: Sequence[int] = (), error: DeliveryError | None = None) -> Answer:
    return lambda _: WriteResult(stored, [Rejection(i, "mapping", "no", 400) for i in rejected], error)


def failing(error: Exception) -> Answer:
    def answer(_: Batch) -> WriteResult:
        raise error

    return answer


def writer_to(sink: ScriptedAnswers) -> RetryingWriter:
    return RetryingWriter(sink, NoWait())


def test_all_stored_is_settled_in_one_attempt() -> None:
    delivered = writer_to(ScriptedAnswers(everything)).deliver(batch_of(3))
    assert (delivered.rejected, delivered.attempts) == ({}, 1)


def test_only_what_was_not_taken_is_sent_again() -> None:
    sink = ScriptedAnswers(result(stored=[0, 2], error=Retryable("429")), everything)
    writer_to(sink).deliver(batch_of(4))
    assert sink.sent == [["z-0", "z-1", "z-2", "z-3"], ["z-1", "z-3"]]


def test_a_rejected_record_does_not_hold_back_its_neighbours_and_keeps_its_index_over_attempts() -> None:
    sink = ScriptedAnswers(result(stored=[0], rejected=[1]), result(stored=[0], rejected=[1]))
    delivered = writer_to(sink).deliver(batch_of(4))
    assert sorted(delivered.rejected) == [1, 3]
    assert delivered.rejected[3].index == 3


def test_a_record_that_the_sink_forgot_to_mention_is_sent_again() -> None:
    sink = ScriptedAnswers(result(stored=[0, 1]), everything)
    writer_to(sink).deliver(batch_of(3))
    assert sink.sent[1] == ["z-2"]


def test_a_record_that_is_called_stored_and_rejected_is_sent_again() -> None:
    sink = ScriptedAnswers(result(stored=[0, 1], rejected=[1]), everything)
    assert writer_to(sink).deliver(batch_of(2)).rejected == {}
    assert sink.sent[1] == ["z-1"]


def test_an_index_that_is_mentioned_twice_does_not_hide_one_that_is_not() -> None:
    sink = ScriptedAnswers(result(stored=[0, 0]), everything)
    writer_to(sink).deliver(batch_of(2))
    assert sink.sent[1] == ["z-1"]


def test_a_sink_that_takes_nothing_makes_it_give_up_with_the_reason() -> None:
    with pytest.raises(Retryable, match="503"):
        writer_to(ScriptedAnswers(result(error=Retryable("503")))).deliver(batch_of(2))


def test_a_request_that_is_too_large_is_halved_and_the_size_that_passed_is_remembered() -> None:
    def at_most_two(batch: Batch) -> WriteResult:
        if len(batch) > 2:
            raise RequestTooLarge("too large")
        return everything(batch)

    sink = ScriptedAnswers(at_most_two)
    writer = writer_to(sink)
    assert writer.deliver(batch_of(7)).rejected == {}
    assert writer.limit is not None
    assert writer.limit <= 3
    delivered = [name for ids in sink.sent if len(ids) <= 2 for name in ids]
    assert delivered == batch_of(7).ids


def taking(most: int, *, but_not: str = "") -> ScriptedAnswers:
    """A sink with a largest request, and one document that is too large by itself."""

    def answer(batch: Batch) -> WriteResult:
        if len(batch) > most or but_not in batch.ids:
            raise RequestTooLarge("too large")
        return everything(batch)

    return ScriptedAnswers(answer)


def test_a_document_that_is_too_large_by_itself_does_not_make_batches_smaller() -> None:
    sink = taking(1000, but_not="z-77")
    writer = writer_to(sink)
    assert list(writer.deliver(batch_of(200)).rejected) == [77]
    sink.sent.clear()
    writer.deliver(batch_of(70))
    assert [len(ids) for ids in sink.sent] == [70]


def test_a_limit_is_learned_also_beside_a_document_that_is_too_large_by_itself() -> None:
    sink = taking(50, but_not="z-77")
    writer = writer_to(sink)
    assert list(writer.deliver(batch_of(200)).rejected) == [77]
    assert writer.limit is not None
    assert 12 <= writer.limit <= 50


def test_what_was_learned_is_kept_to_and_grows_again() -> None:
    sink = taking(10)
    writer = writer_to(sink)
    writer.deliver(batch_of(200))
    sink.sent.clear()
    for _ in range(10):
        writer.deliver(batch_of(200))
    refused = [ids for ids in sink.sent if len(ids) > 10]
    assert len(refused) < len(sink.sent) / 5
    sink.script = [everything]
    for _ in range(30):
        writer.deliver(batch_of(200))
    sink.sent.clear()
    writer.deliver(batch_of(200))
    assert [len(ids) for ids in sink.sent] == [200]


def test_a_sink_that_asks_for_a_long_pause_gets_the_rest_later_and_nothing_twice() -> None:
    sink = ScriptedAnswers(result(stored=[0], error=Retryable("429", retry_after=60.0)), everything)
    delivered = writer_to(sink).deliver(batch_of(2))
    assert (list(delivered.postponed), str(delivered.error)) == ([1], "429")
    assert len(sink.sent) == 1


def test_what_is_left_of_a_batch_is_written_again_alone_whatever_the_next_attempt_says() -> None:
    busy = result(error=Retryable("429"))
    sink = ScriptedAnswers(result(stored=[0, 2], error=Retryable("429")), busy, busy, everything)
    delivered = writer_to(sink).deliver(batch_of(3))
    assert [len(ids) for ids in sink.sent] == [3, 1, 1, 1]
    assert not delivered.postponed


def test_what_is_left_after_the_last_attempt_is_postponed_and_the_rest_settled() -> None:
    sink = ScriptedAnswers(result(stored=[0], error=Retryable("429")), result(error=Retryable("429")))
    delivered = writer_to(sink).deliver(batch_of(2))
    assert (list(delivered.postponed), delivered.rejected, delivered.error) == ([1], {}, None)
    assert len(sink.sent) == MAX_ATTEMPTS


def test_a_sink_that_fails_after_it_has_stored_a_part_gets_that_part_only_once() -> None:
    sink = ScriptedAnswers(result(stored=[0], error=Retryable("429")), failing(Retryable("down")))
    delivered = writer_to(sink).deliver(batch_of(2))
    assert (list(delivered.postponed), str(delivered.error)) == ([1], "down")
    assert len(sink.sent) == 2


def test_conflicts_with_stored_documents_are_dead_letters_however_many_there_are() -> None:
    size = UNIFORM_REJECTION_LIMIT + 1
    conflicts = [Rejection(index, "DuplicateKey", "no", 11000, is_conflict=True) for index in range(size)]
    delivered = writer_to(ScriptedAnswers(lambda _: WriteResult((), conflicts))).deliver(batch_of(size))
    assert sorted(delivered.rejected) == list(range(size))


def test_a_single_document_that_is_too_large_is_a_dead_letter() -> None:
    delivered = writer_to(ScriptedAnswers(failing(RequestTooLarge("too large")))).deliver(batch_of(2))
    assert {r.kind for r in delivered.rejected.values()} == {"too_large"}
    assert sorted(delivered.rejected) == [0, 1]


def test_a_whole_batch_refused_alike_is_a_bad_set_up_and_no_flood_of_dead_letters() -> None:
    size = UNIFORM_REJECTION_LIMIT + 1
    with pytest.raises(Misconfigured, match="rejected with the same error"):
        writer_to(ScriptedAnswers(result(rejected=range(size)))).deliver(batch_of(size))


def test_a_few_bad_documents_by_themselves_are_dead_letters() -> None:
    delivered = writer_to(ScriptedAnswers(result(rejected=[0, 1]))).deliver(batch_of(2))
    assert sorted(delivered.rejected) == [0, 1]


def test_bad_documents_one_by_one_without_a_good_one_between_them_are_a_bad_set_up_too() -> None:
    writer = writer_to(ScriptedAnswers(result(rejected=[0])))
    for _ in range(UNIFORM_REJECTION_LIMIT - 1):
        writer.deliver(batch_of(1))
    with pytest.raises(Misconfigured):
        writer.deliver(batch_of(1))


def test_a_plug_in_that_fails_in_its_own_way_costs_a_retry_and_no_line() -> None:
    with pytest.raises(Retryable, match="KeyError"):
        writer_to(ScriptedAnswers(failing(KeyError("secret")))).deliver(batch_of(1))


class Targets(ScriptedAnswers):
    """A sink whose documents with the same last digit go to the same target: `t-0`, `t-1` …"""

    has_many_targets = True

    def targets(self, batch: Batch) -> list[str]:
        return [target_of(name) for name in batch.ids]

    def keep_targets(self, admit: object) -> None: ...


def target_of(name: str) -> str:
    return f"t-{name[-1]}"


def refusing(*ids: str, scope: RefusalScope = "unclear", error: DeliveryError | None = None) -> Answer:
    """Refuse these documents, and store all others."""

    def answer(batch: Batch) -> WriteResult:
        stored = [index for index, name in enumerate(batch.ids) if name not in ids]
        refused = [
            Refusal(Rejection(index, "odd", "no", 400, target_of(name)), error or Misconfigured("odd"), scope)
            for index, name in enumerate(batch.ids)
            if name in ids
        ]
        targets = {target_of(batch.ids[index]) for index in stored}
        return WriteResult(stored, refused=refused, stored_targets=targets)

    return answer


def test_an_unknown_refusal_is_a_dead_letter_if_its_target_took_another_document() -> None:
    sink = Targets(refusing("z-5"))
    delivered = writer_to(sink).deliver(batch_of(20))
    assert (list(delivered.rejected), delivered.postponed) == ([5], {})
    assert len(sink.sent) == 1


def test_an_unknown_refusal_without_another_document_for_its_target_is_one_after_some_attempts_alone() -> None:
    sink = Targets(refusing("z-5"))
    delivered = writer_to(sink).deliver(batch_of(10))
    assert list(delivered.rejected) == [5]
    assert [len(ids) for ids in sink.sent] == [10] + [1] * (MIN_ATTEMPTS_ALONE - 1)


def test_an_unknown_refusal_is_no_dead_letter_while_nothing_is_stored() -> None:
    with pytest.raises(Misconfigured, match="odd"):
        writer_to(Targets(refusing("z-0", "z-1"))).deliver(batch_of(2))


def test_an_unknown_refusal_that_is_to_be_kept_is_postponed() -> None:
    delivered = writer_to(Targets(refusing("z-5", scope="kept"))).deliver(batch_of(20))
    assert (delivered.rejected, list(delivered.postponed)) == ({}, [5])


def test_a_document_that_a_server_fails_on_is_a_dead_letter_after_the_last_attempt() -> None:
    sink = Targets(refusing("z-5", scope="transient", error=Retryable("500")))
    delivered = writer_to(sink).deliver(batch_of(20))
    assert (list(delivered.rejected), len(sink.sent)) == ([5], MAX_ATTEMPTS)


def test_all_documents_of_a_target_that_a_server_fails_on_are_postponed() -> None:
    sink = Targets(refusing("z-5", scope="transient", error=Retryable("500")))
    delivered = writer_to(sink).deliver(batch_of(10))
    assert (delivered.rejected, list(delivered.postponed)) == ({}, [5])


def test_a_target_that_takes_no_documents_does_not_hold_back_the_others() -> None:
    sink = Targets(refusing("z-3", "z-13", scope="target", error=Misconfigured("closed")))
    delivered = writer_to(sink).deliver(batch_of(20))
    assert (delivered.rejected, sorted(delivered.postponed)) == ({}, [3, 13])
    assert {target: str(error) for target, error in delivered.reasons.items()} == {"t-3": "closed"}
    assert len(sink.sent) == 1


def test_a_target_with_a_part_that_is_unavailable_waits_without_another_attempt() -> None:
    sink = Targets(refusing("z-3", scope="shard", error=Retryable("no primary")))
    delivered = writer_to(sink).deliver(batch_of(20))
    assert (delivered.postponed, list(delivered.reasons), delivered.error) == ({3: "t-3"}, ["t-3"], None)
    assert len(sink.sent) == 1


def test_what_is_stored_stays_stored_if_a_part_of_the_only_target_is_unavailable() -> None:
    sink = Targets(refusing("z-3", scope="shard", error=Retryable("no primary")))
    sink.has_many_targets = False
    delivered = writer_to(sink).deliver(batch_of(20))
    assert (delivered.postponed, str(delivered.error)) == ({3: ""}, "no primary")
    assert len(sink.sent) == 1


def test_a_target_that_refuses_ten_documents_alike_takes_none() -> None:
    ids = [f"z-{n}" for n in range(3, 103, 10)]
    delivered = writer_to(Targets(refusing(*ids))).deliver(batch_of(100))
    assert (delivered.rejected, len(delivered.postponed), list(delivered.reasons)) == ({}, 10, ["t-3"])


def test_the_only_target_of_a_sink_is_the_sink() -> None:
    sink = Targets(refusing("z-0", "z-1", scope="target", error=Misconfigured("closed")))
    sink.has_many_targets = False
    with pytest.raises(Misconfigured, match="closed"):
        writer_to(sink).deliver(batch_of(2))


def test_many_targets_in_a_row_that_take_nothing_are_a_wrong_set_up_of_the_sink() -> None:
    sink = Targets(refusing(*(f"z-{n}" for n in range(10)), scope="target", error=Misconfigured("403")))
    writer = writer_to(sink)
    assert len(writer.deliver(batch_of(UNIFORM_REJECTION_LIMIT - 1)).postponed) == UNIFORM_REJECTION_LIMIT - 1
    with pytest.raises(Misconfigured, match="403"):
        writer.deliver(batch_of(UNIFORM_REJECTION_LIMIT))


def test_many_targets_that_take_nothing_do_not_hold_back_one_that_does() -> None:
    class Days(Targets):
        def targets(self, batch: Batch) -> list[str]:
            return batch.ids

    def only_today(batch: Batch) -> WriteResult:
        refused = [
            Refusal(Rejection(index, "closed", "no", 400, name), Misconfigured("closed"), "target")
            for index, name in enumerate(batch.ids)
            if name != "z-20"
        ]
        return WriteResult([len(batch) - 1], refused=refused, stored_targets={"z-20"})

    delivered = writer_to(Days(only_today)).deliver(batch_of(21))
    assert (sorted(delivered.postponed), delivered.error) == (list(range(20)), None)
