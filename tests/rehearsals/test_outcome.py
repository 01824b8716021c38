"""A rehearsal says that it went well only if it did."""

from dataclasses import replace

import pytest

from tests.rehearsals.lost_storage import Outcome

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
