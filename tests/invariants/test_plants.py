"""The plant ledger beside the manifests: every defect of the nasty pack is counted by its rule."""

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


@pytest.fixture
def nasty(told: Told) -> Told:
    """Only the nasty pack has a plant of every class."""
    if told.name != "nasty":
        pytest.skip("no defects are planted in the small pack")
    return told


@pytest.mark.parametrize("compared", plants.ALL, ids=lambda one: str(one.__name__))
def test_what_was_planted_is_what_is_counted(nasty: Told, compared: Compared) -> None:
    """DOMAIN.md 10.1: the ledger says how many, and the manifests say the same."""
    assert {} == differing(compared, nasty)


def test_every_class_of_the_ledger_is_looked_at(nasty: Told) -> None:
    """A class that no rule names could be counted wrongly for ever."""
    planted = {name for name in nasty.made.ledger.names() if not name.startswith("waitlisted/")}

    assert set() == planted - plants.named()
    assert set() == plants.UNCOUNTED.keys() & plants.counted()


def test_a_reject_that_nobody_counted_is_seen(nasty: Told) -> None:
    """Negative control."""
    name = "entries/everybody"
    rejected = {**nasty[name].manifest.accounting.rejected, "first_name:wrong_type": 0}
    told = nasty.given(name, with_accounting(nasty[name], rejected=rejected))

    assert ["first_name:wrong_type"] == list(differing(plants.rejected_left_out_or_noted, told))


def test_a_formula_that_cost_its_row_is_seen(nasty: Told) -> None:
    """Negative control."""
    name = "entries/everybody"
    (first, *_) = nasty.made.ledger["formula_equals"].ids

    def without(rows: list[Row]) -> list[Row]:
        return [row for row in rows if row["entry_id"] != first]

    told = nasty.given(name, with_rows(nasty[name], without))
    assert {"formula_equals": 1} == differing(plants.unharmed, told)


def test_a_use_that_was_counted_twice_is_seen(nasty: Told) -> None:
    """Negative control."""
    name = "code-redemptions"

    def once_more(rows: list[Row]) -> list[Row]:
        attempts = int(rows[0]["redemption_attempts"]) + 1
        return [{**rows[0], "redemption_attempts": str(attempts)}, *rows[1:]]

    told = nasty.given(name, with_rows(nasty[name], once_more))
    assert {"copies of uses": 1} == differing(plants.counted_in_rows, told)
