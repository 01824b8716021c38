"""A rehearsal says that it went well only if it did."""

from dataclasses import replace
from typing import Any

import pytest

from tests.rehearsals import expired, stepped_down
from tests.rehearsals.lost_storage import Outcome

ALSO_WELL = expired.Outcome(live=8, ended=8, doubled=0, struck=6, tokens=4, locked=9, refused=True)
STEPPED_DOWN = stepped_down.Outcome(
    live=14, ended=14, doubled=0, documents=14, refused=9, unavailable=2
)
WELL = Outcome(finished=6, kept=6, live=12, ended=12, doubled=0, runs=13)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kept": 5},
        {"finished": 0, "kept": 0},
        {"ended": 11},
        {"live": 0, "ended": 0},
        {"doubled": 1},
        {"runs": 0},
    ],
)
def test_what_is_lost_or_done_twice_is_not_well(wrong: dict[str, int]) -> None:
    """The control: each figure counts, and a rehearsal of nothing proves nothing."""
    assert WELL.good
    assert not replace(WELL, **wrong).good


@pytest.mark.parametrize(
    "wrong",
    [
        {"ended": 7},
        {"live": 0, "ended": 0},
        {"doubled": 1},
        {"struck": 0},
        {"tokens": 1},
        {"locked": 0},
        {"refused": False},
    ],
)
def test_credentials_that_did_not_end_prove_nothing(wrong: dict[str, Any]) -> None:
    """The control: all have ended well also where nothing happened."""
    assert ALSO_WELL.good
    assert not replace(ALSO_WELL, **wrong).good


@pytest.mark.parametrize(
    "wrong",
    [
        {"ended": 13},
        {"live": 0, "ended": 0, "documents": 0},
        {"doubled": 1},
        {"documents": 15},
        {"refused": 0},
        {"unavailable": 0},
    ],
)
def test_a_primary_that_was_not_missed_proves_nothing(wrong: dict[str, int]) -> None:
    """The control: a request that was stored twice counts, too."""
    assert STEPPED_DOWN.good
    assert not replace(STEPPED_DOWN, **wrong).good
