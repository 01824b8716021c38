"""The plan: which columns a file has is fixed before its first row."""

from dataclasses import replace

import pytest

from assets.model.campaign import Facts
from assets.model.column import Pii
from assets.model.failure import ExportFailed
from assets.model.policy import PiiMode, Policy, Transform
from assets.steps.plan import MAX_COLUMNS, plan
from tests.assets.examples import column, facts, request, toy

EVERYTHING = Policy(mode=PiiMode.FULL, grants=("pii:full", "pii:masked"))
LETTERS = toy(*(column(letter, lambda _: None) for letter in "dcba"))
MIXED = toy(
    column("status", lambda _: None),
    column("city", lambda _: None, pii=Pii.QUASI_IDENTIFIER),
    column("risk", lambda _: None, pii=Pii.RESTRICTED),
)


def ground(*columns: str, policy: Policy = EVERYTHING) -> Facts:
    """Facts of a request for these columns."""
    return facts(asked=replace(request(), columns=columns, policy=policy))


def test_chosen_columns_keep_the_order_of_the_catalogue() -> None:
    """A file whose columns follow the whim of a caller cannot be compared with another."""
    assert ("d", "b", "a") == plan(LETTERS, ground("a", "b", "d")).header
    assert ("d", "c", "b", "a") == plan(LETTERS, ground()).header


def test_a_column_that_does_not_exist_fails_without_being_repeated() -> None:
    """A file without the column that was meant would be wrong in silence."""
    with pytest.raises(ExportFailed) as failed:
        plan(LETTERS, ground("a", "c4nary", "z"))

    assert ("UNKNOWN_COLUMN", False) == (failed.value.code, failed.value.retryable)
    assert "names 2" in failed.value.message
    assert "c4nary" not in failed.value.message


@pytest.mark.parametrize(("width", "fits"), [(MAX_COLUMNS, True), (MAX_COLUMNS + 1, False)])
def test_a_file_has_at_most_400_columns(width: int, fits: bool) -> None:
    """A campaign with a thousand answers makes a file that no tool opens (DOMAIN.md 6.6)."""
    wide = toy(*(column(f"c{number}", lambda _: None) for number in range(width)))

    if fits:
        assert width == len(plan(wide, ground()).columns)
    else:
        with pytest.raises(ExportFailed, match="401 columns, at most 400"):
            plan(wide, ground())


def test_withheld_columns_are_named_and_not_written() -> None:
    """The manifest tells what the reader does not see."""
    made = plan(MIXED, ground())

    assert (("status", "city"), ("risk",)) == (made.header, made.withheld)
    assert all(planned.transform is Transform.NONE for planned in made.columns)


def test_a_withheld_column_that_nobody_chose_is_not_named() -> None:
    """It would look as if somebody had asked for it."""
    assert () == plan(MIXED, ground("status")).withheld


def test_a_policy_that_withholds_everything_fails() -> None:
    """A file of empty lines is no export."""
    with pytest.raises(ExportFailed) as failed:
        plan(MIXED, ground("risk"))

    assert "NO_COLUMN_LEFT" == failed.value.code


def test_a_plan_tells_the_manifest_what_is_done_to_each_column() -> None:
    """Whoever reads a masked file must see that it is masked."""
    masked = Policy(mode=PiiMode.MASKED, grants=("pii:masked",))
    named = toy(column("first_name", lambda _: None, pii=Pii.DIRECT))

    (entry,) = [planned.entry() for planned in plan(named, ground(policy=masked)).columns]

    assert ("first_name", "txt", "D", "mask_name") == (
        entry.name,
        entry.type,
        entry.pii,
        entry.transform,
    )
