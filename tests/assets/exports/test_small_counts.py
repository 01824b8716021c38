"""Small counts: hidden, and hidden so that nobody can work them out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.exports.shared.small_counts import hidden

K = 10


def test_a_small_count_is_hidden_and_nought_is_not() -> None:
    """Nine fans of a village can be named; nobody lives in nought."""
    assert {"a"} == hidden({"a": 9, "b": 10, "c": 0}, [], k=K)


def test_a_single_hidden_part_takes_the_smallest_other_with_it() -> None:
    """The total minus the shown parts would be the hidden one."""
    counts = {"a": 3, "b": 40, "c": 20, "total": 63}

    assert {"a", "c"} == hidden(counts, [list(counts)], k=K)


def test_hidden_parts_that_are_few_together_take_another_with_them() -> None:
    """That two places have three fans between them is as good as naming them."""
    counts = {"a": 1, "b": 2, "c": 20, "total": 23}

    assert {"a", "b", "c"} == hidden(counts, [list(counts)], k=K)


def test_hiding_in_one_sum_is_followed_up_in_the_others() -> None:
    """A cell is part of its row and of its column; either could give it away."""
    counts = {
        ("x", "p"): 3,
        ("x", "q"): 30,
        ("y", "p"): 40,
        ("y", "q"): 50,
    }
    rows = [[("x", "p"), ("x", "q")], [("y", "p"), ("y", "q")]]
    columns = [[("x", "p"), ("y", "p")], [("x", "q"), ("y", "q")]]

    assert set(counts) == hidden(counts, [*rows, *columns], k=K)


def test_a_cell_that_is_given_as_hidden_is_protected_like_a_small_one() -> None:
    """Tickets are many where fans are few; the column of tickets must not show them."""
    counts = {"a": 40, "b": 50, "total": 90}

    assert {"a", "b"} == hidden(counts, [list(counts)], k=0, given=["a"])


COUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=7)


@given(COUNTS, st.integers(1, 15))
def test_no_sum_gives_a_small_count_away(parts: list[int], k: int) -> None:
    """For any counts: none is hidden, or two or more that hold k people, or all but noughts."""
    counts: dict[object, int] = {**dict(enumerate(parts)), "total": sum(parts)}
    relation = list(counts)

    found = hidden(counts, [relation], k=k)

    assert all(cell in found for cell, count in counts.items() if 0 < count < k)
    assert all(counts[cell] for cell in found)
    assert (
        not found
        or (len(found) > 1 and sum(counts[cell] for cell in found) >= k)
        or found == {cell for cell in relation if counts[cell]}
    )


@pytest.mark.parametrize("k", [1, 2, 10])
def test_without_small_counts_nothing_is_hidden(k: int) -> None:
    """The negative control: hiding everything would pass every test above."""
    assert not hidden({"a": 10, "b": 0, "total": 10}, [["a", "b", "total"]], k=k)
