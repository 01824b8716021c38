"""Operators of callers, and a listener at the driver; a file of its own, for it needs the stack."""

from collections.abc import Mapping
from pathlib import Path

from tests.fuzz import operators, plants
from tests.fuzz.judge import Tally


def test_no_operator_of_a_caller_reaches_the_driver(
    stack: Mapping[str, str], tmp_path: Path
) -> None:
    """The commands themselves are listened to: a refusal could still come too late."""
    tally = Tally()
    with operators.real_bridge(stack, tmp_path) as (bridge, recorder):
        tried = operators.attack(bridge, recorder, tally, apart=73)

    assert tally.faults.total() == 0, tally.notes
    assert tried > 100


def test_an_operator_that_reaches_the_driver_is_counted(
    stack: Mapping[str, str], tmp_path: Path
) -> None:
    """The recorder hears a query that a caller wrote."""
    tally = Tally()
    with operators.real_bridge(stack, tmp_path, wrap=plants.trusting) as (bridge, recorder):
        operators.attack(bridge, recorder, tally, apart=131)

    assert tally.faults["operators"] > 0
