"""When a webhook is tried again."""

from hypothesis import given
from hypothesis import strategies as st

from api_bridge.webhooks.schedule import MOST_ASKED, SPREAD, WAITS, wait_after


def test_the_waits_are_those_of_the_contract() -> None:
    """Receivers plan with them (API.md 5)."""
    hours = [2, 5, 10, 14, 20, 24]

    assert [5, 300, 1800, *(3600 * hour for hour in hours)] == list(WAITS)


@given(attempts=st.integers(1, 20), jitter=st.floats(0, 1, exclude_max=True))
def test_a_wait_is_spread_by_a_tenth_and_ends(attempts: int, jitter: float) -> None:
    """What failed together must not come again together, nor for ever."""
    wait = wait_after(attempts, asked=None, jitter=jitter)

    assert (wait is None) == (attempts > len(WAITS))
    if wait is not None:
        assert abs(wait - WAITS[attempts - 1]) <= WAITS[attempts - 1] * SPREAD * 1.001


@given(asked=st.floats(0, 1e9), attempts=st.integers(1, len(WAITS)))
def test_what_a_receiver_asks_for_is_a_floor_and_no_more_than_a_day(
    asked: float, attempts: int
) -> None:
    """Less would ignore it; a year would lose the webhook."""
    usual = wait_after(attempts, asked=None, jitter=0.5)
    wait = wait_after(attempts, asked=asked, jitter=0.5)

    assert usual is not None
    assert wait == max(usual, min(asked, MOST_ASKED))
