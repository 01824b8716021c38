"""Lanes and turns: who goes first."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.model.lanes import (
    LARGE_ROWS,
    SPACING,
    USUAL_PRIORITY,
    Flow,
    Lane,
    lane_of,
    most_large,
    turn_of,
)

NOW = datetime(2026, 3, 20, tzinfo=UTC)
STEP = SPACING[Lane.SMALL]


def asked(*sent: tuple[str, str, float], priority: int = USUAL_PRIORITY) -> list[int]:
    """In which order exports begin that were asked for: (caller, campaign, seconds) each."""
    last: dict[str, dict[Flow, datetime]] = {}
    turns = []
    for number, (caller, campaign, seconds) in enumerate(sent):
        flow, theirs = Flow(campaign=campaign, priority=priority), last.setdefault(caller, {})
        turn = turn_of(NOW + timedelta(seconds=seconds), flow, theirs, Lane.SMALL)
        theirs[flow] = turn
        turns.append((turn, number))
    return [number for _, number in sorted(turns)]


@pytest.mark.parametrize(
    ("rows", "lane"),
    [(None, Lane.SMALL), (0, Lane.SMALL), (LARGE_ROWS, Lane.SMALL), (LARGE_ROWS + 1, Lane.LARGE)],
)
def test_rows_decide_the_lane_and_the_unknown_is_small(rows: int | None, lane: Lane) -> None:
    """First exports of a campaign are mostly small; a run that learns otherwise says so."""
    assert lane is lane_of(rows)


@pytest.mark.parametrize(("at_once", "most"), [(1, 1), (4, 1), (16, 3), (70, 14)])
def test_large_ones_may_hold_a_fifth_but_one_in_any_case(at_once: int, most: int) -> None:
    """A deployment with one slot must make large exports, too."""
    assert most == most_large(at_once)


def test_who_asks_for_one_does_not_wait_for_a_hundred_of_another() -> None:
    """First come, first served would let one caller keep all others waiting."""
    order = asked(*[("a", "x", 0.0)] * 100, ("b", "x", 30.0))

    assert 1 == order.index(100)


def test_campaigns_of_one_caller_take_turns() -> None:
    """A tool asks for all its users under one name; each of them works at one campaign."""
    order = asked(*[("a", "x", 0.0)] * 100, ("a", "y", 30.0))

    assert order.index(100) <= 2


def test_many_campaigns_give_a_caller_no_larger_share() -> None:
    """A nightly job over every campaign must not go before the one who asks by hand."""
    order = asked(*[("a", f"c{number}", 0.0) for number in range(100)], ("b", "x", 30.0))

    assert 1 == order.index(100)


def test_equal_turns_of_one_caller_keep_the_order_in_which_it_asked() -> None:
    """Nobody understands a queue that mixes up his own requests."""
    assert list(range(20)) == asked(*[("a", "x", number / 10) for number in range(20)])


def test_priority_moves_a_turn_and_passes_nobody_for_ever() -> None:
    """Urgent exports without end must not keep usual ones out."""
    urgent = [
        turn_of(NOW + timedelta(seconds=s), Flow(campaign="x", priority=9), {}, Lane.SMALL)
        for s in range(1000)
    ]
    usual = turn_of(NOW, Flow(campaign="x", priority=USUAL_PRIORITY), {}, Lane.SMALL)

    assert urgent[0] < usual
    assert sum(turn < usual for turn in urgent) <= STEP


@given(
    waiting=st.dictionaries(
        st.builds(Flow, campaign=st.sampled_from([None, "x", "y"]), priority=st.integers(0, 9)),
        st.floats(-1e5, 1e5).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    ),
    later=st.floats(0, 1e6),
    lane=st.sampled_from(Lane),
)
def test_what_comes_after_a_turn_never_passes_it(
    waiting: Mapping[Flow, datetime], later: float, lane: Lane
) -> None:
    """So an export waits for those alone that were asked for before its turn: nothing starves."""
    turn = turn_of(NOW, Flow(campaign="x", priority=5), waiting, lane)

    assert (
        turn_of(turn + timedelta(seconds=later), Flow(campaign="z", priority=9), {}, lane)
        > turn
        > NOW
    )
