"""Stages beside each other: the order stays, what waits is bounded, and nobody waits for ever."""

import sys
import threading
from collections.abc import Iterator

import pytest

from assets.ahead import Behind, ahead, spread

BOUND = 2
SOON = 5.0


def threads() -> int:
    """Threads of stages that are alive."""
    return sum(one.name in ("ahead", "behind") for one in threading.enumerate())


def numbers(count: int, made: list[int]) -> Iterator[int]:
    """The first numbers, each noted when it is made."""
    for number in range(count):
        made.append(number)
        yield number


def test_items_come_in_their_order_and_those_ahead_are_bounded() -> None:
    """A reader that runs away from a slow upload would fill the memory."""
    made: list[int] = []
    found: list[int] = []
    for number in ahead(numbers(100, made), BOUND):
        found.append(number)
        # One is held by the thread that wants to hand it over, one was just taken.
        assert len(made) <= len(found) + BOUND + 1

    assert found == list(range(100))
    assert threads() == 0


def test_the_next_item_is_made_while_one_is_used() -> None:
    """Without that, reading and converting take turns."""
    second = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        second.set()
        yield 2

    for _ in ahead(items(), BOUND):
        assert second.wait(SOON)


def test_an_error_is_raised_in_its_place() -> None:
    """After the items before it, which are good."""

    def items() -> Iterator[int]:
        yield 1
        raise ValueError("gone")

    found: list[int] = []
    with pytest.raises(ValueError, match="gone"):
        found.extend(ahead(items(), BOUND))

    reader = ahead(items(), BOUND)
    assert next(reader) == 1
    with pytest.raises(ValueError, match="gone"):
        next(reader)


def test_who_stops_early_ends_the_reading() -> None:
    """A cancelled export leaves no cursor open."""
    made: list[int] = []
    source = numbers(1_000_000, made)
    reader = ahead(source, BOUND)
    next(reader)
    reader.close()  # type: ignore[attr-defined]  # it is a generator

    assert len(made) < 10
    assert threads() == 0
    with pytest.raises(StopIteration):  # it was closed
        next(source)


def test_an_iterator_that_its_own_thread_lets_go_of_ends_quietly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The collector runs where it likes; a thread that waits for itself is an error nobody sees."""
    unseen: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: unseen.append(found.exc_value))
    held: list[Iterator[int]] = []
    taken, let_go = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 1
        taken.wait(5)
        held.clear()
        let_go.set()
        yield 2

    held.append(ahead(items(), 1))
    next(held[0])
    taken.set()

    assert let_go.wait(5)
    assert [] == unseen


def test_what_is_made_at_a_time_comes_in_the_order_of_the_items() -> None:
    """The second is done before the first, and the file is the same."""
    second = threading.Event()

    def make(number: int) -> int:
        if number == 0:
            assert second.wait(SOON)
        if number == 1:
            second.set()
        return number

    assert list(spread(make, iter(range(50)), 2)) == list(range(50))


def test_what_is_begun_before_it_is_wanted_is_bounded() -> None:
    """Batches that wait for a slow upload would fill the memory."""
    taken: list[int] = []
    found: list[int] = []
    for number in spread(lambda number: number, numbers(100, taken), 2):
        found.append(number)
        assert len(taken) <= len(found) + 2


def test_an_error_in_one_of_several_is_raised_in_its_place() -> None:
    """After what was made of the items before it, whichever was ready first."""

    def make(number: int) -> int:
        if number == 2:
            raise ValueError("gone")
        return number

    source, found = numbers(1_000, []), list[int]()
    with pytest.raises(ValueError, match="gone"):
        found.extend(spread(make, source, 2))

    makers = spread(make, iter(range(5)), 2)
    assert [next(makers), next(makers)] == [0, 1]
    with pytest.raises(StopIteration):  # it was closed
        next(source)


def test_who_stops_early_ends_those_that_make() -> None:
    """A cancelled export leaves no cursor open, and does not wait for what nobody wants."""
    stuck, taken = threading.Event(), list[int]()
    source = numbers(1_000_000, taken)
    makers = spread(lambda number: number and stuck.wait(SOON), source, 2)
    next(makers)
    makers.close()  # type: ignore[attr-defined]  # it is a generator

    assert not stuck.is_set()
    assert len(taken) < 10
    with pytest.raises(StopIteration):
        next(source)
    stuck.set()


def test_everything_is_done_in_order_when_the_block_ends() -> None:
    """The file is whole when its upload is completed."""
    done: list[int] = []
    with Behind(done.append, BOUND) as behind:
        for number in range(100):
            behind.put(number)

    assert done == list(range(100))
    assert threads() == 0


def test_what_waits_to_be_done_is_bounded() -> None:
    """A store that takes nothing stops the reading."""
    go, put = threading.Event(), list[int]()

    def use(_: int) -> None:
        go.wait(SOON)

    def fill() -> None:
        with Behind(use, BOUND) as behind:
            for number in range(10):
                behind.put(number)
                put.append(number)

    filling = threading.Thread(target=fill)
    filling.start()
    filling.join(0.2)

    assert len(put) <= BOUND + 1
    go.set()
    filling.join(SOON)
    assert put == list(range(10))


@pytest.mark.parametrize("count", [1, 100])
def test_what_a_stage_raises_is_raised_to_who_feeds_it(count: int) -> None:
    """At the next item, or at the end if there is none: no file is published without its bytes."""

    def use(_: int) -> None:
        raise ValueError("full")

    def feed() -> None:
        with Behind(use, BOUND) as behind:
            for number in range(count):
                behind.put(number)

    with pytest.raises(ValueError, match="full"):
        feed()
    assert threads() == 0


def test_a_block_that_fails_waits_for_nothing_more() -> None:
    """A lost lease must not upload what is left."""
    done: list[int] = []
    with pytest.raises(KeyError), Behind(done.append, BOUND):
        raise KeyError
    assert threads() == 0
