"""How long to wait before the next attempt."""

import pytest

from sidecar.deliver.backoff import Backoff
from sidecar.errors import Misconfigured, Retryable


def test_the_wait_grows_up_to_its_limit() -> None:
    backoff = Backoff(first_s=1.0, longest_s=8.0, chance=lambda: 1.0)
    assert [backoff.after(Retryable("down")) for _ in range(6)] == [1, 2, 4, 8, 8, 8]


def test_chance_never_makes_it_wait_less_than_half_of_that() -> None:
    assert Backoff(first_s=1.0, chance=lambda: 0.0).after(Retryable("down")) == 0.5


def test_the_wish_of_the_destination_is_kept() -> None:
    assert Backoff(chance=lambda: 0.0).after(Retryable("busy", retry_after=17.0)) == 17.0


@pytest.mark.parametrize(
    ("wish", "seconds"), [(1e20, 300.0), (float("inf"), 300.0), (float("nan"), 0.0), (-5.0, 0.0), (301.0, 300.0)]
)
def test_a_wish_beyond_five_minutes_or_before_now_is_not_kept(wish: float, seconds: float) -> None:
    assert Backoff(chance=lambda: 0.0).after(Retryable("busy", retry_after=wish)) == seconds


def test_what_a_person_has_to_mend_is_tried_slowly() -> None:
    assert Backoff(chance=lambda: 1.0).after(Misconfigured("401")) == 10.0


def test_success_begins_again_at_the_first_step() -> None:
    backoff = Backoff(first_s=1.0, chance=lambda: 1.0)
    backoff.after(Retryable("down"))
    backoff.after(Retryable("down"))
    backoff.reset()
    assert backoff.after(Retryable("down")) == 1.0
