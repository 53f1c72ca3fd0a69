"""How many requests are in flight, by the answers of the sink."""

from sidecar.deliver.workers import WorkerLimit


def answer(workers: WorkerLimit, seconds: float, times: int = 1, *, is_complete: bool = True) -> None:
    for _ in range(times):
        workers.count_answer(seconds, workers.limit, is_complete=is_complete)


def test_a_sink_that_is_far_gets_more_requests_up_to_the_limit() -> None:
    workers = WorkerLimit(2, 8)
    answer(workers, 0.5, 3)
    assert workers.limit == 5
    answer(workers, 0.5, 100)
    assert workers.limit == 8
    assert not workers.is_near


def test_a_sink_is_far_if_even_its_fastest_answer_is_late() -> None:
    workers = WorkerLimit(2, 8)
    before = workers.is_far
    answer(workers, 0.1)
    assert (before, workers.is_far) == (False, True)
    answer(workers, 0.09)
    answer(workers, 0.5)
    assert not workers.is_far


def test_a_sink_that_is_near_gets_no_more() -> None:
    workers = WorkerLimit(2, 8)
    answer(workers, 0.005, 100)
    assert workers.limit == 2
    assert workers.is_near


def test_requests_that_are_not_needed_do_not_add_more() -> None:
    workers = WorkerLimit(2, 8)
    for _ in range(10):
        workers.count_answer(0.5, 1, is_complete=True)
    assert workers.limit == 2


def test_a_sink_that_refuses_for_now_gets_half_and_then_slowly_more() -> None:
    workers = WorkerLimit(2, 16)
    answer(workers, 0.5, 100)
    answer(workers, 0.5, is_complete=False)
    assert workers.limit == 8
    answer(workers, 0.5)
    assert workers.limit == 9


def test_a_sink_that_becomes_slower_by_more_requests_gets_fewer() -> None:
    workers = WorkerLimit(2, 16)
    answer(workers, 0.1, 10)
    before = workers.limit
    answer(workers, 0.3, 3)
    assert workers.limit < before


def test_a_network_that_became_slower_is_noticed() -> None:
    workers = WorkerLimit(2, 8)
    answer(workers, 0.05, 10)
    answer(workers, 0.5, 200)
    assert workers.limit == 8
