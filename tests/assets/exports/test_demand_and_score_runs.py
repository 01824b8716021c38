"""Demand, answers and scores, whole, over the hand-written pack.

Every number was added up by hand from the comments of the pack (`seed/tiny`), whose entries are
named by their number; `tests/export_platform/seed/test_tiny_numbers.py` adds them up without us.
"""

import csv
from typing import Any

import pytest

from assets.attempt import Done
from assets.model.manifest import Accounting
from export_platform.local.seed.tiny.scores import INTERNAL_RUN, VF_RUN
from tests.assets.workbench import Workbench, workbench

TEXT = {"compression": "none", "dialect": "rfc4180"}


def accounting(done: Done) -> Accounting:
    """Where the rows went."""
    assert done.manifest is not None, done
    return done.manifest.accounting


def rows(name: str, bench: Workbench | None = None, **params: Any) -> list[dict[str, str]]:
    """The rows of an export of Aurora Lights."""
    made = bench or workbench()
    done = made.run(name, **{**TEXT, **params})
    assert done.manifest is not None, done
    found: list[dict[str, str]] = []
    for file in done.manifest.files:
        text = made.body(file.key).decode()
        found += csv.DictReader(text.splitlines(keepends=True), strict=True)
    return found


def number(row: dict[str, str]) -> int:
    """The number of the entry in the pack."""
    return int(row["entry_id"][-3:], 16)


def test_fifty_two_fans_want_fifty_two_markets_most() -> None:
    """42 New York, 6 Vancouver, 4 Los Angeles; 9 have a second wish and 2 a third."""
    names = ("fans_any_preference", "fans_first_choice", "fans_second", "fans_third")
    found = {row["market_key"]: [row[name] for name in names] for row in rows("market-demand")}

    assert {
        "new-york-ny": ["47", "42", "5", "0"],
        "vancouver-bc": ["10", "6", "4", "0"],
        "los-angeles-ca": ["6", "4", "0", "2"],
        "TOTAL": ["52", "52", "9", "2"],
    } == found


def test_outsiders_see_no_market_of_fewer_than_ten_fans_and_no_way_to_it() -> None:
    """Los Angeles has 6 fans; Vancouver's 10 and the total would give them away."""
    found = {row["market_key"]: row for row in rows("market-demand", audience="external")}

    assert ["47", "", "", "52"] == [row["fans_any_preference"] for row in found.values()]
    assert ["", "", "", "52"] == [row["fans_first_choice"] for row in found.values()]
    assert ["99", "", "", "132"] == [row["tickets_requested"] for row in found.values()]


@pytest.mark.parametrize("level", ["postal3", "postal", "dma", "region", "country"])
def test_the_first_choices_of_areas_are_those_of_markets(level: str) -> None:
    """DOMAIN.md 11, point 8, on every level; no cell has fewer than the campaign's ten fans."""
    found = rows("geo-demand", level=level)

    assert 52 == sum(int(row["first_choice"]) for row in found)
    assert min(int(row["fans"]) for row in found) >= 10


def test_three_fans_answered_thirteen_times() -> None:
    """Entries 1, 15 and 45; the duplicate 46 is left out, and `shoe_size` is nobody's question."""
    bench = workbench()
    found = rows("survey-answers", bench, include_free_text=True)

    shown = [row["entry_id"] for row in found]
    by_place = dict(zip((1, 45, 15), dict.fromkeys(shown), strict=True))
    fans = [1, 45, 15, 45, 15, 45, 15, 45, 45, 45, 45, 45, 45]
    assert [by_place[fan] for fan in fans] == shown
    assert {64} == set(map(len, shown))
    assert ["sat", "fri", "a|b"] == [
        row["answer_value"] for row in found if row["question_key"] == "days"
    ]
    assert "Call [phone] or write [e-mail]" == found[4]["answer_value"]
    assert ["borealis", ""] == [found[6]["answer_value"], found[6]["answer_label"]]
    plain = rows("survey-answers")
    assert {"fan_since", "favourite_song", "days", "first_time", "last_concert"} == {
        row["question_key"] for row in plain
    }


def test_thirteen_entries_have_a_score_and_forty_have_none() -> None:
    """Twelve of our model's, and entry 20 by the account that its fan was merged into, twice."""
    bench = workbench()
    done = bench.run("scores", **TEXT)
    found = rows("scores")
    known = [number(row) for row in found if row["missing"] == "N"]

    assert [56, 1, 6, 54, 14, 16, 9, 20, 4, 45, 2, 13, 55] == known
    assert 40 == sum(row["missing"] == "Y" for row in found)
    assert {"deleted": 1, "erased": 3, "not_current": 1, "withdrawn": 2} == accounting(
        done
    ).filtered
    assert 2 == accounting(done).notes["unknown_entry"]
    runs = {number(row): row["run_id"] for row in found if row["run_id"]}
    assert {20: VF_RUN} == {n: run for n, run in runs.items() if run != INTERNAL_RUN}


def test_a_decision_and_a_line_that_was_corrected_show_in_the_scores() -> None:
    """Entry 2 was scored D and decided B, 9 stands in the file twice, 4's decision is over."""
    found = {number(row): row for row in rows("scores")}

    assert ("D", "B", "B") == tuple(
        found[2][name] for name in ("band", "override_band", "effective_band")
    )
    assert ("0.700000", "rescored", "0.7200") == tuple(
        found[9][name] for name in ("score", "reasons", "vf_score")
    )
    assert ("C", "", "C") == tuple(
        found[4][name] for name in ("band", "override_band", "effective_band")
    )


@pytest.mark.parametrize("provider", ["internal", "vf"])
def test_scores_and_input_of_scoring_have_the_same_rows(provider: str) -> None:
    """DOMAIN.md 11, point 9: 53 entries, 6 of guests and one of a user who is gone."""
    bench = workbench()
    done = bench.run("scoring-input", provider=provider, deliver=[])
    scored = rows("scores")
    guests = sum(row["account_id"] == "" for row in scored)

    assert (53, 7) == (len(scored), guests)
    expected = 53 if provider == "internal" else 46
    assert expected == accounting(done).written
