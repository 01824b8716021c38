"""Whose turn it is among the sensors that listen to the queue."""

import threading

import pytest

from resources.clock import SystemClock
from sensors.turns import Turns
from tests.fakes.clock import ManualClock


def test_a_second_one_waits_until_the_first_has_found_work_and_then_listens() -> None:
    """So a request is heard although the sensor that found the last one is still away."""
    turns, clock, heard = Turns(spacing=0.0), SystemClock(), threading.Event()

    def listen() -> None:
        with turns.taken(clock, clock.monotonic() + 30) as ours:
            if ours:
                heard.set()

    with turns.taken(clock, clock.monotonic() + 30) as ours:
        second = threading.Thread(target=listen)
        second.start()
        early = heard.wait(0.1)
        turns.found(clock)
    second.join(10)

    assert (True, False, True) == (ours, early, heard.is_set())


def test_one_whose_turn_does_not_come_ends_its_tick_in_time() -> None:
    """A tick that is late misses the next one."""
    turns, clock = Turns(spacing=0.0), ManualClock()
    with (
        turns.taken(clock, deadline=5.0) as first,
        turns.taken(clock, deadline=clock.monotonic()) as second,
    ):
        assert (True, False) == (first, second)


def test_the_next_one_leaves_room_after_work_was_found() -> None:
    """Four that are used up at once would leave nobody to listen for the rest of five seconds."""
    turns, clock = Turns(spacing=1.25), ManualClock()
    with turns.taken(clock, deadline=4.0):
        turns.found(clock)

    with turns.taken(clock, deadline=4.0) as ours:
        assert ours
        assert clock.monotonic() == pytest.approx(1.25)


def test_nobody_leaves_room_beyond_the_end_of_its_tick() -> None:
    """It ends its tick instead, and is back sooner."""
    turns, clock = Turns(spacing=1.25), ManualClock()
    with turns.taken(clock, deadline=4.0):
        turns.found(clock)

    with turns.taken(clock, deadline=1.0) as ours:
        assert not ours
        assert clock.monotonic() == pytest.approx(1.0)
