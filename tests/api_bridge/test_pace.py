"""Whoever asks without pause is told to ask less often, and nobody else notices (S14)."""

import pytest

from api_bridge.access.pace import EVERY_SECONDS, MOST, Pace
from tests.api_bridge.bench import Bench
from tests.fakes.clock import ManualClock


def test_a_poll_every_two_seconds_is_answered_for_ever() -> None:
    """The pace that `Retry-After` asks for must never be refused."""
    clock = ManualClock()
    pace = Pace(clock, saved=1)
    waits = []
    for _ in range(1_000):
        waits.append(pace.poll("a", "e").wait)
        clock.advance(EVERY_SECONDS)

    assert set(waits) == {0.0}


def test_what_is_saved_up_may_be_spent_at_once_and_comes_back() -> None:
    """A refused poll counts for nothing: who waits as long as it is told is answered."""
    clock = ManualClock()
    pace = Pace(clock, saved=3)
    left = [pace.poll("a", "e").remaining for _ in range(3)]
    refused = [pace.poll("a", "e").wait for _ in range(50)]
    clock.advance(refused[-1])
    answered = pace.poll("a", "e")
    clock.advance(3 * EVERY_SECONDS)

    assert left == [2, 1, 0]
    assert set(refused) == {EVERY_SECONDS}
    assert answered.wait == 0
    assert [pace.poll("a", "e").wait for _ in range(4)] == [0, 0, 0, EVERY_SECONDS]


def test_callers_and_exports_are_counted_for_themselves() -> None:
    """A neighbour who hammers must not cost anybody else an answer."""
    pace = Pace(ManualClock(), saved=1)

    first = [pace.poll("a", "e").wait, pace.poll("a", "e").wait]

    assert [bool(wait) for wait in first] == [False, True]
    assert pace.poll("b", "e").wait == 0
    assert pace.poll("a", "f").wait == 0


def test_the_memory_of_polls_is_bounded() -> None:
    """Else it would be a way to fill the bridge."""
    pace = Pace(ManualClock(), saved=1)
    pace.poll("a", "first")
    for number in range(MOST):
        pace.poll("a", str(number))

    assert len(pace._spent) == MOST
    assert pace.poll("a", "first").wait == 0


@pytest.mark.parametrize("polls", [1, 600])
def test_an_answer_says_how_many_polls_are_left(bench: Bench, polls: int) -> None:
    """Clients that read the fields never meet the 429 (API.md 3)."""
    export_id = bench.create()
    for _ in range(polls):
        answer = bench.call("GET", f"/v1/exports/{export_id}")

    assert answer.status == 200
    assert answer.headers["RateLimit-Policy"] == '"poll";q=600;w=1200'
    assert answer.headers["RateLimit"] == f'"poll";r={600 - polls};t=2'


def test_one_poll_too_many_is_a_429_that_says_when_to_come_back(bench: Bench) -> None:
    """And the other export of the same caller is still answered."""
    export_id, other = bench.create(), bench.create(top_n=2)
    for _ in range(600):
        bench.call("GET", f"/v1/exports/{export_id}")
    refused = bench.call("GET", f"/v1/exports/{export_id}")
    bench.clock.advance(int(refused.headers["Retry-After"]))

    assert (refused.status, refused.body["code"]) == (429, "polling-too-fast")
    assert refused.headers["RateLimit"] == '"poll";r=0;t=2'
    assert bench.call("GET", f"/v1/exports/{other}").status == 200
    assert bench.call("GET", f"/v1/exports/{export_id}").status == 200
