"""The plant ledger beside the manifests: every planted defect is counted by its rule."""

from collections.abc import Callable, Iterator

import pytest

from tests.invariants import plants
from tests.invariants.exports import Row, with_accounting, with_rows
from tests.invariants.told import Told

Compared = Callable[[Told], Iterator[tuple[str, int, int]]]


def differing(compared: Compared, told: Told) -> dict[str, int]:
    """What is compared to by how much the manifests count less than was planted."""
    return {
        name: planted - counted for name, planted, counted in compared(told) if planted != counted
    }


@pytest.mark.parametrize("compared", plants.ALL, ids=lambda one: str(one.__name__))
def test_what_was_planted_is_what_is_counted(told: Told, compared: Compared) -> None:
    """DOMAIN.md 10.1: the ledger says how many, and the manifests say the same."""
    assert {} == differing(compared, told)


def test_every_class_of_the_ledger_is_looked_at(told: Told) -> None:
    """A class that no rule names could be counted wrongly for ever."""
    planted = {name for name in told.made.ledger.names() if not name.startswith("waitlisted/")}

    assert set() == planted - plants.named()
    assert set() == plants.UNCOUNTED.keys() & plants.counted()


def test_repairs_that_nobody_counted_are_seen(told: Told) -> None:
    """Negative control."""
    name = "entries/everybody"
    doctored = told.given(name, with_accounting(told[name], notes={}))

    assert "coerced_date" in differing(plants.rejected_left_out_or_noted, doctored)


def test_formulas_that_cost_their_rows_are_seen(told: Told) -> None:
    """Negative control; the tame pack has merged accounts, if no formulas."""
    name = "entries/everybody"
    planted = {plant: count for plant, count, _ in plants.unharmed(told) if count}
    empty = told.given(name, with_rows(told[name], lambda rows: rows[:0]))

    assert planted
    assert planted == differing(plants.unharmed, empty)


def test_a_use_that_was_counted_twice_is_seen(told: Told) -> None:
    """Negative control."""
    name = "code-redemptions"

    def once_more(rows: list[Row]) -> list[Row]:
        attempts = int(rows[0]["redemption_attempts"]) + 1
        return [{**rows[0], "redemption_attempts": str(attempts)}, *rows[1:]]

    doctored = told.given(name, with_rows(told[name], once_more))
    assert {"copies of uses": 1} == differing(plants.counted_in_rows, doctored)
